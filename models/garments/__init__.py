"""Several garments in one picture: where they may lie, of which kind they are, and which the model agrees to."""
