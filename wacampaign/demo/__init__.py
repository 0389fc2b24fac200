"""The demo: a whole campaign on an embedded database and a simulated Cloud API, then the proof."""
