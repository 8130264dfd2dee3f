"""Sound files of unknown origin: WAV is decoded here, all else in a separate process."""
