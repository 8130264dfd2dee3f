"""Is somebody speaking? Engines behind one interface, and the decision what counts as a turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .format import dbfs
from .stirring import Stirring

_BEFORE_FRAMES = 25  # what the engine needs to hear of before, to judge as if it had not slept


class Engine(Protocol):
    """Judges one 20 ms frame of pcm after the other."""

    def probability(self, pcm: bytes) -> float:
        """How likely it is (0 to 1) that somebody speaks in this frame of the stream."""


class AlwaysEngine:
    """Takes everything for speech."""

    def probability(self, pcm: bytes) -> float:
        """One."""
        return 1.0


class LevelEngine:
    """Takes for speech what is clearly louder than the background. Cheap, and easily fooled."""

    def __init__(self) -> None:
        self._floor_dbfs = -50.0

    def probability(self, pcm: bytes) -> float:
        """0 up to 6 dB above the background, 1 from 18 dB on; sound below -55 dBFS never counts."""
        level = dbfs(pcm)
        if level < self._floor_dbfs:
            self._floor_dbfs = max(-75.0, self._floor_dbfs + 0.2 * (level - self._floor_dbfs))
        else:
            self._floor_dbfs += 0.04  # 2 dB per second: a fan is background after a few seconds
        if level < -55:
            return 0.0
        return min(1.0, max(0.0, (level - self._floor_dbfs - 6) / 12))


class TwoStageEngine:
    """Asks a costly engine only when a frame is louder than the quiet of the room.

    The engine then hears a little of what came before, and goes on for a while. What is softer
    than the background by this measure counts as no speech. `forget` lets the engine begin anew;
    it is called where the engine has missed something.
    """

    def __init__(self, engine: Engine, forget: Callable[[], None] | None = None) -> None:
        self._engine = engine
        self._forget = forget
        self._missed = False
        self._stirring = Stirring()
        self._held: deque[bytes] = deque(maxlen=_BEFORE_FRAMES)

    def probability(self, pcm: bytes) -> float:
        """That of the engine, or 0 in the quiet."""
        if self.stirs(pcm):
            return self.ask(pcm)
        self.hold(pcm)
        return 0.0

    def stirs(self, pcm: bytes) -> bool:
        """Whether the engine need be asked: once for each frame, then either `ask` or `hold`."""
        return self._stirring.feed(pcm)

    def ask(self, pcm: bytes) -> float:
        """The verdict of the costly engine on this frame."""
        if self._missed and self._forget is not None:
            self._forget()
        self._missed = False
        while self._held:
            self._engine.probability(self._held.popleft())
        return self._engine.probability(pcm)

    def hold(self, pcm: bytes) -> None:
        """This frame needs no verdict; the engine hears it if it must judge soon."""
        self._missed = self._missed or len(self._held) == _BEFORE_FRAMES
        self._held.append(pcm)

    @property
    def quiet_below_dbfs(self) -> float | None:
        """Softer frames are no speech, whatever the engine might say; None while any may be."""
        return self._stirring.quiet_below_dbfs


def stirs(engine: Engine, pcm: bytes) -> bool:
    """Whether this frame of the stream may be speech at all; then `judge` it, in order."""
    return engine.stirs(pcm) if isinstance(engine, TwoStageEngine) else True


def judge(engine: Engine, pcm: bytes, *, needed: bool) -> float:
    """The verdict on a frame that was asked about with `stirs`; where none is needed, 0.

    A costly engine is spared then, if it can be.
    """
    if isinstance(engine, TwoStageEngine):
        if needed:
            return engine.ask(pcm)
        engine.hold(pcm)
        return 0.0
    probability = engine.probability(pcm)
    return probability if needed else 0.0


@dataclass(slots=True)
class TurnSegmenter:
    """Speech begins after `start_ms` of it within `start_window_ms`; ends after `hangover_ms`
    without any. Its clock is the sound it is fed.
    """

    start_ms: float
    start_window_ms: float
    hangover_ms: float
    speaking: bool = False
    quiet_ms: float = 0.0
    """For how long nobody has spoken, since speech began."""
    spoken_ms: float = 0.0
    """Speech within the last `start_window_ms`, while there is not enough of it yet."""
    _recent: deque[tuple[bool, float]] = field(default_factory=deque)
    _recent_ms: float = 0.0

    def feed(self, speech: bool, ms: float) -> Literal["started", "stopped"] | None:
        """Take note of `ms` more of speech or of its absence."""
        if self.speaking:
            self.quiet_ms = 0.0 if speech else self.quiet_ms + ms
            if self.quiet_ms < self.hangover_ms:
                return None
            self.reset()
            return "stopped"
        self._recent.append((speech, ms))
        self._recent_ms += ms
        self.spoken_ms += ms if speech else 0.0
        while len(self._recent) > 1 and self._recent_ms > self.start_window_ms + ms / 2:
            was_speech, former_ms = self._recent.popleft()
            self._recent_ms -= former_ms
            self.spoken_ms -= former_ms if was_speech else 0.0
        if not speech or self.spoken_ms < self.start_ms:
            return None
        self.speaking = True
        self.quiet_ms = 0.0
        return "started"

    def adjust(self, start_ms: float, start_window_ms: float, hangover_ms: float) -> None:
        """Go on with other numbers."""
        self.start_ms, self.start_window_ms = start_ms, start_window_ms
        self.hangover_ms = hangover_ms

    def reset(self) -> None:
        """Nobody speaks; what was heard before does not count any more."""
        self.speaking = False
        self._recent.clear()
        self._recent_ms = self.spoken_ms = self.quiet_ms = 0.0
