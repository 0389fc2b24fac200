"""The Cloud API: the one POST of the send path, and a client that reads."""
