"""Reading what is to be written out of requests, and answering those that come again."""

TRIED_BEFORE = "lookalike.tried-before"
"""Set in a request's environment where a worker died over it: it may have been carried out already."""
