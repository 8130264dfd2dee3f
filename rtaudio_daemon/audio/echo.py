"""The loudspeaker in the microphone: taking it out, and knowing it from a person.

Two helpers, together or alone. A canceller subtracts what is played from what is heard. A guard
learns how loud the (remaining) echo is, compared to what is played, and asks of speech over an
answer to be clearly louder than that.

    mode         canceller   guard   while an answer is heard
    cancel       yes         yes     speech needs the usual certainty; or, as a canceller swallows
                                     parts of a voice, what half duplex asks of the raw sound
    system       no          yes     the same: the sound server or the device cancels
    half_duplex  no          yes     speech needs more certainty, and a gate that is open closes
    off          no          no      nothing is special, as with headphones

All sound is pcm. Time is the sound itself: frames of the microphone, and what is played meanwhile.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from .format import BYTES_PER_MS, SAMPLE_RATE, SILENCE_DBFS, dbfs
from .vad import Engine

Mode = Literal["cancel", "system", "half_duplex", "off"]
MARGIN_DB = 6.0  # how much louder than its echo an answer must be spoken over
_MEMORY_MS = 500  # how late an echo may come, with buffers and a room
_LEARNED_MS = 10_000  # how much loud playing is remembered
_ENOUGH = 15  # frames of it after which the echo is known
_RECKON_EVERY = 5
_LOUD_DBFS = -40.0  # what is played softer than that says more of the room's noise than of its echo
_PIECE = SAMPLE_RATE // 100
_TAIL = SAMPLE_RATE * 4 // 5  # silence after which there is nothing to cancel


class Canceller(Protocol):
    """Takes the loudspeaker out of the microphone; finds the delay by itself."""

    def played(self, pcm: bytes) -> None:
        """This goes to the loudspeaker now."""

    def clean(self, pcm: bytes) -> bytes:
        """What is left of one frame of the microphone (10 ms or a multiple)."""


@dataclass(slots=True)
class _Learned:
    """How much softer (dB) the microphone hears what is played; None while it is not known."""

    samples: deque[float]
    coupling_db: float | None = None
    since: int = 0

    def add(self, ratio_db: float) -> None:
        self.samples.append(ratio_db)
        self.since += 1
        if len(self.samples) >= _ENOUGH and (
            self.coupling_db is None or self.since >= _RECKON_EVERY
        ):
            self.since = 0
            self.coupling_db = float(np.quantile(np.array(self.samples), 0.95))


@dataclass(slots=True)
class _Alignment:
    """Keeps the two streams a canceller hears in step, although it rests while nothing is played.

    A canceller that is fed one side alone, or a little less of one side each time, has to find the
    delay again, and lets the echo through meanwhile. All numbers are samples.
    """

    canceller: Canceller
    resting: bool = True
    far_silent: int = 0
    far_left_out: int = 0
    near_left_out: int = 0
    near_alone: int = 0

    def played(self, pcm: bytes, skipped: int) -> None:
        self.near_alone = 0
        self.far_left_out += skipped
        self.far_silent = 0 if pcm.strip(b"\0") else self.far_silent + len(pcm) // 2
        if self.far_silent >= _TAIL:
            self.resting = True
            self.far_left_out += len(pcm) // 2
            return
        self._catch_up()
        self.canceller.played(pcm)

    def clean(self, pcm: bytes) -> bytes:
        self.near_alone += len(pcm) // 2
        self.resting = self.resting or self.near_alone > _TAIL
        if self.resting:
            self.near_left_out += len(pcm) // 2
            return pcm
        return self.canceller.clean(pcm)

    def _catch_up(self) -> None:
        missing = self.far_left_out - self.near_left_out
        self.resting = False
        self.far_left_out = self.near_left_out = 0
        if abs(missing) > SAMPLE_RATE:
            return  # one of the streams is a new one
        if missing > 0:
            self.canceller.played(bytes(2 * missing))
        for _ in range(-missing // _PIECE):
            self.canceller.clean(bytes(2 * _PIECE))


class Echo:
    """Tell it what is played; pass every frame of the microphone through `clean`."""

    def __init__(
        self,
        mode: Mode = "half_duplex",
        canceller: Canceller | None = None,
        raw_engine: Engine | None = None,
    ) -> None:
        self.mode = mode
        self._raw_engine = raw_engine
        self._raw_learned = _Learned(deque(maxlen=_LEARNED_MS // 20))
        self._aligned = _Alignment(canceller) if canceller is not None else None
        self._learned = _Learned(deque(maxlen=_LEARNED_MS // 20))
        self._playing_dbfs: deque[tuple[float, float]] = deque()  # level, age in ms when it goes
        self._newest_dbfs = SILENCE_DBFS
        self._told = False
        self._now_ms = 0.0

    @property
    def coupling_db(self) -> float | None:
        """The echo (what is left of it) against what is played, in dB; None while unknown."""
        return self._learned.coupling_db

    def played(self, pcm: bytes, skipped: int = 0) -> None:
        """This goes to the loudspeaker now, after so many samples of silence not told of."""
        self._told = True
        self._newest_dbfs = max(self._newest_dbfs, dbfs(pcm))
        if self._aligned is not None:
            self._aligned.played(pcm, skipped)

    def clean(self, pcm: bytes) -> bytes:
        """One frame of the microphone without the loudspeaker, as far as that is possible."""
        ms = len(pcm) / BYTES_PER_MS
        self._now_ms += ms
        self._playing_dbfs.append((self._newest_dbfs, self._now_ms + _MEMORY_MS))
        self._newest_dbfs = SILENCE_DBFS
        while self._playing_dbfs[0][1] < self._now_ms:
            self._playing_dbfs.popleft()
        return pcm if self._aligned is None else self._aligned.clean(pcm)

    def surpassed(self, pcm: bytes) -> bool:
        """Whether a frame (cleaned) is louder than what is played explains; learns from it too.

        Nothing is louder as long as the echo is not known. Where nobody tells what is played,
        everything is.
        """
        if self.mode == "off" or not self._told:
            return True
        return self._surpassed(pcm, self._learned)

    def outspoken(self, raw: bytes, sure: float) -> bool:
        """Whether a frame as it was before `clean` is speech (probability `sure`) and surpasses.

        Only where something is cancelled; else never.
        """
        if self._raw_engine is None or not self._told:
            return False
        surpassed = self._surpassed(raw, self._raw_learned)
        return self._raw_engine.probability(raw) >= sure and surpassed

    def _surpassed(self, pcm: bytes, learned: _Learned) -> bool:
        level, loudest = dbfs(pcm), max(level for level, _ in self._playing_dbfs)
        coupling = learned.coupling_db
        if loudest >= _LOUD_DBFS:
            learned.add(level - loudest)
        return coupling is not None and level > loudest + coupling + MARGIN_DB
