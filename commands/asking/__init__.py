"""Commands that ask a catalogue about several things at once."""
