"""Limits for sound files, in the daemon and in the process that decodes them."""

from __future__ import annotations

MOST_BYTES = 10_000_000
"""Maximum size of a file."""
LONGEST_S = 300.0
"""Maximum duration of its sound, in seconds."""
MOST_RATE = 768_000
LEAST_RATE = 1000
MOST_CHANNELS = 32
DAMAGED, TOO_LONG, STRANGE = 3, 4, 5
"""Exit statuses of the decoding process."""
