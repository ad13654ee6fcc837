"""Recommending: what a person likes and dislikes in, strips of items out, each with the like that it is there for."""
