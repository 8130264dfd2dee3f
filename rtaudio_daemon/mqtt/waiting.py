"""What waits to be published: the newest states, and events in their order; a few a second."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

RATE = 4.0
"""Messages a second."""
BURST = 4.0
_ALMOST = 1e-6  # what rounding leaves of a message
EVENTS_MOST = 64
"""Events that wait at most; then the oldest goes."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is published; `retain`: the broker keeps it for those who come later."""

    topic: str
    payload: str
    retain: bool = False


class Waiting:
    """States by their topic, of which the last one counts, and events. Times are in seconds."""

    def __init__(self) -> None:
        self._states: dict[str, Message] = {}
        self._events: deque[Message] = deque()
        self._published: dict[str, str] = {}
        self._allowed = BURST
        self._counted_at: float | None = None
        self.dropped = 0
        """Events that were dropped, as too many waited."""

    def put(self, message: Message) -> None:
        """Publish this state, unless it is published already, or another follows before."""
        if self._published.get(message.topic) == message.payload:
            self._states.pop(message.topic, None)
        else:
            self._states[message.topic] = message

    def add(self, message: Message) -> None:
        """Publish this event."""
        if len(self._events) >= EVENTS_MOST:
            self._events.popleft()
            self.dropped += 1
        self._events.append(message)

    def forget(self) -> None:
        """No state is published any more, as far as is known."""
        self._states.clear()
        self._published.clear()

    def clear(self) -> None:
        """Nothing waits and nothing is published: what happened is out of date."""
        self.forget()
        self._events.clear()

    def pause_s(self, now: float) -> float | None:
        """How long to wait for the next message; None: nothing waits."""
        if not self._states and not self._events:
            return None
        self._count(now)
        return (1 - self._allowed) / RATE if self._allowed < 1 - _ALMOST else 0.0

    def take(self) -> Message:
        """The next message, when its pause is over; counted as published."""
        self._allowed -= 1
        if self._events:
            return self._events.popleft()
        message = self._states.pop(next(iter(self._states)))
        self.done(message)
        return message

    def done(self, message: Message) -> None:
        """This state is published."""
        self._published[message.topic] = message.payload

    def _count(self, now: float) -> None:
        if self._counted_at is not None:
            self._allowed = min(BURST, self._allowed + (now - self._counted_at) * RATE)
        self._counted_at = now
