"""Estimates the loudness of an answer's echo per frequency band, and detects what is louder.

Somebody who speaks over an answer exceeds its echo in some band long before exceeding it overall.
Levels are arrays in dBFS: nine bands from 125 Hz to 12 kHz, and their sum.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .format import FRAME_BYTES, SAMPLE_RATE, SILENCE_DBFS

Levels = NDArray[np.float64]
Bands = NDArray[np.bool_]
_EDGES_HZ = (125, 275, 475, 725, 1125, 1725, 2525, 3525, 5025)
_SAMPLES = FRAME_BYTES // 2
_INT16, _FLOAT64 = np.dtype("<i2"), np.dtype(np.float64)  # prepared, which saves time
_FIRST_BINS = np.array([-(-edge * _SAMPLES // SAMPLE_RATE) for edge in _EDGES_HZ])
_SHAPE = np.hanning(_SAMPLES)
_SCALE = 2 / (_SAMPLES * float(_SHAPE @ _SHAPE)) / 32768.0**2
_LEAST = 10 ** (SILENCE_DBFS / 10)
SILENCE: Levels = np.full(len(_EDGES_HZ) + 1, SILENCE_DBFS)
NOWHERE: Bands = np.zeros(len(SILENCE), dtype=np.bool_)
EVERYWHERE: Bands = np.ones(len(SILENCE), dtype=np.bool_)
_DELAYS = 25  # frames; maximum delay of an echo, including buffers and the room
_LEARNED_FRAMES = 750  # how many frames of playback are remembered: 15 s
_LOUDEST = 0.1  # share of them that is attributed to somebody speaking, and not to the echo
_FEW = 50  # with fewer frames (the first second), all of them count
_SMEAR = 3  # frames; playback may be reported a little late
_KEPT = _DELAYS + _SMEAR
_ALIGN_EVERY = 50
_ALIKE = 0.5
_FAINT_DBFS = -70.0
_DECAY_DB = 1.5  # per frame, as in a room with 0.8 s of reverberation
_ENOUGH = 15  # frames in a band after which its echo is known
_RECKON_EVERY = 25
_LOUD_DBFS = -40.0  # softer playback reveals the noise of the room rather than the echo
_FLOOR_FALLS = 0.3
_FLOOR_RISES_DB = 0.02  # per frame: a dB per second
_NOISE_DB = 3.0  # typical fluctuation of noise


def levels(pcm: bytes) -> Levels:
    """Return the levels of a frame of 20 ms; of a longer one, those of its loudest part."""
    return np.asarray(levels_of_each([pcm])[0])


def levels_of_each(sounds: Sequence[bytes]) -> Levels:
    """Return the levels of several sounds, one row each, in one step."""
    frames = [_whole_frames(pcm) for pcm in sounds]
    found = _levels(b"".join(frames))
    if len(found) == len(sounds):  # almost always
        return found
    begins = np.cumsum([0] + [len(pcm) // FRAME_BYTES for pcm in frames[:-1]])
    return np.asarray(np.maximum.reduceat(found, begins, axis=0))


def _whole_frames(pcm: bytes) -> bytes:
    if len(pcm) == FRAME_BYTES:
        return pcm
    return pcm.ljust(FRAME_BYTES, b"\0")[: max(FRAME_BYTES, len(pcm) // FRAME_BYTES * FRAME_BYTES)]


def _levels(frames: bytes) -> Levels:
    sound = np.frombuffer(frames, _INT16).astype(_FLOAT64).reshape(-1, _SAMPLES)
    sound *= _SHAPE
    parts = np.fft.rfft(sound).view(_FLOAT64)  # real, imaginary, real …
    parts *= parts
    powers = np.empty((len(sound), len(SILENCE)))
    np.add.reduceat(parts, 2 * _FIRST_BINS, axis=1, out=powers[:, :-1])
    np.add.reduce(powers[:, :-1], axis=1, out=powers[:, -1])
    powers *= _SCALE
    np.maximum(powers, _LEAST, out=powers)
    np.log10(powers, out=powers)
    powers *= 10
    return powers


def bins(bands: Bands, samples: int) -> Bands:
    """Return which parts of the spectrum of `samples` samples lie in any of these bands."""
    hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    found = bands[np.searchsorted(_EDGES_HZ, hz, side="right") - 1] & (hz >= _EDGES_HZ[0])
    return np.asarray(found | (bands[-1] & (hz >= _EDGES_HZ[0])))


class Coupling:
    """How much softer (dB) the microphone hears what is played; None while it is unknown."""

    def __init__(self) -> None:
        self._ratios = np.full((_LEARNED_FRAMES, len(SILENCE)), -np.inf)
        self._count = 0
        self.bands: Levels | None = None
        """By band; infinite if nothing was played in a band."""

    @property
    def overall_db(self) -> float | None:
        """The value for all bands together."""
        return None if self.bands is None else float(self.bands[-1])

    def add(self, heard: Levels, expected: Levels) -> None:
        """Learn from one frame."""
        ratios = np.where(expected > _FAINT_DBFS, heard - expected, -np.inf)
        self._ratios[self._count % _LEARNED_FRAMES] = ratios
        self._count += 1
        due = self.bands is not None and self._count % _RECKON_EVERY == 0
        if self._count == _ENOUGH or due:
            self.bands = self._reckoned()

    def _reckoned(self) -> Levels:
        ratios = np.sort(self._ratios[: self._count], axis=0)
        known = np.count_nonzero(np.isfinite(ratios), axis=0)
        left_out = _LOUDEST * np.maximum(known - _FEW, 0)
        rank = len(ratios) - 1 - left_out.astype(np.intp)
        found = ratios[np.maximum(rank, 0), np.arange(len(SILENCE))]
        return np.where(known >= _ENOUGH, found, np.inf)


class ExpectedEcho:
    """Levels per frame of what is played, as the microphone should hear it: delayed and decaying.

    The delay is found by correlating the level changes of both sides. Until then, the loudest
    level of the last half second applies.
    """

    def __init__(self) -> None:
        self.now = SILENCE
        self.noise: Levels = np.zeros(len(SILENCE))
        """The levels of the background noise in the microphone."""
        self._far = np.full((2 * _KEPT, len(SILENCE)), SILENCE_DBFS)  # a ring, stored twice
        self._at = 0
        self._far_overall = deque([SILENCE_DBFS] * _DELAYS, maxlen=_LEARNED_FRAMES)
        self._near_overall = deque([SILENCE_DBFS] * _DELAYS, maxlen=_LEARNED_FRAMES)
        self._delay: int | None = None
        self._since = 0

    @property
    def audible(self) -> bool:
        """Whether any echo is expected."""
        return bool(self.now[-1] > _FAINT_DBFS)

    def advance(self, far: Levels, near: Levels) -> None:
        """Advance by one frame: what was played, and what was heard."""
        self._at = at = (self._at + 1) % _KEPT
        self._far[at] = self._far[at + _KEPT] = far
        self._far_overall.append(float(far[-1]))
        self._near_overall.append(float(near[-1]))
        self._align(float(far[-1]))
        newest = at + _KEPT + 1
        first, last = newest - _DELAYS, newest
        if self._delay is not None:
            last = newest - max(0, self._delay - _SMEAR)
            first = newest - self._delay - 1 - _SMEAR
        loudest = self._far[first:last].max(axis=0)
        self.now = np.maximum(loudest, self.now - _DECAY_DB)
        self.noise = self.noise + np.minimum(_FLOOR_FALLS * (near - self.noise), _FLOOR_RISES_DB)

    def learn(self, coupling: Coupling, heard: Levels) -> None:
        """Learn how loud the echo is, unless what is played is too soft for that."""
        if self.now[-1] >= _LOUD_DBFS:
            coupling.add(heard, self.now)

    def louder(self, coupling: Coupling, heard: Levels, by_db: float) -> Bands:
        """Return in which bands somebody is by `by_db` louder than echo and noise; in none while
        the echo is unknown.
        """
        if coupling.bands is None:
            return NOWHERE
        echo = np.maximum(self.now + coupling.bands, self.noise + _NOISE_DB)
        return np.asarray(heard > echo + by_db)

    def lasts(self, coupling: Coupling) -> bool:
        """Return whether the echo may still be louder than the noise in some band; false while the
        echo is unknown.
        """
        if coupling.bands is None or not self.audible:
            return False
        known = np.isfinite(coupling.bands)
        return bool(np.any(known & (self.now + coupling.bands > self.noise + _NOISE_DB)))

    def _align(self, far_dbfs: float) -> None:
        if far_dbfs <= _LOUD_DBFS:
            return
        self._since += 1
        if self._since >= _ALIGN_EVERY:
            self._since = 0
            self._delay = self._find_delay()

    def _find_delay(self) -> int | None:
        far = np.maximum(np.array(self._far_overall), _FAINT_DBFS)
        near = np.maximum(np.array(self._near_overall), _FAINT_DBFS)
        far, near = far - far.mean(), near - near.mean()
        likeness = [
            float(np.dot(far[: len(far) - delay], near[delay:])) for delay in range(_DELAYS - 2)
        ]
        scale = float(np.linalg.norm(far) * np.linalg.norm(near))
        best = int(np.argmax(likeness))
        return best if scale and likeness[best] / scale > _ALIKE else None
