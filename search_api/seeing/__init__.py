"""Seeing: from the bytes of a picture to what a model says of it, and of the garments in it."""
