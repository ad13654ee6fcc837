"""What a catalogue or the sample is written out as."""
