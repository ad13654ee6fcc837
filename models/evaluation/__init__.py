"""How good a model is: measures on test images, and reports for people."""
