"""What is computed on samples: gate, speech, echo, wake words, earcons. Pure."""
