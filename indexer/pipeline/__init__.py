"""From a source into a catalogue: planned, prepared in worker processes, embedded, committed."""
