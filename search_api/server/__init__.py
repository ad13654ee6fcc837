"""The process that listens: connections, workers, deadlines and lanes."""
