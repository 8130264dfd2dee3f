"""Detects deaf microphones: broken ones still deliver frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...notifications import DeviceCode
from ..processing.format import BYTES_PER_MS

DITHER = 2  # digital silence becomes -1, 0 and 1 in a resampler
_LOUDEST = 32_700  # a sample beyond this is at the limit of 16 bits
_CLIPPED = 0.5  # a share of such samples that no voice reaches, however near


@dataclass(frozen=True, slots=True)
class Deaf:
    """Why a microphone is deaf, for programs and in words."""

    code: DeviceCode
    reason: str


SILENT = Deaf(DeviceCode.SILENT, "it delivers digital silence; is it muted, or its source gone?")
OVERDRIVEN = Deaf(
    DeviceCode.OVERDRIVEN,
    "it is stuck at full scale; is it defective, or its gain far too high?",
)


@dataclass(slots=True)
class SignalCheck:
    """Examines all sound of a microphone; `feed` returns why the microphone is deaf, or None.

    `after_s`: how long the sound must be implausible (0: never check). `without_speech_h`: after
    how many hours without speech a microphone is suspicious (0: never). Time is counted in sound.
    """

    after_s: float = 4.0
    without_speech_h: float = 0.0
    _constant_ms: float = 0.0
    _clipped_ms: float = 0.0
    _speechless_ms: float = 0.0

    def feed(self, pcm: bytes) -> Deaf | None:
        """Examine the next piece of sound, of any length."""
        ms = len(pcm) / BYTES_PER_MS
        samples = np.frombuffer(pcm, dtype="<i2")
        low, high = int(samples.min()), int(samples.max())
        clipped = False
        if max(high, -low) > _LOUDEST:
            clipped = float(np.mean(np.abs(samples.astype(np.int32)) > _LOUDEST)) > _CLIPPED
        self._constant_ms = self._constant_ms + ms if high - low <= DITHER else 0.0
        self._clipped_ms = self._clipped_ms + ms if clipped else 0.0
        impossible = self._impossible()
        self._speechless_ms = 0.0 if impossible else self._speechless_ms + ms
        return impossible or self._speechless()

    def speech_noticed(self) -> None:
        """Note that somebody was heard."""
        self._speechless_ms = 0.0

    def start_again(self) -> None:
        """Note that there is a new stream."""
        self._constant_ms = self._clipped_ms = self._speechless_ms = 0.0

    def _impossible(self) -> Deaf | None:
        after_ms = self.after_s * 1000
        if after_ms and self._constant_ms >= after_ms:
            return SILENT
        if after_ms and self._clipped_ms >= after_ms:
            return OVERDRIVEN
        return None

    def _speechless(self) -> Deaf | None:
        hours = self.without_speech_h
        if hours and self._speechless_ms >= hours * 3_600_000:
            return Deaf(DeviceCode.NO_SPEECH, f"nobody was heard for {hours:g} h")
        return None
