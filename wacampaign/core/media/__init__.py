"""Header media: what a template's header asks for, what Meta takes, and whether a file is that."""
