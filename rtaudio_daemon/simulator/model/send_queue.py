"""The queue of events for one client: in order, bounded, sent by one task."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

_COMFORTABLE = 64
_LIMIT = 10_000
_LIMIT_BYTES = 64 * 1024 * 1024
_ENVELOPE_BYTES = 500


class EventSink(Protocol):
    """Takes events under their canonical names, to be sent to the client."""

    def emit(self, event: dict[str, Any]) -> None:
        """Send this event, after all before it."""


class Sender(Protocol):
    """The connection to a client."""

    async def send(self, event: dict[str, Any]) -> None:
        """Send one event in the client's dialect."""


class SendQueue:
    """`put` never waits; answers wait for `room` first, so that only a flood reaches the limit."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[dict[str, Any]] = deque()
        self._waiting_bytes = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, event: dict[str, Any]) -> None:
        """Queue `event`; beyond 10 000 waiting events, or 64 MiB, it is dropped and counted."""
        if len(self._waiting) >= _LIMIT or self._waiting_bytes >= _LIMIT_BYTES:
            self.dropped += 1
            return
        self._waiting.append(event)
        self._waiting_bytes += _size(event)
        self._filled.set()
        if len(self._waiting) >= _COMFORTABLE:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the client has taken most of what is queued."""
        await self._room.wait()

    async def run(self, sender: Sender) -> None:
        """Send to `sender` for ever. Raises what its `send` raises."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                event = self._waiting.popleft()
                self._waiting_bytes -= _size(event)
                if len(self._waiting) < _COMFORTABLE:
                    self._room.set()
                await sender.send(event)


def _size(event: dict[str, Any]) -> int:
    """About how many bytes an event takes: what is long in it, and something for the rest."""
    content = (event.get("item") or {}).get("content") or ()
    long = [event.get("delta")]
    long += [part.get(key) for part in content for key in ("audio", "text", "transcript")]
    return _ENVELOPE_BYTES + sum(len(each) for each in long if isinstance(each, str))
