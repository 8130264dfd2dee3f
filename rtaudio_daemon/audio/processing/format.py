"""The one format of sound inside the daemon, and conversions into and out of it.

PCM is 24 kHz, mono, signed 16-bit little-endian: 48 bytes per millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

SAMPLE_RATE = 24_000
BYTES_PER_SAMPLE = 2
BYTES_PER_MS = 48
FRAME_MS = 20
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
SILENCE_DBFS = -96.0  # just below the smallest amplitude of 16 bits
_FRAME_SAMPLES = FRAME_BYTES // BYTES_PER_SAMPLE
_FULL_FRAME = _FRAME_SAMPLES * 32768.0**2
_LOW_HZ = (30, 60, 90)
_SHORT_BYTES = 4 * FRAME_BYTES  # sounds up to this size are cached: several callers need them
_INT16, _FLOAT64 = np.dtype("<i2"), np.dtype(np.float64)  # prepared, which saves time


class Frame(NamedTuple):
    """A short piece of sound from a microphone: `FRAME_BYTES` of pcm, 20 ms.

    `heard_at`: when its last sample was heard, in seconds of the loop's clock; None: just now.
    """

    pcm: bytes
    heard_at: float | None = None


def median(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The one in the middle, of at least one.

    `np.median` loads a megabyte for masked arrays at its first call, in the middle of the sound.
    """
    ordered = np.sort(np.asarray(values, dtype=_FLOAT64))
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


class Resampler:
    """Converts a stream of mono s16le sound from one sample rate to another.

    Stateful: pass the pieces of one stream in order, of any size; half a sample waits for its
    other byte. With equal rates, sound is passed through.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._odd = b""
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality="LQ")
        )

    def feed(self, pcm: bytes) -> bytes:
        """Return the sound that is ready; some milliseconds stay inside until more arrives."""
        pcm = self._odd + pcm
        whole = len(pcm) & ~1
        self._odd = pcm[whole:]
        if self._stream is None:
            return pcm[:whole]
        samples = np.frombuffer(pcm, dtype="<i2", count=whole // 2)
        return bytes(self._stream.resample_chunk(samples).tobytes())

    def flush(self) -> bytes:
        """Return the rest of the stream, and get ready for a new one."""
        self._odd = b""
        if self._stream is None:
            return b""
        rest = self._stream.resample_chunk(np.zeros(0, dtype="<i2"), last=True)
        self._stream.clear()
        return bytes(rest.tobytes())


def dbfs(pcm: bytes) -> float:
    """Return the loudness of `pcm` (root mean square) in dBFS; at least `SILENCE_DBFS`.

    Frequencies below about 100 Hz are ignored, such as DC offset, hum and rumble. So is the
    remainder after the last whole frame of 20 ms.
    """
    return _remembered_dbfs(pcm) if len(pcm) <= _SHORT_BYTES else _dbfs(pcm)


def dbfs_of_each(frames: list[bytes]) -> list[float]:
    """Return the loudness of each of several frames of `FRAME_BYTES`, in one step."""
    if any(len(pcm) != FRAME_BYTES for pcm in frames):
        return [dbfs(pcm) for pcm in frames]
    sound = np.frombuffer(b"".join(frames), _INT16).astype(_FLOAT64).reshape(-1, _FRAME_SAMPLES)
    low = sound @ _low_shapes(_FRAME_SAMPLES)
    powers = np.einsum("ij,ij->i", sound, sound) - np.einsum("ij,ij->i", low, low)
    return [
        max(SILENCE_DBFS, 10 * math.log10(power / _FULL_FRAME)) if power > 0 else SILENCE_DBFS
        for power in powers.tolist()
    ]


def _dbfs(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, _INT16).astype(_FLOAT64)
    if not samples.size:
        return SILENCE_DBFS
    length = min(_FRAME_SAMPLES, samples.size)
    frames = samples[: samples.size // length * length].reshape(-1, length)
    low = frames @ _low_shapes(length)
    power = float(np.vdot(frames, frames) - np.vdot(low, low)) / frames.size / 32768.0**2
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power > 0 else SILENCE_DBFS


@lru_cache(maxsize=8)
def _remembered_dbfs(pcm: bytes) -> float:
    if len(pcm) != FRAME_BYTES:
        return _dbfs(pcm)
    frame = np.frombuffer(pcm, _INT16).astype(_FLOAT64)  # as below, in fewer steps
    low = frame @ _low_shapes(_FRAME_SAMPLES)
    power = float(frame @ frame - low @ low) / _FULL_FRAME
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power > 0 else SILENCE_DBFS


@lru_cache(maxsize=32)
def _low_shapes(length: int) -> NDArray[np.float64]:
    """Return orthonormal columns that span sound of `length` samples below about 100 Hz."""
    time = np.arange(length) / SAMPLE_RATE
    turns = [2 * np.pi * pitch * time for pitch in _LOW_HZ]
    shapes = [np.ones(length), *map(np.cos, turns), *map(np.sin, turns)]
    return np.asarray(np.linalg.svd(np.array(shapes).T, full_matrices=False)[0], dtype=np.float64)
