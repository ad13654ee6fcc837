"""Data sets to learn from and to measure with: found or downloaded, checked, and parsed."""
