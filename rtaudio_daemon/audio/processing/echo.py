"""The loudspeaker in the microphone: cancel it, and distinguish it from a person.

Two helpers, together or alone. A canceller subtracts what is played from what is heard. A guard
learns how loud the (remaining) echo is, compared to what is played, and asks of speech over an
answer to be clearly louder than that.

    mode         canceller   guard   while an answer is heard
    cancel       yes         yes     speech needs the usual certainty; or, as a canceller swallows
                                     parts of a voice, what half duplex asks of the raw sound
    system       no          yes     the same: the sound server or the device cancels
    half_duplex  no          yes     speech needs more certainty, and a gate that is open closes
    off          no          no      nothing is special, as with headphones; half duplex from the
                                     second answer on that is heard and taken for somebody

When an answer's words come back as somebody's, whatever the mode is does too little: half duplex.

All sound is pcm. Time is the sound itself: frames of the microphone, and what is played meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from .expected_echo import (
    EVERYWHERE,
    SILENCE,
    Coupling,
    ExpectedEcho,
    Levels,
    levels,
    levels_of_each,
)
from .format import FRAME_BYTES, SAMPLE_RATE
from .own_voice import OwnVoice
from .vad import Engine, judge, stirs

Mode = Literal["cancel", "system", "half_duplex", "off"]
MARGIN_DB = 6.0  # how much louder than its echo, in any band, an answer must be spoken over
LEAK_DB = 2.0
_TWICE_FRAMES = 25  # half a second
_NOBODY_TWICE_FRAMES = 500  # ten seconds
_OWN = 0.65  # how alike they are; a voice 6 dB above the echo stays below it, in most words by far
_OWN_TIMES = 2  # in a row, with mode off; once it may be a voice that is much like the answer
_PIECE = SAMPLE_RATE // 100
_TAIL = SAMPLE_RATE * 4 // 5  # silence after which there is nothing to cancel
_AHEAD_BYTES = 10 * FRAME_BYTES  # of what is played at most, as it may come in bursts
_AT_ONCE = 25  # frames at most that wait until they are measured, half a second


_NEEDED = (
    'audio.echo is "off", but the microphone hears the loudspeaker, and the daemon would answer '
    "itself; it is half_duplex now: set audio.echo: auto, or use headphones"
)
_NOT_CANCELLED = (
    "the microphone hears the loudspeaker although its echo is cancelled, and the daemon has "
    "answered itself; it is half_duplex now: turn the volume down, or move the two apart"
)
_TOO_LOUD = (
    "the daemon has answered itself, although the echo mode is half_duplex: turn the volume down, "
    "move microphone and loudspeaker apart, or set audio.gate.barge_in: false"
)


class Canceller(Protocol):
    """Takes the loudspeaker out of the microphone; finds the delay by itself."""

    def played(self, pcm: bytes) -> None:
        """This goes to the loudspeaker now."""

    def clean(self, pcm: bytes) -> bytes:
        """What is left of one frame of the microphone (10 ms or a multiple)."""


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


@dataclass(slots=True)
class _Frame:
    """One of the microphone that was not measured yet, and as much of what was played meanwhile."""

    played: bytes
    raw: bytes
    cleaned: bytes
    learns: bool = False
    awaited: bool = False  # a verdict on it


class Echo:
    """Knows an answer's echo. Give it what is played, and every frame of the microphone.

    Measuring a frame costs much more than measuring several at once. So `clean` keeps them until
    a verdict is needed: ask for it with `surpassed`, or with `postpone` if it may come with that on
    a later frame.
    """

    def __init__(
        self,
        mode: Mode = "half_duplex",
        canceller: Canceller | None = None,
        raw_engine: Engine | None = None,
        *,
        note: str | None = None,
    ) -> None:
        self.mode = mode
        self.note = note
        """Why this is not what was asked for."""
        self._raw_engine = raw_engine
        self._aligned = _Alignment(canceller) if canceller is not None else None
        self._expected = ExpectedEcho()
        self._learned = Coupling()
        self._raw_learned = Coupling()
        self._waiting: list[_Frame] = []
        self._verdicts: list[bool] = []  # on frames that were postponed
        self._newest: tuple[tuple[bytes, Levels], ...] = ()
        self._own = OwnVoice()
        self._louder = EVERYWHERE
        self._frames = 0
        self._recognized_at = -_TWICE_FRAMES
        self._nobody_at = -_NOBODY_TWICE_FRAMES
        self._own_times = 0
        self._ahead = bytearray()  # what is played, and was not compared with a frame yet
        self._plays = False
        self._half = bytes(FRAME_BYTES // 2)  # the end of what was played and measured

    @property
    def coupling_db(self) -> float | None:
        """The echo (what is left of it) against what is played, in dB; None while unknown."""
        return self._learned.overall_db

    @property
    def cancels(self) -> bool:
        """Whether it must be given both sides in step."""
        return self._aligned is not None

    def lasts(self) -> bool:
        """Whether what was played may still be heard, in sound that is not cleaned yet."""
        self._measure()
        return self._expected.lasts(self._learned if self._aligned is None else self._raw_learned)

    def played(self, pcm: bytes, skipped: int = 0) -> None:
        """Take note of what goes to the loudspeaker now, after `skipped` samples of silence."""
        self._plays = True
        self._ahead += pcm
        del self._ahead[:-_AHEAD_BYTES]
        self._own.played(pcm, skipped)
        if self._aligned is not None:
            self._aligned.played(pcm, skipped)

    def clean(self, pcm: bytes) -> bytes:
        """One frame of the microphone without the loudspeaker, as far as that is possible."""
        self._frames += 1
        self._louder = EVERYWHERE
        cleaned = pcm if self._aligned is None else self._aligned.clean(pcm)
        if self._plays:
            if len(self._waiting) >= _AT_ONCE:
                self._measure()
            self._waiting.append(_Frame(bytes(self._ahead[:FRAME_BYTES]), pcm, cleaned))
            del self._ahead[:FRAME_BYTES]
            self._own.heard(pcm)
        return cleaned

    def forget(self) -> None:
        """Another device is in use, so what was learned of the echo says nothing any more."""
        self._waiting.clear()
        self._expected = ExpectedEcho()
        self.relearn()

    def nobody_spoke(self) -> None:
        """What surpassed the echo and interrupted was nobody.

        The second time in a row it was the echo, which has become louder. Once it may have been a
        cough: learned anew, the echo would be as loud as whoever speaks directly after that.
        """
        if self._frames - self._nobody_at <= _NOBODY_TWICE_FRAMES:
            self.relearn()
        self._nobody_at = self._frames

    def relearn(self) -> None:
        """What was taken for somebody was the answer: its echo has become louder."""
        self._measure()
        self._learned, self._raw_learned = Coupling(), Coupling()

    def recognized(self) -> bool:
        """Whether what surpassed the echo just now is the answer itself, only louder than before.

        The second time in a row its loudness is learned anew; once it may have been a voice that is
        much like it. Asked again in the same frame it says the same.
        """
        if self.mode == "off":
            return self._is_needed()
        if not self._plays:
            return False
        if self._recognized_at == self._frames:
            return True
        if not self._own.is_heard(self._louder):
            return False
        if self._frames - self._recognized_at <= _TWICE_FRAMES:
            self.relearn()
        self._recognized_at = self._frames
        return True

    def words_came_back(self) -> None:
        """Its words prove that an answer was taken for somebody, whatever its sound was like."""
        if self.mode == "half_duplex":
            self.note = _TOO_LOUD
            self.relearn()
            return
        self.note = _NEEDED if self.mode == "off" else _NOT_CANCELLED
        self.mode = "half_duplex"

    def _is_needed(self) -> bool:
        """Whether the microphone hears the loudspeaker, although nothing is done about it."""
        self._own_times = self._own_times + 1 if self._own.likeness(EVERYWHERE)[0] > _OWN else 0
        if self._own_times < _OWN_TIMES:
            return False
        self.mode, self.note = "half_duplex", _NEEDED
        return True

    def surpassed(self, pcm: bytes, *, learn: bool = True) -> bool:
        """Whether a frame (cleaned) is louder than what is played explains; learns from it too.

        `learn` off: it is known that somebody speaks, which says nothing of the echo. Nothing is
        louder as long as the echo is not known; where what is played is not known, everything is.
        """
        if self.mode == "off" or not self._plays:
            return True
        surpassed = self._surpassed(pcm, self._learned, learn=learn)
        if self._aligned is not None:
            # What a canceller lets through when it loses its way is at most the whole echo.
            whole = self._expected.louder(self._raw_learned, self._levels(pcm), LEAK_DB)
            surpassed = surpassed and bool(whole.any())
            self._louder = whole if surpassed else self._louder
        return surpassed

    def outspoken(self, raw: bytes, sure: float, *, learn: bool = True) -> bool:
        """Whether a frame as it was before `clean` is speech (probability `sure`) and surpasses.

        Only where something is cancelled; else never.
        """
        if self._raw_engine is None or not self._plays:
            return False
        needed = stirs(self._raw_engine, raw)
        if learn:
            self.learn()
        needed = needed and self._surpassed(raw, self._raw_learned, learn=learn)
        return judge(self._raw_engine, raw, needed=needed) >= sure

    def learn(self) -> None:
        """The echo may be learned from the newest frame, although no verdict may be needed."""
        if self._waiting and self.mode != "off":
            self._waiting[-1].learns = True

    @property
    def may_postpone(self) -> bool:
        """Whether a verdict on a frame may come together with that on the next one."""
        return self._plays and self._aligned is None and self.mode != "off"

    def postpone(self) -> None:
        """The newest frame needs a verdict, but not at once."""
        self._waiting[-1].awaited = True

    def postponed(self) -> list[bool]:
        """The verdicts on what was postponed, as those of `surpassed`, in order."""
        self._measure()
        verdicts, self._verdicts = self._verdicts, []
        return verdicts

    def _surpassed(self, pcm: bytes, learned: Coupling, *, learn: bool) -> bool:
        if learn:
            self.learn()
        self._measure()
        louder = self._expected.louder(learned, self._levels(pcm), MARGIN_DB)
        if louder.any():
            self._louder = louder
        return bool(louder.any())

    def _levels(self, pcm: bytes) -> Levels:
        for measured, found in self._newest:
            if measured is pcm:
                return found
        return levels(pcm)

    def _with_what_is_between(self, played: list[bytes]) -> list[bytes]:
        """Frames that were played, and as many that begin half a frame earlier.

        A click at the edge of a frame is in none of the first: measuring fades its edges out. The
        microphone hears it in the midst of a frame.
        """
        sound = b"".join([self._half, *(pcm.ljust(FRAME_BYTES, b"\0") for pcm in played)])
        self._half = sound[-FRAME_BYTES // 2 :]
        starts = range(0, len(played) * FRAME_BYTES, FRAME_BYTES)
        return played + [sound[start : start + FRAME_BYTES] for start in starts]

    def _measure(self) -> None:
        """Go through the frames that wait, as if each had been measured when it came."""
        frames, self._waiting = self._waiting, []
        quiet = not self._expected.audible and not any(frame.played for frame in frames)
        if not frames or (quiet and not any(frame.learns or frame.awaited for frame in frames)):
            return
        played = self._with_what_is_between([frame.played for frame in frames if frame.played])
        found = levels_of_each(
            played
            + [frame.raw for frame in frames]
            + [frame.cleaned for frame in frames if self._aligned is not None]
        )
        raw, expected = found[len(played) :][: len(frames)], self._expected
        cleaned = raw if self._aligned is None else found[-len(frames) :]
        far = iter(np.maximum(found[: len(played) // 2], found[len(played) // 2 : len(played)]))
        for at, frame in enumerate(frames):
            if frame.played or expected.audible:
                expected.advance(next(far) if frame.played else SILENCE, raw[at])
            if frame.learns:
                expected.learn(self._learned, cleaned[at])
                if self._aligned is not None:
                    expected.learn(self._raw_learned, raw[at])
            if frame.awaited:
                louder = expected.louder(self._learned, cleaned[at], MARGIN_DB)
                self._verdicts.append(bool(louder.any()))
                self._louder = louder if self._verdicts[-1] else self._louder
        self._newest = ((frame.raw, raw[-1]), (frame.cleaned, cleaned[-1]))
