"""What a campaign is: its state and counts, what is wrong with it, and what to do next."""
