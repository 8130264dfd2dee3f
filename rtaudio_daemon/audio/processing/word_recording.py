"""A recording of a word to be taught: where the word is, and whether it can be learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[np.float32]
"""Samples from -1 to 1 at `RATE`."""

LEAST_S, MOST_S = 0.45, 1.8
"""Limits for the duration of a word."""
LEAST_SNR_DB = 15.0
_FRAME = RATE // 100
_BAND_HZ = (150, 3_800)
_BELOW_PEAK_DB = 28.0
_ABOVE_NOISE_DB = 8.0
_PAUSE_S = 0.3  # maximum inside a word
_BLIP_S = 0.06  # anything shorter is a click
_FULL = 0.985
_FULL_MOST = 8  # samples
_SILENCE = 1e-5

Fault = Literal["silent", "clipped", "noisy", "short", "long", "cut"]


@dataclass(frozen=True, slots=True)
class WordRecording:
    """A sound with a word from `start_s` to `end_s`; `snr_db`: its level above the noise."""

    sound: Sound
    start_s: float
    end_s: float
    snr_db: float

    @property
    def length_s(self) -> float:
        """The duration of the word."""
        return self.end_s - self.start_s

    @property
    def fault(self) -> Fault | None:
        """Why it cannot be learned from; None: it can."""
        if self.end_s == 0:
            return "silent"
        if int((np.abs(self.sound) >= _FULL).sum()) > _FULL_MOST:
            return "clipped"
        if self.start_s < 2 * _FRAME / RATE or self.end_s > len(self.sound) / RATE - 0.02:
            return "cut"
        if self.snr_db < LEAST_SNR_DB:
            return "noisy"
        if self.length_s < LEAST_S:
            return "short"
        return "long" if self.length_s > MOST_S else None


def word_recording(sound: Sound) -> WordRecording:
    """Find the word in `sound`: the stretch with most of the power, including short pauses."""
    heard = _voice_band(sound)
    frames = heard[: len(heard) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = (frames**2).mean(axis=1)
    loud = np.zeros(0, np.bool_)
    noise = 0.0
    if len(power) and power.max() > _SILENCE**2:
        noise = float(np.percentile(power, 15))
        limit = max(
            float(power.max()) * 10 ** (-_BELOW_PEAK_DB / 10), noise * 10 ** (_ABOVE_NOISE_DB / 10)
        )
        loud = power > limit
    stretches = _stretches(loud)
    if not stretches:
        return WordRecording(sound, 0.0, 0.0, 0.0)
    start, end = max(stretches, key=lambda each: float(power[each[0] : each[1]].sum()))
    spoken = float(power[start:end][loud[start:end]].mean())
    snr_db = 10 * float(np.log10(spoken / max(noise, _SILENCE**2)))
    return WordRecording(sound, start * _FRAME / RATE, end * _FRAME / RATE, snr_db)


def _voice_band(sound: Sound) -> Sound:
    """Return the sound without hum, rumble and hiss."""
    if not len(sound):
        return sound
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[(hertz < _BAND_HZ[0]) | (hertz > _BAND_HZ[1])] = 0
    return np.asarray(np.fft.irfft(spectrum, len(sound)), np.float32)


def _stretches(loud: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return begin and end of the loud stretches; pauses are bridged, clicks left out."""
    found: list[tuple[int, int]] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(np.int8), [0]])))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if end - start < _BLIP_S * 100:
            continue
        if found and start - found[-1][1] <= _PAUSE_S * 100:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found
