"""One module a command: parse, call one operation, show."""
