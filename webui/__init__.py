"""The pages, on top of the API app."""
