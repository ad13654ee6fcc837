"""Cloth: patterns and weaves, and how it is dyed."""
