"""Sound files for tests."""

from __future__ import annotations

import io
import wave

import numpy as np
import soundfile

RATE = 8000


def tone(seconds: float = 1.0, rate: int = RATE) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 0.4 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)


def wav(seconds: float = 1.0, rate: int = RATE, channels: int = 1) -> bytes:
    found = io.BytesIO()
    samples = (tone(seconds, rate) * 32767).astype("<i2")
    with wave.open(found, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(samples, channels).tobytes())
    return found.getvalue()


def encoded(kind: str, subtype: str, seconds: float = 1.0) -> bytes:
    """A tone as soundfile writes it."""
    found = io.BytesIO()
    soundfile.write(found, tone(seconds), RATE, format=kind, subtype=subtype)
    return found.getvalue()
