"""Pictures in folders: how these are walked, which paths are wanted, and what a path in a table means."""
