"""Telling copies of one picture from colour variants of one product, which look alike to every vector."""
