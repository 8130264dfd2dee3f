"""One answer at a time: what is asked for waits until the one before it is done.

Answers outside the conversation (``conversation: none``) may run beside others and are known by
their ids, so that nothing they say is taken for a part of the conversation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import count
from typing import Any

from rtaudio_daemon.realtime.shapes import Json

WAITING_MOST = 16
UNANSWERED_S = 15.0
"""A request that nothing came of in this time stands in nobody's way any more."""
_ATTEMPTS_MOST = 5
_ENDED_KEPT = 64
_ID = "rtaudio_response_"
_SOMEBODY = "somebody"  # an answer of which only a refusal tells


class ResponseQueue:
    """Holds back ``response.create`` messages. Times in seconds of any one clock."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Json, int]] = deque()
        self._asked: tuple[str, Json, int] | None = None
        self._asked_at = 0.0
        self._active: str | None = None
        self._active_at = 0.0
        self._outside_asked: dict[str, Any] = {}  # event id → metadata of the request
        self._outside: deque[str] = deque(maxlen=_ENDED_KEPT)
        self._ended: deque[str] = deque(maxlen=_ENDED_KEPT)
        self._numbers = count(1)

    @property
    def active(self) -> str | None:
        """The id of the answer in the conversation that is being generated."""
        return self._active

    @property
    def asked(self) -> bool:
        """Whether an answer in the conversation was asked for that has not begun."""
        return bool(self._asked or self._waiting)

    @property
    def busy(self) -> bool:
        """Whether an answer is being generated, was asked for, or waits to be."""
        return bool(self._active or self._asked or self._waiting or self._outside_asked)

    def outside(self, event: Mapping[str, Any]) -> bool:
        """Whether an event belongs to an answer outside the conversation."""
        response = event.get("response")
        found = response.get("id") if isinstance(response, dict) else event.get("response_id")
        return found in self._outside

    def ask(self, event: Json, now: float) -> list[Json]:
        """A ``response.create`` is wanted; returns what to send now.

        Raises OverflowError when too much is waiting already.
        """
        event = {"event_id": f"{_ID}{next(self._numbers)}", **event}
        response = event.get("response")
        if isinstance(response, dict) and response.get("conversation") == "none":
            if len(self._outside_asked) >= WAITING_MOST:
                self._outside_asked.pop(next(iter(self._outside_asked)))
            self._outside_asked[event["event_id"]] = response.get("metadata")
            return [event]
        if len(self._waiting) >= WAITING_MOST:
            raise OverflowError(f"{WAITING_MOST} answers are waiting already")
        self._waiting.append((event, 1))
        return self.next(now)

    def hear(self, event: Mapping[str, Any], now: float) -> list[Json]:
        """Take in an event of the service; returns what to send now."""
        name = event.get("type")
        response = event.get("response")
        response = response if isinstance(response, dict) else {}
        found = response.get("id") or event.get("response_id")
        if name == "response.created":
            self._begin(found, response, now)
        elif name == "response.done":
            self._end(found)
        elif name == "error":
            self._refused(event.get("error"), now)
        elif isinstance(found, str) and found not in self._ended and found not in self._outside:
            # Not every service tells of a response before its first sound.
            self._active, self._active_at, self._asked = found, now, None
        return self.next(now)

    def next(self, now: float) -> list[Json]:
        """What to send, now that some time has passed."""
        if self._asked and now - self._asked_at >= UNANSWERED_S:
            self._asked = None
        if self._active and now - self._active_at >= 4 * UNANSWERED_S:
            self._end(self._active)  # its end got lost
        if self._active or self._asked or not self._waiting:
            return []
        event, attempts = self._waiting.popleft()
        self._asked, self._asked_at = (event["event_id"], event, attempts), now
        return [event]

    def drop_waiting(self) -> None:
        """What waits is not wanted any more."""
        self._waiting.clear()

    def lose(self) -> None:
        """The session is gone with everything in it; nobody wants a late answer."""
        self._waiting.clear()
        self._asked = self._active = None
        self._outside_asked.clear()
        self._outside.clear()
        self._ended.clear()

    def _begin(self, found: Any, response: Mapping[str, Any], now: float) -> None:
        if not isinstance(found, str) or found in self._ended:
            return
        for event_id, metadata in self._outside_asked.items():
            alike = metadata and response.get("metadata") == metadata
            if alike or (not metadata and response.get("conversation_id") is None):
                del self._outside_asked[event_id]
                self._outside.append(found)
                return
        self._active, self._active_at, self._asked = found, now, None

    def _end(self, found: Any) -> None:
        if isinstance(found, str):
            self._ended.append(found)
        if found in self._outside:
            return
        if self._active in (found, _SOMEBODY) or found is None:
            self._active = None

    def _refused(self, error: Any, now: float) -> None:
        if not isinstance(error, dict):
            return
        event_id, code = error.get("event_id"), error.get("code")
        self._outside_asked.pop(str(event_id), None)
        if self._asked is None or event_id != self._asked[0]:
            return
        _, event, attempts = self._asked
        self._asked = None
        if code == "conversation_already_has_active_response" and attempts < _ATTEMPTS_MOST:
            self._waiting.appendleft((event, attempts + 1))
            # Its id may be in the words only; its end says when the next may come.
            self._active, self._active_at = self._active or _SOMEBODY, now
