"""What a sound file may be, for the daemon and for the process that decodes it."""

from __future__ import annotations

MOST_BYTES = 10_000_000
"""How large a file may be."""
LONGEST_S = 300.0
"""How long its sound may be."""
MOST_RATE = 768_000
LEAST_RATE = 1000
MOST_CHANNELS = 32
DAMAGED, TOO_LONG, STRANGE = 3, 4, 5
"""Exit statuses of the process."""
