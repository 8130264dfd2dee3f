"""Measures with a chirp the delay and loudness of the loudspeaker's echo in the microphone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...config import Audio
from .format import BYTES_PER_MS, SAMPLE_RATE, dbfs, median

_CHIRP_S = 1.0
_FROM_HZ, _TO_HZ = 300.0, 4_000.0  # the range of small loudspeakers and of voices
_LOUDNESS = 0.25
_SURE = 8.0  # minimum height of the peak relative to everything else
_INAUDIBLE_DB = -70.0
_LOUD_ECHO_DB = -6.0
_LATE_MS = 400.0
_LOUD_ROOM_DBFS = -40.0
QUIET_ROOM_DBFS = -50.0  # above this, an echo may exist and not be found
_FLOOR = 1e-3  # -60 dB
DECAY_STEP_MS = 5
DECAY_STEPS = 64
DECAY_LEAD = 4
LEAD_MS = 1_000  # recorded before the chirp, for the noise of the room
TAIL_MS = 1_500


@dataclass(frozen=True, slots=True)
class Measurement:
    """The echo. `delay_ms`: from the speaker's queue to the microphone's frame; None: not heard.

    `echo_db`: level in the microphone relative to what is played; `noise_dbfs`: the quiet room.
    """

    noise_dbfs: float
    delay_ms: float | None = None
    echo_db: float | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """An option of config.yaml (`steps`): its value, the proposed value, and the reason."""

    steps: tuple[str, ...]
    now: str | float
    value: str | float
    why: str


def chirp() -> bytes:
    """Return a second of rising tone, as pcm."""
    time = np.arange(int(SAMPLE_RATE * _CHIRP_S)) / SAMPLE_RATE
    phase = 2 * np.pi * (_FROM_HZ * time + (_TO_HZ - _FROM_HZ) / (2 * _CHIRP_S) * time**2)
    edge = np.minimum(1, np.minimum(time, time[::-1]) / 0.02)
    return bytes((np.sin(phase) * edge * _LOUDNESS * 32767).astype("<i2").tobytes())


def examine(before: bytes, heard: bytes) -> Measurement:
    """Examine what was heard before the chirp, and after it was given to the speaker."""
    noise = dbfs(before)
    played, likeness = _likeness(heard)
    if not len(likeness):
        return Measurement(noise)
    at = int(np.argmax(likeness))
    if not likeness[at] or likeness[at] < _SURE * median(likeness):
        return Measurement(noise)
    gain = likeness[at] / float(np.dot(played, played))
    there = heard[2 * at : 2 * at + len(played) * 2]
    # Reverberation adds to the direct path; noise is subtracted.
    power = max(10 ** (dbfs(there) / 10) - 10 ** (noise / 10), 1e-12)
    echo_db = 10 * np.log10(power) - dbfs(chirp())
    echo_db = float(max(echo_db, 20 * np.log10(gain)))
    if echo_db < _INAUDIBLE_DB:
        return Measurement(noise)
    return Measurement(noise, at / (SAMPLE_RATE / 1000), echo_db)


def decay(heard: bytes, measured: Measurement) -> list[float]:
    """Return the decay of the echo: dB below its peak, for each of `DECAY_STEPS` steps.

    The first step begins `DECAY_LEAD` steps before the peak. Empty if there is no echo.
    """
    if measured.delay_ms is None:
        return []
    _, likeness = _likeness(heard)
    step = DECAY_STEP_MS * SAMPLE_RATE // 1000
    first = round(measured.delay_ms * SAMPLE_RATE / 1000) - DECAY_LEAD * step
    wide = np.zeros(DECAY_STEPS * step)
    there = likeness[max(0, first) : max(0, first + len(wide))]
    wide[max(0, -first) : max(0, -first) + len(there)] = there[: len(wide) - max(0, -first)]
    strongest = wide.reshape(DECAY_STEPS, step).max(axis=1) / float(wide.max())
    return [round(float(each), 1) for each in 20 * np.log10(np.maximum(strongest, _FLOOR))]


def _likeness(heard: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the chirp, and the correlation of what was heard with it from each sample on."""
    played = np.frombuffer(chirp(), dtype="<i2").astype(np.float64)
    samples = np.frombuffer(heard, dtype="<i2").astype(np.float64)
    if len(samples) <= len(played):
        return played, np.zeros(0)
    size = len(samples) + len(played)
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(played, size))
    return played, np.abs(np.fft.irfft(spectrum, size)[: len(samples) - len(played)])


def proposals(measured: Measurement, now: Audio, *, can_cancel: bool) -> list[Proposal]:
    """Return the settings to change according to the measurement.

    No echo implies no proposal: the loudspeaker may be silent.
    """
    found = []
    loud = measured.noise_dbfs > _LOUD_ROOM_DBFS
    heard = measured.echo_db is not None
    if heard and now.echo == "off":
        why = "the microphone hears the loudspeaker"
        found.append(Proposal(("audio", "echo"), now.echo, "auto", why))
    for name, enough, wanted in (
        ("threshold", 0.6, loud),
        ("barge_in_threshold", 0.8, loud and heard and not can_cancel),
    ):
        value = getattr(now.gate, name)
        if wanted and value < enough:
            why = "the room is loud, and less of it should pass for speech"
            found.append(Proposal(("audio", "gate", name), value, enough, why))
    return found


def advice(measured: Measurement, *, can_cancel: bool) -> list[str]:
    """Return further advice, as sentences."""
    if measured.delay_ms is None or measured.echo_db is None:
        return []
    found = []
    if not can_cancel and measured.echo_db > _LOUD_ECHO_DB:
        found.append(
            "the loudspeaker is almost as loud in the microphone as a voice: move them apart, turn "
            "it down (audio.output.volume), or set audio.echo: cancel (the command `check` says "
            "what that needs)"
        )
    if measured.delay_ms > _LATE_MS:
        found.append("the delay is long (Bluetooth?): interruptions will be noticed late")
    return found


def listening_ms() -> tuple[int, int]:
    """Return how long to record before the chirp, and from its beginning, in ms."""
    return LEAD_MS, len(chirp()) // BYTES_PER_MS + TAIL_MS
