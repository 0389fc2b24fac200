"""Tells people what stands: who looks, and how what is to be told reaches its addresses."""
