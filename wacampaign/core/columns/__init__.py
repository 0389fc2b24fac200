"""Which column of a contact list fills which place of a template."""
