"""Prepares spoken words for storage: trims the silence around them and equalizes loudness."""

from __future__ import annotations

import numpy as np

from .format import BYTES_PER_MS, SAMPLE_RATE

_QUIET = 300  # samples below this are silence
_MARGIN = SAMPLE_RATE // 10
_LOUDNESS = 0.16  # of full scale (root mean square), at volume 1: -16 dBFS
_PEAK = 32_000
_MS_PER_LETTER = (30, 200)
_SLACK_MS = 1000  # even one short word takes time


def trimmed(pcm: bytes) -> bytes:
    """Return the sound without silence at its ends, at standard loudness; empty if silent."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    if not len(loud):
        return b""
    kept = samples[max(0, int(loud[0]) - _MARGIN) : int(loud[-1]) + 1 + _MARGIN]
    gain = _LOUDNESS * 32_768 / float(np.sqrt(np.mean(kept**2)))
    gain = min(gain, _PEAK / float(np.abs(kept).max()))
    return bytes((kept * gain).astype("<i2").tobytes())


def at_volume(pcm: bytes, volume: float) -> bytes:
    """Return the sound at `volume` (0 to 1)."""
    return bytes((np.frombuffer(pcm, dtype="<i2") * volume).astype("<i2").tobytes())


def plausible(pcm: bytes, text: str) -> bool:
    """Return whether the text may plausibly take that long."""
    letters = sum(each.isalnum() for each in text)
    fastest, slowest = (letters * ms for ms in _MS_PER_LETTER)
    return fastest <= len(pcm) / BYTES_PER_MS <= slowest + _SLACK_MS
