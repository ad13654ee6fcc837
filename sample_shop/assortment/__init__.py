"""What is sold: cuts in the fabrics, colours and prices they come in."""
