"""The routes of the API: each reads a question, asks the Engine, and shapes the answer."""
