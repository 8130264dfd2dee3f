"""Voice activity detection: the interface of engines, and the decision what counts as a turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .format import dbfs
from .stirring import Stirring

_BEFORE_FRAMES = 25  # context that an engine needs to judge as if it had heard everything


class Engine(Protocol):
    """Judges successive frames of 20 ms of pcm."""

    def probability(self, pcm: bytes) -> float:
        """Return the probability (0 to 1) that somebody speaks in this frame of the stream."""


class AlwaysEngine:
    """Takes everything for speech."""

    def probability(self, pcm: bytes) -> float:
        """Return 1."""
        return 1.0


class LevelEngine:
    """Takes for speech what is clearly louder than the background. Cheap, and easily fooled."""

    def __init__(self) -> None:
        self._floor_dbfs = -50.0

    def probability(self, pcm: bytes) -> float:
        """Return 0 up to 6 dB above the background, 1 from 18 dB on; 0 for sound below -55 dBFS."""
        level = dbfs(pcm)
        if level < self._floor_dbfs:
            self._floor_dbfs = max(-75.0, self._floor_dbfs + 0.2 * (level - self._floor_dbfs))
        else:
            self._floor_dbfs += 0.04  # 2 dB/s: a fan becomes background after a few seconds
        if level < -55:
            return 0.0
        return min(1.0, max(0.0, (level - self._floor_dbfs - 6) / 12))


class TwoStageEngine:
    """Asks a costly engine only when a frame is louder than the quiet of the room.

    The engine then also gets a little of what came before, and continues for a while. Softer sound
    counts as no speech. `forget` resets the engine; it is called when the engine has missed
    something.
    """

    def __init__(self, engine: Engine, forget: Callable[[], None] | None = None) -> None:
        self._engine = engine
        self._forget = forget
        self._missed = False
        self._stirring = Stirring()
        self._held: deque[bytes] = deque(maxlen=_BEFORE_FRAMES)

    def probability(self, pcm: bytes) -> float:
        """Return the engine's probability, or 0 while it is quiet."""
        if self.stirs(pcm):
            return self.ask(pcm)
        self.hold(pcm)
        return 0.0

    def stirs(self, pcm: bytes) -> bool:
        """Return whether the engine must be asked. Call once per frame, then `ask` or `hold`."""
        return self._stirring.feed(pcm)

    def ask(self, pcm: bytes) -> float:
        """Return the costly engine's probability for this frame."""
        if self._missed and self._forget is not None:
            self._forget()
        self._missed = False
        while self._held:
            self._engine.probability(self._held.popleft())
        return self._engine.probability(pcm)

    def hold(self, pcm: bytes) -> None:
        """Skip this frame; the engine gets it if it is asked soon."""
        self._missed = self._missed or len(self._held) == _BEFORE_FRAMES
        self._held.append(pcm)

    @property
    def quiet_below_dbfs(self) -> float | None:
        """Level below which frames are never speech; None while any frame may be."""
        return self._stirring.quiet_below_dbfs


def stirs(engine: Engine, pcm: bytes) -> bool:
    """Return whether this frame of the stream may be speech at all; then `judge` it, in order."""
    return engine.stirs(pcm) if isinstance(engine, TwoStageEngine) else True


def judge(engine: Engine, pcm: bytes, *, needed: bool) -> float:
    """Return the probability for a frame after `stirs`; 0 if none is `needed`.

    In that case a costly engine is spared, if possible.
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
    """Detects turns: speech begins after `start_ms` of it within `start_window_ms`, and ends after
    `hangover_ms` without any. Time is counted in sound.
    """

    start_ms: float
    start_window_ms: float
    hangover_ms: float
    speaking: bool = False
    quiet_ms: float = 0.0
    """For how long nobody has spoken, since speech began."""
    spoken_ms: float = 0.0
    """How much speech the last `start_window_ms` contain, while there is not enough."""
    _recent: deque[tuple[bool, float]] = field(default_factory=deque)
    _recent_ms: float = 0.0

    def feed(self, speech: bool, ms: float) -> Literal["started", "stopped"] | None:
        """Note `ms` more of speech, or of its absence."""
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
        """Continue with other settings."""
        self.start_ms, self.start_window_ms = start_ms, start_window_ms
        self.hangover_ms = hangover_ms

    def reset(self) -> None:
        """Forget everything: nobody speaks."""
        self.speaking = False
        self._recent.clear()
        self._recent_ms = self.spoken_ms = self.quiet_ms = 0.0
