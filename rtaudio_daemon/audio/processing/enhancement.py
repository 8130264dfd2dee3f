"""What makes a voice clearer: a fixed gain, less noise, every voice about as loud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Enhancer(Protocol):
    """Makes a stream of sound better."""

    def enhanced(self, pcm: bytes) -> bytes:
        """The next 10 ms of it, or a multiple; as long as `pcm`."""


@dataclass(frozen=True, slots=True)
class Enhancement:
    """The gain comes before the echo is cancelled, the enhancers after it.

    Only the gain may come before: it changes nothing of how sound becomes its echo.
    """

    gain_db: float = 0.0
    enhancers: tuple[Enhancer, ...] = ()
    note: str | None = None
    """Why this is not what was asked for."""

    def amplified(self, pcm: bytes) -> bytes:
        """`pcm` louder by `gain_db`; what is too loud for 16 bits stays at their end."""
        if not self.gain_db:
            return pcm
        louder = np.frombuffer(pcm, dtype="<i2") * 10 ** (self.gain_db / 20)
        return bytes(np.clip(louder, -32768, 32767).astype("<i2").tobytes())

    def enhanced(self, pcm: bytes) -> bytes:
        """One frame as the gate, the wake words and the service shall hear it."""
        for enhancer in self.enhancers:
            pcm = enhancer.enhanced(pcm)
        return pcm
