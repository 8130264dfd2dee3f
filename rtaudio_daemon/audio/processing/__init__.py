"""Computations on samples: gate, speech, echo, wake words, earcons. Pure."""
