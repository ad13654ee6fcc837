"""Learning from a shop's own catalogue: heads over a frozen trunk that answer in the words of the shop's table."""
