"""A simulated Meta Cloud API: answers like it, fails like it on request, and counts exactly."""
