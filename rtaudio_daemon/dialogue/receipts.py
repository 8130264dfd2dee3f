"""What became of each text that a program wanted to be said.

A text is under way while its request waits, its answer is generated, function calls that it led to
are open, or its sound is played. Then it gets exactly one outcome, deduced from what was noted::

    not_played    the loudspeaker is lost, or no sound came
    interrupted   it was stopped before its end, or before its first sound
    failed        the service refused it, or did not end its answer
    said          its sound was played to the end
    dropped       it never began

A text that was interrupted, and whose rest is played after all, gets another one then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..notifications import SaidOutcome, TextSaid

_REMEMBERED = 8  # texts that were interrupted, and may play on


@dataclass(slots=True)
class _Text:
    listen: bool = False
    answers: list[str] = field(default_factory=list)
    heard_ms: float = 0.0
    lost: bool = False
    stopped: bool = False
    lacks_end: bool = False
    failed: bool = False
    ended: bool = False

    @property
    def outcome(self) -> SaidOutcome:
        if self.lost:
            return "not_played"
        if self.stopped or self.lacks_end:
            return "interrupted"
        if self.failed:
            return "failed"
        if self.heard_ms > 0:
            return "said"
        return "not_played" if self.ended else "dropped"


class Receipts:
    """The texts under way, by id."""

    def __init__(self) -> None:
        self._texts: dict[str, _Text] = {}
        self._interrupted: dict[str, _Text] = {}

    @property
    def owed(self) -> bool:
        """Whether any text has no outcome yet."""
        return bool(self._texts)

    def begin(self, said: str, *, listen: bool = False) -> None:
        """Note that a program wants something said under this id; "" needs no receipt.

        `listen`: once it was said, the user may answer without a wake word.
        """
        if said:
            self._interrupted.pop(said, None)
            self._texts[said] = _Text(listen)

    def begun(self, said: str, response_id: str) -> None:
        """Note that an answer for this text begins."""
        if said in self._texts:
            self._texts[said].answers.append(response_id)

    def refused(self, said: str) -> None:
        """Note that the service refused the text."""
        if said in self._texts:
            self._texts[said].failed = True

    def generated(self, response_id: str, status: str, *, interrupted: bool) -> None:
        """Note that an answer has ended, which may be for a text."""
        for text in self._of(response_id):
            text.ended = text.ended or status == "completed"
            text.failed = text.failed or status in ("failed", "incomplete", "given up")
            text.lacks_end = text.lacks_end or interrupted

    def heard(self, response_id: str, heard_ms: float) -> None:
        """Note that `heard_ms` more of this answer were heard."""
        for text in self._of(response_id):
            text.heard_ms += heard_ms

    def stopped(self, response_id: str, *, lost: bool) -> None:
        """Note that this answer was stopped before its end; `lost`: with the loudspeaker."""
        for text in self._of(response_id):
            text.lost = text.lost or lost
            text.stopped = text.stopped or not lost

    def plays_on(self, response_id: str, rest_id: str, again_ms: float) -> None:
        """Note that the rest of this answer is played as `rest_id`.

        It begins with `again_ms` that were heard before.
        """
        for said, text in (self._interrupted | self._texts).items():
            if response_id in text.answers:
                self._texts[said] = text
                self._interrupted.pop(said, None)
                text.answers += [] if rest_id in text.answers else [rest_id]
                text.heard_ms -= again_ms
                text.stopped = False

    def over(self, under_way: Callable[[str, list[str]], bool]) -> Iterator[tuple[TextSaid, bool]]:
        """Yield the receipts of the texts that are no longer under way.

        `under_way` takes an id and the ids of its answers, and returns whether the text still is.
        With each receipt: whether the user may answer now without a wake word.
        """
        for said, text in list(self._texts.items()):
            if not under_way(said, text.answers):
                del self._texts[said]
                if text.outcome == "interrupted":
                    self._remember(said, text)
                receipt = TextSaid(said, text.outcome, round(text.heard_ms))
                yield receipt, text.listen and text.outcome == "said"

    def _remember(self, said: str, text: _Text) -> None:
        self._interrupted[said] = text
        while len(self._interrupted) > _REMEMBERED:
            del self._interrupted[next(iter(self._interrupted))]

    def _of(self, response_id: str) -> Iterator[_Text]:
        return (text for text in self._texts.values() if response_id in text.answers)
