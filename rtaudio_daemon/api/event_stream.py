"""Server-Sent Events: encode every event once and write it to all subscribers.

A subscriber first gets a `snapshot` (the whole status) or, if its `Last-Event-ID` is still in the
ring, exactly the events it missed. One that does not read is dropped, so that memory stays bounded.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import HttpVersion11, web

from ..controls import timestamp

HEARTBEAT_S = 15.0
RETRY_MS = 2000
_UNREAD_MAX = 64 * 1024  # bytes a subscriber may leave unread before it is dropped
_KEPT = 256  # events that may be replayed
_KEPT_BYTES = 4 * 1024 * 1024  # of them
_ONLY_WHEN_ASKED = frozenset({"level"})  # too frequent to send by default
_NUMBER = re.compile(r"[0-9]{1,18}")
_LOG = logging.getLogger(__name__)


class StatusSource(Protocol):
    """Provides the status and the time."""

    def snapshot(self) -> dict[str, Any]:
        """Return the whole status."""

    def now(self) -> float:
        """Return the time for events, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Event:
    sequence: int
    name: str
    text: bytes


class _Ring:
    """The newest events: at most `_KEPT` of them, and `_KEPT_BYTES` of text."""

    def __init__(self) -> None:
        self._events: deque[_Event] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[_Event]:
        return iter(self._events)

    def append(self, event: _Event) -> None:
        self._events.append(event)
        self._bytes += len(event.text)
        while len(self._events) > _KEPT or self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._events.popleft().text)

    def forget(self, name: str) -> None:
        self._events = deque(event for event in self._events if event.name != name)
        self._bytes = sum(len(event.text) for event in self._events)


@dataclass(eq=False, slots=True)
class _Subscriber:
    request: web.Request
    transport: asyncio.Transport
    types: frozenset[str]
    chunked: bool
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def wants(self, name: str) -> bool:
        if name in _ONLY_WHEN_ASKED:
            return name in self.types
        return not self.types or name in self.types or name in ("snapshot", "shutdown")


class EventStream:
    """Serves `/api/events`.

    `boot` differs at every start of the daemon; the newest 256 events, of 4 MiB at most, are
    kept for replay.
    """

    def __init__(
        self,
        source: StatusSource,
        *,
        boot: str,
        max_subscribers: int = 64,
    ) -> None:
        self._source = source
        self._boot = boot
        self._ring = _Ring()
        self.max_subscribers = max_subscribers
        """How many may subscribe at once; present subscribers stay."""
        self._sequence = 0
        self._subscribers: set[_Subscriber] = set()
        self._joined = asyncio.Event()
        self._closing = False
        self.dropped = 0

    @property
    def subscribers(self) -> int:
        """The number of subscribers."""
        return len(self._subscribers)

    def publish(self, name: str, data: dict[str, Any]) -> None:
        """Send an event to every subscriber that wants it."""
        self._sequence += 1
        event = _Event(self._sequence, name, self._encode(self._sequence, name, data))
        self._ring.append(event)
        self._send(event.text, [one for one in self._subscribers if one.wants(name)])

    async def until_wanted(self, name: str) -> None:
        """Wait until a subscriber wants events of this name."""
        while not any(subscriber.wants(name) for subscriber in self._subscribers):
            self._joined.clear()
            await self._joined.wait()

    def publish_unkept(self, name: str, data: dict[str, Any]) -> None:
        """Send an event that is soon out of date: it has no id and is not replayed."""
        text = self._encode(None, name, data)
        self._send(text, [one for one in self._subscribers if one.wants(name)])

    async def heartbeat(self) -> None:
        """Write a comment to all subscribers every 15 s, which detects dead connections."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._send(b": still here\n", list(self._subscribers))

    def dismiss(self, unwelcome: Callable[[web.Request], bool]) -> None:
        """Disconnect the subscribers whose request is `unwelcome`."""
        going = {one for one in self._subscribers if unwelcome(one.request)}
        self._subscribers -= going
        for subscriber in going:
            subscriber.gone.set()

    def forget(self, name: str) -> None:
        """Replay no events of this name."""
        self._ring.forget(name)

    def shut_down(self) -> None:
        """Publish `shutdown` and disconnect all subscribers."""
        if not self._closing:
            self._closing = True
            self.publish("shutdown", {})
            for subscriber in self._subscribers:
                subscriber.gone.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Handle one `GET /api/events` until either side leaves."""
        if self._closing or len(self._subscribers) >= self.max_subscribers:
            raise web.HTTPServiceUnavailable(
                headers={"Retry-After": "10"}, text="too many subscribers; try again later"
            )
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        subscriber, received = self._subscriber(request), self._sequence
        welcome = self._welcome(request, subscriber)
        await response.prepare(request)
        await response.write(welcome)
        if self._closing:
            return response
        # No await from here to the registration: nothing can be published in between.
        missed = [event for event in self._ring if event.sequence > received]
        for event in missed:
            if subscriber.wants(event.name):
                self._send(event.text, [subscriber])
        self._subscribers.add(subscriber)
        self._joined.set()
        try:
            await subscriber.gone.wait()
        finally:
            self._subscribers.discard(subscriber)
        return response

    def _subscriber(self, request: web.Request) -> _Subscriber:
        transport = request.transport
        if transport is None:
            raise web.HTTPBadRequest
        link: socket.socket | None = transport.get_extra_info("socket")
        if link is not None and link.family in (socket.AF_INET, socket.AF_INET6):
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNREAD_MAX)
        types = frozenset(filter(None, request.query.get("types", "").split(",")))
        return _Subscriber(request, transport, types, request.version >= HttpVersion11)

    def _welcome(self, request: web.Request, subscriber: _Subscriber) -> bytes:
        last = request.headers.get("Last-Event-ID", "")
        # Not a block of its own: some clients report a block without data as an empty message.
        start = f"retry: {RETRY_MS}\n".encode()
        missed = self._since(last)
        if missed is None:
            data = {**self._source.snapshot(), **({"gap": True} if last else {})}
            return start + self._encode(self._sequence, "snapshot", data)
        return start + b"".join(one.text for one in missed if subscriber.wants(one.name))

    def _since(self, last_event_id: str) -> list[_Event] | None:
        """Return the events after an id; None if some of them are no longer kept."""
        boot, _, number = last_event_id.partition("-")
        if boot != self._boot or not _NUMBER.fullmatch(number):
            return None
        last = int(number)
        oldest = next((event.sequence for event in self._ring), self._sequence + 1)
        if last > self._sequence or last < oldest - 1:
            return None
        return [event for event in self._ring if event.sequence > last]

    def _encode(self, sequence: int | None, name: str, data: dict[str, Any]) -> bytes:
        body = json.dumps({"time": timestamp(self._source.now()), **data}, separators=(",", ":"))
        number = "" if sequence is None else f"id: {self._boot}-{sequence}\n"
        return f"{number}event: {name}\ndata: {body}\n\n".encode()

    def _send(self, text: bytes, subscribers: Iterable[_Subscriber]) -> None:
        framed = b"%x\r\n%b\r\n" % (len(text), text)
        for subscriber in subscribers:
            transport = subscriber.transport
            if transport.is_closing():
                subscriber.gone.set()
            elif transport.get_write_buffer_size() > _UNREAD_MAX:
                self.dropped += 1
                _LOG.info("dropped a subscriber of /api/events that does not read")
                transport.abort()
                subscriber.gone.set()
            else:
                transport.write(framed if subscriber.chunked else text)
