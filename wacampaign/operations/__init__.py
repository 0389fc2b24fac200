"""All that can be done with campaigns, without a terminal."""
