"""The processes that answer: forked from one that has imported everything, each with a few threads."""
