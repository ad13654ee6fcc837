"""What a model of a shop's own words says of cells in the shop's table: the empty ones, and those likely wrong."""
