"""Pictures at web addresses: which are fetched, from where, and with how much patience."""
