"""What all requests to third-party servers share: one session, and messages for failures."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp

from ...config.placeholders import revealed
from ...config.secret import Secret

_CONNECT_S = 5.0


class SharedSession:
    """One HTTP session for all tools of a source, created at the first request."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._users = 0
        self._closing = False

    @asynccontextmanager
    async def use(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Provide the session for one request."""
        if self._session is None:
            # An idle connection may be dead, and a request is never sent twice.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        self._users += 1
        try:
            yield self._session
        finally:
            self._users -= 1
            await self._close_if_unused()

    async def close(self) -> None:
        """Close the session once no request is under way."""
        self._closing = True
        await self._close_if_unused()

    async def _close_if_unused(self) -> None:
        if self._closing and not self._users and self._session is not None:
            session, self._session = self._session, None
            await session.close()


def unreachable(host: str, error: Exception) -> str:
    """Return why `host` gave no answer, in words."""
    if isinstance(error, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
        return f"the proxy on the way to {host} does not let the request pass"
    if isinstance(error, TimeoutError):
        return f"{host} does not answer"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"there is no host {host} in this network"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"the certificate of {host} is not trusted"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"cannot reach {host}: {os.strerror(number) if number else 'no connection'}"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{host} does not speak HTTP"
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError):
        return f"{host} hung up before it had answered"
    return f"cannot ask {host}: {type(error).__name__}"


def hidden_parts(url: str) -> tuple[Secret, ...]:
    """Return the secret parts of an address: its path, and the path's last segment."""
    if not isinstance(url, Secret):
        return ()
    path = urlsplit(revealed(url)).path.strip("/")
    return (Secret(path), Secret(path.rpartition("/")[2]))  # as of a webhook
