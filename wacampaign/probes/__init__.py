"""An investigation's questions to the outside: Meta's objects, media hosts, test messages."""
