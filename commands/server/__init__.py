"""What `lookalike serve` is told besides what it serves: keys, who may ask, and its settings."""
