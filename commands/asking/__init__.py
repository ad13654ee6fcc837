"""Commands that ask a catalogue: what is similar, what somebody would like, how many there are of each."""
