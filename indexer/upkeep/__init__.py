"""What is done to a catalogue as a whole: verify, repair, back up, restore, reindex."""
