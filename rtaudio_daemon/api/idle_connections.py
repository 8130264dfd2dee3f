"""Close connections that send no request.

aiohttp waits for ever for the first request of a connection and for the end of a request's head.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from typing import Any, Protocol

PATIENCE_S = 15.0
CONNECTIONS_MAX = 256  # besides the subscribers
_ROUND_S = 1.0
_HURRY_S = 3.0  # how long serving a burst of connections may take
_LOG = logging.getLogger(__name__)


class ConnectionOwner(Protocol):
    """Lists its connections (aiohttp's web.Server)."""

    @property
    def connections(self) -> Iterable[Any]:
        """All open connections."""


class IdleConnections:
    """Closes connections without a request under way after 15 s, the oldest first if too many."""

    def __init__(self) -> None:
        self._busy: dict[Any, int] = {}
        self._idle_since: dict[Any, float] = {}
        self.closed = 0

    def begin(self, connection: Any) -> None:
        """Note that a complete request arrived on `connection`."""
        if connection not in self._busy and connection not in self._idle_since:
            _watch_for_death(connection)
        self._busy[connection] = self._busy.get(connection, 0) + 1
        self._idle_since.pop(connection, None)

    def end(self, connection: Any) -> None:
        """Note that the request was answered."""
        left = self._busy.pop(connection, 1) - 1
        if left:
            self._busy[connection] = left
        else:
            self._idle_since[connection] = asyncio.get_running_loop().time()

    async def run(self, server: ConnectionOwner) -> None:
        """Check all connections every second, until cancelled."""
        while True:
            await asyncio.sleep(_ROUND_S)
            self._round(server, asyncio.get_running_loop().time())

    def _round(self, server: ConnectionOwner, now: float) -> None:
        there = set(server.connections)
        known = self._idle_since
        self._idle_since = {each: known.get(each, now) for each in there if each not in self._busy}
        oldest = sorted(self._idle_since.items(), key=lambda item: item[1])
        too_many = len(there) - len(self._busy) - CONNECTIONS_MAX
        for index, (connection, since) in enumerate(oldest):
            idle_s = now - since
            if idle_s < _HURRY_S or (idle_s < PATIENCE_S and index >= too_many):
                break
            del self._idle_since[connection]
            self.closed += 1
            connection.force_close()
            _LOG.debug("closed a connection without a request")


def _watch_for_death(connection: Any) -> None:
    """Let the kernel detect a peer that vanished."""
    transport = connection.transport
    link: socket.socket | None = transport and transport.get_extra_info("socket")
    if link is None or link.family not in (socket.AF_INET, socket.AF_INET6):
        return
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, 30),
        (socket.TCP_KEEPINTVL, 10),
        (socket.TCP_KEEPCNT, 3),
        (socket.TCP_USER_TIMEOUT, 30_000),
    ):
        link.setsockopt(socket.IPPROTO_TCP, option, value)
