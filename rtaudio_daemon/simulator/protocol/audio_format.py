"""Base64 and the telephone's 8 kHz formats, converted to 24 kHz pcm and back."""

from __future__ import annotations

import base64
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import soxr

from .rejection import Rejection, invalid

AudioFormat = Literal["pcm16", "g711_ulaw", "g711_alaw"]

_APPEND_LIMIT = 15 * 1024 * 1024
_RATE = 24_000
_TELEPHONE_RATE = 8_000
_ULAW_BIAS = 132
_Samples = npt.NDArray[np.int16]


def decoded(audio: str, kind: AudioFormat) -> bytes:
    """Return the bytes in `audio` (base64); raises `Rejection` for too many, or half a sample."""
    if len(audio) * 3 // 4 > _APPEND_LIMIT + 2:
        raise invalid("audio", "expected at most 15 MiB of audio.")
    try:
        sound = base64.b64decode(audio, validate=True)
    except ValueError as error:
        raise Rejection(
            "Invalid 'audio'. Expected base64-encoded audio bytes.",
            code="invalid_value",
            param="audio",
        ) from error
    if kind == "pcm16" and len(sound) % 2:
        raise invalid("audio", "expected whole samples of 16 bits (an even number of bytes).")
    return sound


class Decoder:
    """Converts a client's sound in one format to pcm; use one as long as the format is the same."""

    def __init__(self, kind: AudioFormat) -> None:
        self.kind = kind
        self._stream = _stream(_TELEPHONE_RATE, _RATE)

    def pcm(self, sound: bytes) -> bytes:
        """Return 24 kHz pcm; with telephone formats a little is delayed to the next call."""
        if self.kind == "pcm16":
            return sound
        table = _ULAW if self.kind == "g711_ulaw" else _ALAW
        samples: _Samples = table[np.frombuffer(sound, dtype=np.uint8)]
        resampled: bytes = self._stream.resample_chunk(samples).tobytes()
        return resampled


class Encoder:
    """Converts the pcm of one answer to one format."""

    def __init__(self, kind: AudioFormat) -> None:
        self._codes = {"g711_ulaw": _ULAW_CODES, "g711_alaw": _ALAW_CODES}.get(kind)
        self._stream: Any = _stream(_RATE, _TELEPHONE_RATE) if self._codes is not None else None

    def encoded(self, pcm: bytes) -> bytes:
        """Return the next piece; with telephone formats a little is delayed to the next call."""
        if self._codes is None:
            return pcm
        samples: _Samples = self._stream.resample_chunk(np.frombuffer(pcm, dtype="<i2"))
        at = samples.astype(np.int32) + 32_768
        return bytes(self._codes[at].tobytes())


def _stream(rate_in: int, rate_out: int) -> Any:
    return soxr.ResampleStream(rate_in, rate_out, 1, dtype="int16")


def _ulaw_table() -> _Samples:
    codes = ~np.arange(256, dtype=np.int32) & 0xFF
    size = (((codes & 0x0F) << 3) + _ULAW_BIAS) << ((codes >> 4) & 7)
    return np.where(codes & 0x80, _ULAW_BIAS - size, size - _ULAW_BIAS).astype(np.int16)


def _alaw_table() -> _Samples:
    codes = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (codes >> 4) & 7
    step = (codes & 0x0F) << 4
    size = np.where(exponent == 0, step + 8, (step + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(codes & 0x80, size, -size).astype(np.int16)


def _codes(table: _Samples) -> npt.NDArray[np.uint8]:
    """The code whose sample is nearest, for every sample from -32768 up."""
    order = np.argsort(table, kind="stable")
    levels = table[order].astype(np.int32)
    middles = (levels[1:] + levels[:-1]) // 2
    at = np.searchsorted(middles, np.arange(-32_768, 32_768))
    return order[at].astype(np.uint8)


_ULAW, _ALAW = _ulaw_table(), _alaw_table()
_ULAW_CODES, _ALAW_CODES = _codes(_ULAW), _codes(_ALAW)
