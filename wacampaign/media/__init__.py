"""The outside of the media validator: fetching as a stranger, and reading containers."""
