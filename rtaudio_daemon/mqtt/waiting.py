"""The queue of messages to publish: the newest states, and events in order, rate-limited."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

RATE = 4.0
"""Messages per second."""
BURST = 4.0
_ALMOST = 1e-6  # tolerance for rounding
EVENTS_MOST = 64
"""Maximum number of queued events; the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish; `retain`: the broker keeps it for later subscribers."""

    topic: str
    payload: str
    retain: bool = False


class Waiting:
    """States by topic, of which only the last matters, and events. Times are in seconds."""

    def __init__(self) -> None:
        self._states: dict[str, Message] = {}
        self._events: deque[Message] = deque()
        self._published: dict[str, str] = {}
        self._allowed = BURST
        self._counted_at: float | None = None
        self.dropped = 0
        """How many events were dropped because too many were queued."""

    def put(self, message: Message) -> None:
        """Queue this state, unless it is published already; a later one replaces it."""
        if self._published.get(message.topic) == message.payload:
            self._states.pop(message.topic, None)
        else:
            self._states[message.topic] = message

    def add(self, message: Message) -> None:
        """Queue this event."""
        if len(self._events) >= EVENTS_MOST:
            self._events.popleft()
            self.dropped += 1
        self._events.append(message)

    def forget(self) -> None:
        """Assume that no state is published any more."""
        self._states.clear()
        self._published.clear()

    def clear(self) -> None:
        """Clear the queue and assume that nothing is published: everything is out of date."""
        self.forget()
        self._events.clear()

    def pause_s(self, now: float) -> float | None:
        """Return how long to wait before the next message; None: the queue is empty."""
        if not self._states and not self._events:
            return None
        self._count(now)
        return (1 - self._allowed) / RATE if self._allowed < 1 - _ALMOST else 0.0

    def take(self) -> Message:
        """Return the next message once the wait is over; it counts as published."""
        self._allowed -= 1
        if self._events:
            return self._events.popleft()
        message = self._states.pop(next(iter(self._states)))
        self.done(message)
        return message

    def done(self, message: Message) -> None:
        """Note that this state is published."""
        self._published[message.topic] = message.payload

    def _count(self, now: float) -> None:
        if self._counted_at is not None:
            self._allowed = min(BURST, self._allowed + (now - self._counted_at) * RATE)
        self._counted_at = now
