"""Frames over an answer that are judged later, and together, as long as nothing could come of them.

One frame of speech changes nothing; it takes several within a moment. So until there could be
enough of them it is left open what each is: first whether it is louder than the answer's echo, then
whether it is speech, which costs most. The verdicts are those that would have been given at once,
but for what an engine that is asked less remembers of more than half a second ago.
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
    surpasses: bool | None = None  # the echo; None: not known yet


class PostponedFrames:
    """Frames of one stream. `stirs` was asked of each; all but the newest are passed to `counts`.

    `counts` counts as speech what `engine` is `sure` (a probability) of. More than `most_ms` of it
    would matter.
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
        """How likely it is that the next frame, `pcm`, is speech; None: nothing could come of it.

        What could come of it, and of those before, is seen with one of the next frames.
        """
        echo.postpone()
        self._frames.append(_Frame(pcm, len(pcm) / BYTES_PER_MS))
        self._let_go(engine, counts)
        if self._possible_ms(counts) > most_ms:
            self._measure(echo)
            self._let_go(engine, counts)
        return self._judged(engine, counts, sure) if self._possible_ms(counts) > most_ms else None

    def settle(self, engine: Engine, echo: Echo, counts: TurnSegmenter, *, sure: float) -> None:
        """Judge all of them, the newest too, as what comes next is judged otherwise."""
        if self._frames:
            newest_ms = self._frames[-1].ms
            self._measure(echo)
            counts.feed(self._judged(engine, counts, sure) >= sure, newest_ms)

    def _possible_ms(self, counts: TurnSegmenter) -> float:
        """How much speech there could be by now within the time that `counts`."""
        possible = sum(frame.ms for frame in self._frames if frame.surpasses is not False)
        return counts.spoken_ms + possible

    def _measure(self, echo: Echo) -> None:
        unknown = [frame for frame in self._frames if frame.surpasses is None]
        for frame, surpasses in zip(unknown, echo.postponed(), strict=False):
            frame.surpasses = surpasses

    def _let_go(self, engine: Engine, counts: TurnSegmenter) -> None:
        """Nothing comes any more of what does not surpass the echo, or is too long ago."""
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
