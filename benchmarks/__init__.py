"""What is fast, against what: every figure a ratio to a named alternative, measured in the same run."""
