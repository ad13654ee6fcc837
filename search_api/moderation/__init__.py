"""Moderation: what a policy says, and what of it a picture meets."""
