"""Tables as other programs export them: which columns mean what, and several pictures or rows of an item."""
