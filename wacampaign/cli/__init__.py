"""The command line: each module here parses, calls, and renders; rules live elsewhere."""
