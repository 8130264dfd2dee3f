"""Close connections above a limit at once, so that file descriptors remain for the daemon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol, cast

_REPORT_EVERY_S = 60.0
_LOG = logging.getLogger(__name__)


class Server(Protocol):
    """Creates the protocol of a connection and lists the open ones (aiohttp's web.Server)."""

    @property
    def connections(self) -> Sequence[object]:
        """All open connections."""

    def __call__(self) -> asyncio.BaseProtocol:
        """Create the protocol of a new connection."""


class ConnectionLimit:
    """Creates the protocol of each new connection to `server`; closes those above `most`.

    `closed` counts them. The log gets one line a minute at most.
    """

    def __init__(self, server: Server, most: int, clock: Callable[[], float] | None = None) -> None:
        self.most = most
        self.closed = 0
        self._server = server
        self._clock = clock or asyncio.get_running_loop().time
        self._reported_at: float | None = None
        self._unreported = 0

    def __call__(self) -> asyncio.BaseProtocol:
        """Create the protocol of a connection that was just accepted."""
        if len(self._server.connections) < self.most:
            return self._server()
        self.closed += 1
        self._unreported += 1
        now = self._clock()
        if self._reported_at is None or now - self._reported_at >= _REPORT_EVERY_S:
            _LOG.warning(
                "%d more connections to the HTTP API were closed at once: there are %d already",
                self._unreported,
                self.most,
            )
            self._reported_at, self._unreported = now, 0
        return _HangUp()


class _HangUp(asyncio.Protocol):
    """Closes the connection it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        cast(asyncio.Transport, transport).abort()
