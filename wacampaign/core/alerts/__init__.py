"""What somebody is told without asking: its causes, and how one is put into words."""
