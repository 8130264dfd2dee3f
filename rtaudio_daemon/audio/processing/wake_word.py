"""Whom to listen to: everybody, after a wake word, or only while a button is pressed.

Time is the sound itself.
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
_REFRACTORY_MS = 2_000  # for so long the detector may find the same word again
_SPOTTED_MS = 500  # for so long the detector finds a word again; nobody repeats it as fast
_SOONEST_MS = 600  # an answer is heard for longer before a word of it is spotted
_LATEST_MS = 500  # after its end
_WORD_MS = 1_200  # how long ago a word may have begun that is spotted now
_VOICE_MS = 80  # of it, or more, somebody is heard to say


class WakeWordEngine(Protocol):
    """Looks for wake words in a stream of pcm."""

    @property
    def scores(self) -> Sequence[WordScore]:
        """Each word that it knows."""

    def feed(self, pcm: bytes) -> Spotted | None:
        """The wake word that just ended, if any."""

    def forget(self) -> None:
        """Hear what follows as after a long silence."""


class CombinedEngine:
    """Several engines as one; all hear every frame."""

    def __init__(self, engines: Sequence[WakeWordEngine]) -> None:
        self._engines = tuple(engines)
        self.scores: Sequence[WordScore] = [word for each in engines for word in each.scores]
        """The words of all."""

    def feed(self, pcm: bytes) -> Spotted | None:
        """The wake word that just ended, if any; of several that of the first engine."""
        found = [each.feed(pcm) for each in self._engines]
        return next(filter(None, found), None)

    def forget(self) -> None:
        """Hear what follows as after a long silence."""
        for each in self._engines:
            each.forget()


@dataclass(frozen=True, slots=True)
class WordCount:
    """How often a word was `heard`, and how often what was said only came near it."""

    word: str
    heard: int
    near_misses: int


class Attention:
    """Whether speech is for us.

    `open`: always. `push_to_talk`: never (a held button passes this by). `wake_word`: for
    `follow_up_ms` after a wake word or `pay`, and after each turn and answer that begin meanwhile.
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
        """Why this is not what was asked for."""
        self.since_word_ms = inf
        """How much sound came since the wake word that is attended to."""
        self._engine = engine
        self._stops = stops
        self._follow_up_ms = follow_up_ms
        self._left_ms = 0.0
        self._refractory_ms = 0.0
        self._heard: dict[str, int] = {}

    @property
    def words(self) -> list[WordCount]:
        """Each word that is looked for, with what was counted since this began."""
        engines = (self._engine if self.spots else None, self._stops)
        scores = [score for engine in engines if engine is not None for score in engine.scores]
        return [
            WordCount(each.word, self._heard.get(each.word, 0), each.near_misses) for each in scores
        ]

    @property
    def always(self) -> bool:
        """Whether nobody has to ask for it."""
        return self.listen == "open"

    @property
    def spots(self) -> bool:
        """Whether wake words are looked for."""
        return self.listen == "wake_word"

    @property
    def listens(self) -> bool:
        """Whether anybody is listened to without a button, now or after a wake word."""
        return self.always or self.spots

    @property
    def paid(self) -> bool:
        """Whether speech is listened to now."""
        return self.always or self._left_ms > 0

    def pay(self) -> None:
        """Somebody talks to us, although no wake word was said."""
        self.since_word_ms = inf
        if self.spots:
            self._left_ms = self._follow_up_ms

    def forget(self) -> None:
        """Need a wake word from now on."""
        self.since_word_ms = inf
        self._left_ms = 0.0

    def forget_stops(self) -> None:
        """Something begins to sound; what was said before does not stop it."""
        if self._stops is not None:
            self._stops.forget()

    def stop(self, pcm: bytes) -> Spotted | None:
        """The word that ends what sounds, if it was just heard; only to be fed while it sounds."""
        found = self._stops.feed(pcm) if self._stops is not None else None
        if found is not None:
            self._heard[found.word] = self._heard.get(found.word, 0) + 1
        return found

    def feed(self, pcm: bytes, *, engaged: bool, meant: bool = True) -> Spotted | None:
        """Take in a frame, where wake words are looked for; the one that was just heard, if any.

        `engaged`: somebody has the floor, the user or an answer, or will have it.
        `meant`: a wake word that ends now was said by somebody, as far as is known.
        """
        ms = len(pcm) / BYTES_PER_MS
        self._left_ms = (
            self._follow_up_ms if engaged and self.paid else max(0.0, self._left_ms - ms)
        )
        self.since_word_ms += ms
        self._refractory_ms = max(0.0, self._refractory_ms - ms)
        found = self._engine.feed(pcm) if self._engine is not None else None
        if found is None or found.stop or self._refractory_ms > 0:
            return None
        if not meant:
            self._refractory_ms = _SPOTTED_MS
            return None
        self._refractory_ms = _REFRACTORY_MS
        self._left_ms = self._follow_up_ms
        self.since_word_ms = 0.0
        self._heard[found.word] = self._heard.get(found.word, 0) + 1
        return found


@dataclass(slots=True)
class OwnWord:
    """Is a wake word that is spotted now one of the answer that is heard?

    It is, unless somebody was heard over the answer meanwhile.
    """

    _answer_ms: float = 0.0
    _left_ms: float = 0.0
    _voice: TurnSegmenter = field(default_factory=lambda: TurnSegmenter(_VOICE_MS, _WORD_MS, 0))
    _voice_left_ms: float = 0.0

    @property
    def likely(self) -> bool:
        """Whether it is."""
        return self._left_ms > 0 and self._voice_left_ms <= 0

    @property
    def looks(self) -> bool:
        """Whether `heard` must be called for each frame."""
        return self._answer_ms > 0 or self._left_ms > 0

    def advance(self, ms: float, *, answer: bool) -> None:
        """So much sound more; `answer`: an answer may be in it."""
        self._answer_ms = self._answer_ms + ms if answer else 0.0
        self._left_ms = _LATEST_MS if self._answer_ms > _SOONEST_MS else max(0, self._left_ms - ms)
        self._voice_left_ms -= ms
        if not self.looks:
            self._voice.reset()

    def heard(self, spoken: bool, ms: float, *, own: Callable[[], bool]) -> None:
        """Whether somebody speaks in this sound; `own` says whether that is the answer itself."""
        if self._voice.feed(spoken, ms) == "started":
            self._voice.reset()
            if not own():
                self._voice_left_ms = _WORD_MS
