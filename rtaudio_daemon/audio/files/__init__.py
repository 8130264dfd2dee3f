"""Sound files of others: WAV here, all else in a process of its own."""
