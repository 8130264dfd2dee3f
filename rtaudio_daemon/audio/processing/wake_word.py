"""Decides when speech is listened to: always, after a wake word, or only while a button is held.

Time is counted in sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal, Protocol

from .format import BYTES_PER_MS
from .vad import TurnSegmenter
from .word_score import Spotted, WordScore

Listen = Literal["open", "wake_word", "push_to_talk"]
_REFRACTORY_MS = 2_000  # how long the detector may find the same word again
_ANOTHER_MS = 500  # the same for other words that sound like it
_SPOTTED_MS = 500  # the same for stop words, which nobody repeats so quickly
_SOONEST_MS = 600  # minimum time into an answer at which a word of it can be detected
_LATEST_MS = 500  # maximum time after the end of an answer
_WORD_MS = 1_200  # how long ago a word detected now may have begun
_VOICE_MS = 80  # minimum of speech with which somebody can have said a word


class WakeWordEngine(Protocol):
    """Detects wake words in a stream of pcm."""

    @property
    def scores(self) -> Sequence[WordScore]:
        """The scores of all its words."""

    def feed(self, pcm: bytes) -> Spotted | None:
        """Process sound; return the wake word that just ended, if any."""

    def forget(self) -> None:
        """Continue as after a long silence."""


class CombinedEngine:
    """Combines several engines; all get every frame."""

    def __init__(self, engines: Sequence[WakeWordEngine]) -> None:
        self._engines = tuple(engines)
        self.scores: Sequence[WordScore] = [word for each in engines for word in each.scores]
        """The scores of the words of all engines."""

    def feed(self, pcm: bytes) -> Spotted | None:
        """Process sound; return the wake word that just ended (of the first engine if several)."""
        found = [each.feed(pcm) for each in self._engines]
        return next(filter(None, found), None)

    def forget(self) -> None:
        """Continue as after a long silence."""
        for each in self._engines:
            each.forget()


@dataclass(frozen=True, slots=True)
class WordCount:
    """How often a word was `heard`, and how often speech only came close to it."""

    word: str
    heard: int
    near_misses: int


class Attention:
    """Decides whether speech is meant for us.

    `open`: always. `push_to_talk`: never (a held button bypasses this). `wake_word`: for
    `follow_up_ms` after a wake word or `pay`, and after every turn and answer that begin meanwhile.
    """

    def __init__(
        self,
        listen: Listen = "open",
        engine: WakeWordEngine | None = None,
        follow_up_ms: float = 8_000,
        *,
        notes: Sequence[str] = (),
        stops: WakeWordEngine | None = None,
    ) -> None:
        self.listen = listen
        self.notes = tuple(notes)
        """Why this is not what was requested."""
        self.since_word_ms = inf
        """How many ms of sound have come since the wake word that opened attention."""
        self._engine = engine
        self._stops = stops
        self._follow_up_ms = follow_up_ms
        self._left_ms = 0.0
        self.corrects = False
        """Whether the last wake word soon followed another one, which was the wrong one then."""
        self._refractory_ms = self._another_ms = 0.0
        self._word = ""
        self._heard: dict[str, int] = {}

    @property
    def words(self) -> list[WordCount]:
        """Each word to be detected, with its counts since the start."""
        engines = (self._engine if self.spots else None, self._stops)
        scores = [score for engine in engines if engine is not None for score in engine.scores]
        return [
            WordCount(each.word, self._heard.get(each.word, 0), each.near_misses) for each in scores
        ]

    @property
    def always(self) -> bool:
        """Whether no wake word or button is needed."""
        return self.listen == "open"

    @property
    def spots(self) -> bool:
        """Whether wake words are detected."""
        return self.listen == "wake_word"

    @property
    def listens(self) -> bool:
        """Whether speech can be listened to without a button, now or after a wake word."""
        return self.always or self.spots

    @property
    def paid(self) -> bool:
        """Whether speech is listened to now."""
        return self.always or self._left_ms > 0

    def pay(self) -> None:
        """Listen as after a wake word: somebody talks to us without one."""
        self.since_word_ms = inf
        if self.spots:
            self._left_ms = self._follow_up_ms

    def forget(self) -> None:
        """Require a wake word from now on."""
        self.since_word_ms = inf
        self._left_ms = 0.0

    def forget_stops(self) -> None:
        """Reset stop words because something begins to sound: earlier speech must not stop it."""
        if self._stops is not None:
            self._stops.forget()

    def stop(self, pcm: bytes) -> Spotted | None:
        """Return the stop word that was just heard, if any; call only while something sounds."""
        found = self._stops.feed(pcm) if self._stops is not None else None
        if found is not None:
            self._heard[found.word] = self._heard.get(found.word, 0) + 1
        return found

    def feed(self, pcm: bytes, *, engaged: bool, meant: bool = True) -> Spotted | None:
        """Process a frame in mode `wake_word`; return the word that was just heard, if any.

        `engaged`: it is the user's turn or that of an answer, or soon will be.
        `meant`: as far as is known, a person said a wake word that ends now.
        """
        ms = len(pcm) / BYTES_PER_MS
        self._left_ms = (
            self._follow_up_ms if engaged and self.paid else max(0.0, self._left_ms - ms)
        )
        self.since_word_ms += ms
        self._refractory_ms = max(0.0, self._refractory_ms - ms)
        self._another_ms = max(0.0, self._another_ms - ms)
        found = self._engine.feed(pcm) if self._engine is not None else None
        if found is None or found.stop or self._another_ms > 0:
            return None
        if found.word == self._word and self._refractory_ms > 0:
            return None
        self._another_ms = _ANOTHER_MS
        if not meant:
            return None
        self.corrects = self._refractory_ms > 0
        self._refractory_ms, self._word = _REFRACTORY_MS, found.word
        self._left_ms = self._follow_up_ms
        self.since_word_ms = 0.0
        self._heard[found.word] = self._heard.get(found.word, 0) + 1
        return found


@dataclass(slots=True)
class OwnWord:
    """Decides whether a wake word detected now is part of the answer being heard.

    It is, unless somebody was heard over the answer meanwhile.
    """

    _answer_ms: float = 0.0
    _left_ms: float = 0.0
    _voice: TurnSegmenter = field(default_factory=lambda: TurnSegmenter(_VOICE_MS, _WORD_MS, 0))
    _voice_left_ms: float = 0.0

    @property
    def likely(self) -> bool:
        """Whether it probably is."""
        return self._left_ms > 0 and self._voice_left_ms <= 0

    @property
    def looks(self) -> bool:
        """Whether `heard` must be called for each frame."""
        return self._answer_ms > 0 or self._left_ms > 0

    def advance(self, ms: float, *, answer: bool) -> None:
        """Advance by `ms` of sound; `answer`: it may contain an answer."""
        self._answer_ms = self._answer_ms + ms if answer else 0.0
        self._left_ms = _LATEST_MS if self._answer_ms > _SOONEST_MS else max(0, self._left_ms - ms)
        self._voice_left_ms -= ms
        if not self.looks:
            self._voice.reset()

    def heard(self, spoken: bool, ms: float, *, own: Callable[[], bool]) -> None:
        """Note whether this sound is speech; `own` returns whether that is the answer itself."""
        if self._voice.feed(spoken, ms) == "started":
            self._voice.reset()
            if not own():
                self._voice_left_ms = _WORD_MS
