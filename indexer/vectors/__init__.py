"""The vectors in memory and in index files: FAISS, exact or through a graph."""
