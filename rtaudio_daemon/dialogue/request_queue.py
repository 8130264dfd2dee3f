"""What is to be asked for, or played, when its turn comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .answer import Request

WAITING_MOST = 16
"""Requests that may wait for their turn."""


class RequestQueue:
    """The requests that wait. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._waiting: deque[Request] = deque()
        self._said_until: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no further request can wait."""
        return len(self._waiting) >= WAITING_MOST

    @property
    def first(self) -> Request | None:
        """Whose turn it is."""
        return self._waiting[0] if self._waiting else None

    @property
    def asks(self) -> bool:
        """Whether an answer to what the user said is about to be asked for."""
        return any(request.question for request in self._waiting)

    @property
    def deadline(self) -> float | None:
        """So long what is to be said waits for a session; None: it does not wait for one."""
        return self._said_until

    def wish(self, request: Request, *, first: bool = False) -> None:
        """Let a request wait; `full` was asked before."""
        if request.question and self.asks:
            return
        if first:
            self._waiting.appendleft(request)
        else:
            self._waiting.append(request)

    def wait_for_session(self, until: float) -> None:
        """What is to be said waits so long for a session."""
        self._said_until = until

    def session_opened(self) -> None:
        """Nothing waits for a session any more."""
        self._said_until = None

    def waited_too_long(self, now: float) -> bool:
        """Whether what is to be said is too old for another session."""
        return self._said_until is not None and now >= self._said_until

    def take(self) -> Request:
        """The first; it waits no longer."""
        return self._waiting.popleft()

    def again(self, request: Request) -> None:
        """It was taken too early."""
        self._waiting.appendleft(request)

    def says(self, said: str) -> bool:
        """Whether a request for the text with this id waits."""
        return any(each.said == said for each in self._waiting)

    def clear(self, *, sounds: bool = False) -> list[Request]:
        """What waits for an answer is not wanted any more, nor are `sounds`; returns it."""
        dropped = [each for each in self._waiting if sounds or not each.sound]
        self._keep(lambda each: bool(each.sound) and not sounds)
        self._said_until = None
        return dropped

    def drop_said(self, said: str) -> None:
        """The text with this id is not to be said, if it waits; "" is none."""
        self._keep(lambda each: not said or each.said != said)

    def drop(self, request: Request | None) -> None:
        """This one is not made, if it waits."""
        self._keep(lambda each: each is not request)

    def drop_questions(self) -> None:
        """There was nothing to answer."""
        self._keep(lambda each: not each.question)

    def _keep(self, wanted: Callable[[Request], bool]) -> None:
        self._waiting = deque(filter(wanted, self._waiting))
