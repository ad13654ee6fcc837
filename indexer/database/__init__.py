"""A catalogue's SQLite database: where it lies, who has it open, its rows and the checksums that prove them."""
