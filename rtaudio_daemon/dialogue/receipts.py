"""What became of each text that a program wanted to be said.

A text is under way while its request waits, its answer is generated, function calls that it led to
are open, or its sound is played. Then it gets exactly one outcome, deduced from what was noted::
    are open, or its sound is played. Then it gets exactly one outcome, deduced from what was
    noted::

        not_played    the loudspeaker is lost, or no sound came
    failed        the service refused it, or did not end its answer
    said          its sound was played to the end
    dropped       it never began
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..notifications import SaidOutcome, TextSaid


@dataclass(slots=True)
class _Text:
    answers: list[str] = field(default_factory=list)
    heard_ms: float = 0.0
    lost: bool = False
    stopped: bool = False
    failed: bool = False
    ended: bool = False

    @property
    def outcome(self) -> SaidOutcome:
        if self.lost:
            return "not_played"
        if self.stopped:
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

    @property
    def owed(self) -> bool:
        """Whether any text has no outcome yet."""
        return bool(self._texts)

    def begin(self, said: str) -> None:
        """Note that a program wants something said under this id; "" needs no receipt."""
        if said:
            self._texts[said] = _Text()

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
            text.stopped = text.stopped or interrupted

    def heard(self, response_id: str, heard_ms: float) -> None:
        """Note that `heard_ms` more of this answer were heard."""
        for text in self._of(response_id):
            text.heard_ms += heard_ms

    def stopped(self, response_id: str, *, lost: bool) -> None:
        """Note that this answer was stopped before its end; `lost`: with the loudspeaker."""
        for text in self._of(response_id):
            text.lost = text.lost or lost
            text.stopped = text.stopped or not lost

    def over(self, under_way: Callable[[str, list[str]], bool]) -> Iterator[TextSaid]:
        """Yield the receipts of the texts that are no longer under way.

        `under_way` takes an id and the ids of its answers, and returns whether the text still is.
        """
        for said, text in list(self._texts.items()):
            if not under_way(said, text.answers):
                del self._texts[said]
                yield TextSaid(said, text.outcome, round(text.heard_ms))

    def _of(self, response_id: str) -> Iterator[_Text]:
        return (text for text in self._texts.values() if response_id in text.answers)
