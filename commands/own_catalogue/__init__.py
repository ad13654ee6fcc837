"""What is learned from a shop's own catalogue, and what it is good for there."""
