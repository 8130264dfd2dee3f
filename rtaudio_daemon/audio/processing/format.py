"""The one format of sound inside the daemon, and conversions into and out of it.

PCM is 24 kHz, mono, signed 16-bit little-endian: 48 bytes per millisecond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import soxr

SAMPLE_RATE = 24_000
BYTES_PER_SAMPLE = 2
BYTES_PER_MS = 48
FRAME_MS = 20
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
SILENCE_DBFS = -96.0  # what 16 bits can just not hold any more


@dataclass(frozen=True, slots=True)
class Frame:
    """A short stretch of sound from a microphone: `FRAME_BYTES` of pcm, 20 ms."""

    pcm: bytes


class Resampler:
    """A stream of mono s16le sound from one sample rate to another.

    Stateful: feed it the pieces of one stream in order, of any size; a byte that is half a sample
    waits for its other half. Equal rates pass through.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._odd = b""
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality="LQ")
        )

    def feed(self, pcm: bytes) -> bytes:
        """What is ready after `pcm`; some milliseconds stay inside until more comes."""
        pcm = self._odd + pcm
        whole = len(pcm) & ~1
        self._odd = pcm[whole:]
        if self._stream is None:
            return pcm[:whole]
        samples = np.frombuffer(pcm, dtype="<i2", count=whole // 2)
        return bytes(self._stream.resample_chunk(samples).tobytes())

    def flush(self) -> bytes:
        """The rest of the stream; the resampler is then ready for a new one."""
        self._odd = b""
        if self._stream is None:
            return b""
        rest = self._stream.resample_chunk(np.zeros(0, dtype="<i2"), last=True)
        self._stream.clear()
        return bytes(rest.tobytes())


def dbfs(pcm: bytes) -> float:
    """The loudness of `pcm` (root mean square) in dB below full scale; `SILENCE_DBFS` at least."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    if not samples.size:
        return SILENCE_DBFS
    power = float(np.dot(samples, samples)) / samples.size / 32768.0**2
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power else SILENCE_DBFS
