"""The catalogue that everything above works with."""
