"""Numbers and their templates: what a campaign sends from and with."""
