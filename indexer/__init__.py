"""The catalogue: sources of items, the pipeline that indexes them, and exact search over their vectors."""
