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
SILENCE_DBFS = -96.0  # what 16 bits can just not hold any more
_FRAME_SAMPLES = FRAME_BYTES // BYTES_PER_SAMPLE
_FULL_FRAME = _FRAME_SAMPLES * 32768.0**2
_LOW_HZ = (30, 60, 90)
_SHORT_BYTES = 4 * FRAME_BYTES  # whose loudness is asked for by several, and remembered
_INT16, _FLOAT64 = np.dtype("<i2"), np.dtype(np.float64)  # ready, as making them takes longer


class Frame(NamedTuple):
    """A short stretch of sound from a microphone: `FRAME_BYTES` of pcm, 20 ms.

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
    """The loudness of `pcm` (root mean square) in dB below full scale; `SILENCE_DBFS` at least.

    What is below about 100 Hz does not count, as the offset of a sound card, hum and rumble do.
    What is left over at the end, after frames of 20 ms, does not count either.
    """
    return _remembered_dbfs(pcm) if len(pcm) <= _SHORT_BYTES else _dbfs(pcm)


def dbfs_of_each(frames: list[bytes]) -> list[float]:
    """The same for each of several frames of `FRAME_BYTES`, in one step."""
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
    frame = np.frombuffer(pcm, _INT16).astype(_FLOAT64)  # the same in fewer steps
    low = frame @ _low_shapes(_FRAME_SAMPLES)
    power = float(frame @ frame - low @ low) / _FULL_FRAME
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power > 0 else SILENCE_DBFS


@lru_cache(maxsize=32)
def _low_shapes(length: int) -> NDArray[np.float64]:
    """Orthonormal columns that make up any sound of `length` samples below about 100 Hz."""
    time = np.arange(length) / SAMPLE_RATE
    turns = [2 * np.pi * pitch * time for pitch in _LOW_HZ]
    shapes = [np.ones(length), *map(np.cos, turns), *map(np.sin, turns)]
    return np.asarray(np.linalg.svd(np.array(shapes).T, full_matrices=False)[0], dtype=np.float64)
