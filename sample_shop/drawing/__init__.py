"""Curves, masks, light and colours, and the canvas: what anything is drawn with."""
