"""The stages in which a table is read: bytes, text, rows, headings, columns and their kinds, values."""
