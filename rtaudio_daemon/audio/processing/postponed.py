"""Postpones judging frames over an answer until they could matter, and judges them together.

A single frame of speech changes nothing; it takes several within a moment. So until there could be
enough of them, it stays open what each frame is: first whether it is louder than the answer's echo,
then, which costs most, whether it is speech. The results equal immediate ones, except for what an
engine that is asked less often remembers from more than half a second ago.
"""

from __future__ import annotations

from dataclasses import dataclass

from .echo import Echo
from .format import BYTES_PER_MS
from .vad import Engine, TurnSegmenter, judge


@dataclass(slots=True)
class _Frame:
    pcm: bytes
    ms: float
    surpasses: bool | None = None  # whether it exceeds the echo; None: not known yet


class PostponedFrames:
    """Frames of one stream. The caller has called `stirs` for each.

    All but the newest are passed to `counts`, as speech if `engine` returns at least `sure` (a
    probability). More than `most_ms` of speech would matter.
    """

    def __init__(self) -> None:
        self._frames: list[_Frame] = []

    def probability(
        self,
        pcm: bytes,
        engine: Engine,
        echo: Echo,
        counts: TurnSegmenter,
        *,
        most_ms: float,
        sure: float,
    ) -> float | None:
        """Return the probability that the next frame, `pcm`, is speech; None: it cannot matter yet.

        Whether it matters, and those before it, is decided with one of the next frames.
        """
        echo.postpone()
        self._frames.append(_Frame(pcm, len(pcm) / BYTES_PER_MS))
        self._let_go(engine, counts)
        if self._possible_ms(counts) > most_ms:
            self._measure(echo)
            self._let_go(engine, counts)
        return self._judged(engine, counts, sure) if self._possible_ms(counts) > most_ms else None

    def settle(self, engine: Engine, echo: Echo, counts: TurnSegmenter, *, sure: float) -> None:
        """Judge all frames now, including the newest, because the next are judged otherwise."""
        if self._frames:
            newest_ms = self._frames[-1].ms
            self._measure(echo)
            counts.feed(self._judged(engine, counts, sure) >= sure, newest_ms)

    def _possible_ms(self, counts: TurnSegmenter) -> float:
        """Return how much speech there could be by now within the window of `counts`."""
        possible = sum(frame.ms for frame in self._frames if frame.surpasses is not False)
        return counts.spoken_ms + possible

    def _measure(self, echo: Echo) -> None:
        unknown = [frame for frame in self._frames if frame.surpasses is None]
        for frame, surpasses in zip(unknown, echo.postponed(), strict=False):
            frame.surpasses = surpasses

    def _let_go(self, engine: Engine, counts: TurnSegmenter) -> None:
        """Pass on frames that do not exceed the echo, or are too old to matter."""
        waiting_ms = sum(frame.ms for frame in self._frames)
        while len(self._frames) > 1:
            frame = self._frames[0]
            too_long_ago = waiting_ms > counts.start_window_ms + frame.ms / 2
            if frame.surpasses is not False and not too_long_ago:
                return
            waiting_ms -= frame.ms
            del self._frames[0]
            judge(engine, frame.pcm, needed=False)
            counts.feed(False, frame.ms)

    def _judged(self, engine: Engine, counts: TurnSegmenter, sure: float) -> float:
        *before, newest = self._frames
        self._frames = []
        for frame in before:
            probability = judge(engine, frame.pcm, needed=bool(frame.surpasses))
            counts.feed(probability >= sure, frame.ms)
        return judge(engine, newest.pcm, needed=bool(newest.surpasses))
