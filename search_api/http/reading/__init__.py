"""Reading what is asked: parameters out of text and JSON, forms, bodies, and whole questions."""
