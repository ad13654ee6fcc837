"""What may be wrong with a picture, whatever it shows: too dark, too bright, a banner across it."""
