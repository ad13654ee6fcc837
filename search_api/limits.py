"""What may be asked for, and what is taken where nothing is said: the same for command line, API and pages."""

DEFAULT_K = 12
MAX_K = 100
"""Items that a search finds."""

DEFAULT_LIMIT = 48
MAX_LIMIT = 100
MAX_OFFSET = 2**31
"""Items of a listing's page, and how far into the listing it may begin."""

DEFAULT_NEIGHBOURS = 20
"""Items found for each item of a catalogue where all are asked for."""

MAX_WAIT = 10.0
"""Seconds that a picture waits for its turn to be decoded."""
