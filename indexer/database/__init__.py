"""One catalogue in SQLite: its file, its rows, its locks, and what proves them undamaged."""
