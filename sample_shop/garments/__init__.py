"""The cuts: every garment, shoe and bag, as parts on a canvas."""
