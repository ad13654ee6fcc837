"""The server against the one it replaced, from outside: how much it answers, and whom it can be stopped by."""
