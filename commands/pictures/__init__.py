"""Commands that judge pictures: which are copies of each other, which may be shown."""
