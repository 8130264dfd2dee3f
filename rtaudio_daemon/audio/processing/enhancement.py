"""Enhancement of the microphone signal: fixed gain, noise suppression, automatic gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Enhancer(Protocol):
    """Enhances a stream of sound."""

    def enhanced(self, pcm: bytes) -> bytes:
        """Return the next 10 ms, or a multiple, enhanced; as long as `pcm`."""


@dataclass(frozen=True, slots=True)
class Enhancement:
    """A fixed gain before echo cancellation, and enhancers after it.

    Only the gain may come before, because it does not alter how sound turns into its echo.
    """

    gain_db: float = 0.0
    enhancers: tuple[Enhancer, ...] = ()
    note: str | None = None
    """Why this is not what was requested."""

    def amplified(self, pcm: bytes) -> bytes:
        """Return `pcm` amplified by `gain_db`, clipped to 16 bits."""
        if not self.gain_db:
            return pcm
        louder = np.frombuffer(pcm, dtype="<i2") * 10 ** (self.gain_db / 20)
        return bytes(np.clip(louder, -32768, 32767).astype("<i2").tobytes())

    def enhanced(self, pcm: bytes) -> bytes:
        """Return a frame enhanced for the gate, the wake words and the service."""
        for enhancer in self.enhancers:
            pcm = enhancer.enhanced(pcm)
        return pcm
