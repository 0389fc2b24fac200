"""Templates: their shape, the message made of one, and in what a row differs from it."""
