"""The model for product pictures in colour: a trunk that learned ImageNet, and heads fitted to garments."""
