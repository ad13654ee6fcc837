"""What benchmarks stand on: turns and medians, servers and their memory, load, the obvious way and earlier commits."""
