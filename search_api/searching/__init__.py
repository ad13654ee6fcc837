"""Searching: in which order items come, which of them are answered with, and where the next page begins."""
