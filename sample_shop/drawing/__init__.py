"""Curves, masks and light: what anything is drawn with."""
