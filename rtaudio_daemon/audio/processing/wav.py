"""Parses WAV files."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

import numpy as np

from .format import SAMPLE_RATE, Resampler

_MOST_CHANNELS = 32
_RATES = range(1000, 768_001)
_WIDTHS = range(1, 5)  # bytes of one sample


@dataclass(frozen=True, slots=True)
class Wav:
    """PCM samples as stored in a file; `width`: bytes per sample."""

    rate: int
    channels: int
    width: int
    samples: bytes

    @property
    def seconds(self) -> float:
        """The duration of the sound."""
        return len(self.samples) / (self.width * self.channels * self.rate)

    def pcm(self) -> bytes:
        """Return the sound as pcm, with its channels mixed."""
        raw, width = self.samples, self.width
        raw = raw[: len(raw) // (width * self.channels) * width * self.channels]
        if width == 1:
            samples = (np.frombuffer(raw, dtype=np.uint8).astype(np.int32) - 128) << 8
        elif width == 3:
            low, high = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3)[:, 1:].T
            samples = low.astype(np.int32) | (high.astype(np.int8).astype(np.int32) << 8)
        else:
            samples = np.frombuffer(raw, dtype=f"<i{width}").astype(np.int64) >> (8 * width - 16)
        mixed = samples.reshape(-1, self.channels).mean(axis=1).astype("<i2").tobytes()
        resampler = Resampler(self.rate, SAMPLE_RATE)
        return resampler.feed(mixed) + resampler.flush()


def parse_wav(raw: bytes) -> Wav:
    """Parse a WAV file; the lengths that it states need not be correct.

    Raises ValueError if it cannot be played; the message is meant to follow the file's name.
    """
    try:
        found = wave.Wave_read(io.BytesIO(raw))
        rate, channels, width = found.getframerate(), found.getnchannels(), found.getsampwidth()
        samples = found.readframes(found.getnframes())
    except (wave.Error, EOFError, RuntimeError) as error:
        raise ValueError(f"is not a WAV file with PCM samples: {error}") from error
    if rate not in _RATES or width not in _WIDTHS or channels > _MOST_CHANNELS:
        raise ValueError(
            f"is a WAV file of {rate} Hz, {channels} channels and {8 * width} bits, which nothing "
            "here can play"
        )
    return Wav(rate, channels, width, samples)
