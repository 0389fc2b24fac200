"""Is this installation fit to run: facts become checks, each with what mends it."""
