"""Colours, weaves and patterns."""
