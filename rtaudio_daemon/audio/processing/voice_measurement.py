"""Measures the loudness of a speaker in the microphone, and of the room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...config import Input
from .format import FRAME_BYTES, dbfs, median
from .room_measurement import Proposal

LISTENING_MS = 8_000
_SPEECH = 0.5
_NO_SPEECH = 0.1
_LEAST_FRAMES = 25  # minimum of speech: half a second
_WANTED_DBFS = -26.0  # leaves headroom for a shout
_SOFT_DBFS = -38.0
_LOUD_DBFS = -14.0
_MOST_GAIN_DB = 40.0
_NOISE_DBFS = -50.0
_NOISY_DB = 20.0  # voice above noise; below this, noise suppression helps


@dataclass(frozen=True, slots=True)
class VoiceMeasurement:
    """Levels in dBFS: of the loud parts of a voice, and of the sound between words."""

    voice_dbfs: float
    noise_dbfs: float

    @property
    def above_db(self) -> float:
        """How much louder the voice is than the noise, in dB."""
        return self.voice_dbfs - self.noise_dbfs


def frames_of(pcm: bytes) -> list[bytes]:
    """Return the whole frames of a sound."""
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def measure(frames: Sequence[bytes], probabilities: Sequence[float]) -> VoiceMeasurement | None:
    """Measure frames with these speech probabilities; None if they contain hardly any speech."""
    levels = np.array([dbfs(each) for each in frames])
    likely = np.array(probabilities)
    voice, noise = levels[likely >= _SPEECH], levels[likely < _NO_SPEECH]
    if len(voice) < _LEAST_FRAMES or not len(noise):
        return None
    return VoiceMeasurement(float(np.percentile(voice, 75)), median(noise))


def voice_proposals(
    measured: VoiceMeasurement, now: Input, *, can_suppress: bool
) -> list[Proposal]:
    """Return the settings to change according to the measurement (before any gain)."""
    found = []
    after = measured.voice_dbfs + now.gain_db
    if not _SOFT_DBFS <= after <= _LOUD_DBFS:
        gain = float(min(_MOST_GAIN_DB, max(0, round(_WANTED_DBFS - measured.voice_dbfs))))
        if gain != now.gain_db:
            why = f"your voice would be at {measured.voice_dbfs + gain:.0f} dBFS"
            found.append(Proposal(("audio", "input", "gain_db"), now.gain_db, gain, why))
    noisy = measured.noise_dbfs > _NOISE_DBFS and measured.above_db < _NOISY_DB
    if noisy and can_suppress and now.noise_suppression == "off":
        why = f"your voice is only {measured.above_db:.0f} dB louder than the room"
        found.append(Proposal(("audio", "input", "noise_suppression"), "off", "on", why))
    return found
