"""What to request, or play, in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .answer import Request

WAITING_MOST = 16
"""Maximum number of waiting requests."""


class RequestQueue:
    """The requests that wait. Times are seconds on the caller's clock."""

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
        """The next request."""
        return self._waiting[0] if self._waiting else None

    @property
    def asks(self) -> bool:
        """Whether a request for an answer to what the user said waits."""
        return any(request.question for request in self._waiting)

    @property
    def deadline(self) -> float | None:
        """Until when texts to be said wait for a session; None: they do not wait for one."""
        return self._said_until

    def wish(self, request: Request, *, first: bool = False) -> None:
        """Append a request, or prepend it if `first`; the caller has checked `full`."""
        if request.question and self.asks:
            return
        if first:
            self._waiting.appendleft(request)
        else:
            self._waiting.append(request)

    def wait_for_session(self, until: float) -> None:
        """Let texts to be said wait for a session until then."""
        self._said_until = until

    def session_opened(self) -> None:
        """Note that nothing waits for a session any more."""
        self._said_until = None

    def waited_too_long(self, now: float) -> bool:
        """Return whether texts to be said have waited too long for a session."""
        return self._said_until is not None and now >= self._said_until

    def take(self) -> Request:
        """Remove and return the first request."""
        return self._waiting.popleft()

    def again(self, request: Request) -> None:
        """Put back a request that was taken too early."""
        self._waiting.appendleft(request)

    def says(self, said: str) -> bool:
        """Return whether a request for the text with this id waits."""
        return any(each.said == said for each in self._waiting)

    def clear(self, *, sounds: bool = False) -> list[Request]:
        """Drop all requests for answers, and with `sounds` those for sounds; return them."""
        dropped = [each for each in self._waiting if sounds or not each.sound]
        self._keep(lambda each: bool(each.sound) and not sounds)
        self._said_until = None
        return dropped

    def drop_said(self, said: str) -> None:
        """Drop the request for the text with this id, if it waits; "" names none."""
        self._keep(lambda each: not said or each.said != said)

    def drop(self, request: Request | None) -> None:
        """Drop this request, if it waits."""
        self._keep(lambda each: each is not request)

    def drop_questions(self) -> None:
        """Drop the requests for answers to what the user said."""
        self._keep(lambda each: not each.question)

    def _keep(self, wanted: Callable[[Request], bool]) -> None:
        self._waiting = deque(filter(wanted, self._waiting))
