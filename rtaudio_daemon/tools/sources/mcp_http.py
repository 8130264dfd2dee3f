"""HTTP transport for one MCP server: records failures in words for people, and protects secrets.

Requests go to the configured host only, even if the environment names a proxy: the proxy is used as
a tunnel, and gets none of the headers. The server's data is bounded, even if compressed. After a
failure that affects every request, no more are sent.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from ...config import McpServer
from ...config.placeholders import revealed
from ...proxies import proxy_name, tunnel_of
from .mcp_link import ForgottenLinkError, LinkError, RefusedLinkError, Watch

MOST_BYTES = 4 << 20
"""Maximum size of an answer."""
_TIMEOUT = httpx2.Timeout(5.0, read=None, write=10.0)  # callers limit their wait for an answer
_CLOSING_S = 0.5
_DEPTH_MOST = 8  # nesting depth of exceptions
_MOST_CONNECTIONS = 64
_SESSION = "mcp-session-id"


class HttpWatch(httpx2.AsyncBaseTransport):
    """Passes requests on to `inner`, and examines the answers.

    `failure`: why no further request is sent. `oddity`: what was unusual about the last answer.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, url: str) -> None:
        self.failure: LinkError | None = None
        self.broken = asyncio.Event()
        self.oddity: LinkError | None = None
        self._inner = inner
        self._url = httpx2.URL(url)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer to a request, or status 503 of our own."""
        if self.failure is None and _origin(request.url) != _origin(self._url):
            self._fail(LinkError(f"it sends us to another address: {_shown(request.url)}"))
        if self.failure is not None:
            return httpx2.Response(503)
        if request.method == "DELETE":
            request.extensions["timeout"] = httpx2.Timeout(_CLOSING_S).as_dict()
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.PoolTimeout:
            return httpx2.Response(503)
        except httpx2.TransportError as error:
            self._fail(LinkError(_words(error, str(self._url))))
            return httpx2.Response(503)
        self._look_at(request, response)
        return await self._bounded(response)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    def _look_at(self, request: httpx2.Request, response: httpx2.Response) -> None:
        status = response.status_code
        if status in (401, 403):
            self._fail(_refusal(status))
        elif status == 404 and _SESSION in request.headers:
            self._fail(ForgottenLinkError("it was started again and knows our session no more"))
        else:
            self.oddity = _oddity(request, response)

    async def _bounded(self, response: httpx2.Response) -> httpx2.Response:
        coding = response.headers.pop("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", "deflate", ""):
            self.oddity = LinkError(f"it compresses its answers in a way unknown here ({coding})")
            await response.aclose()
            return httpx2.Response(503)
        events = _media_type(response) == "text/event-stream"
        response.headers.pop("content-length", None)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        stream = _Bounded(response.stream, coding in ("gzip", "deflate"), events=events)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=stream,
            extensions=response.extensions,
        )

    def _fail(self, why: LinkError) -> None:
        self.failure = why
        self.broken.set()


class _Bounded(httpx2.AsyncByteStream):
    """A decompressed body; one that is too large ends early.

    In a stream of events, the limit applies to each event.
    """

    def __init__(self, inner: httpx2.AsyncByteStream, compressed: bool, *, events: bool) -> None:
        self._inner = inner
        self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 32) if compressed else None
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for chunk in self._inner:
                # Anything beyond this size already exceeds the limit for a whole answer.
                part = self._decoder.decompress(chunk, MOST_BYTES + 1) if self._decoder else chunk
                ended = max(part.rfind(b"\n\n"), part.rfind(b"\r\n\r\n")) if self._events else -1
                size = len(part) - ended if ended >= 0 else size + len(part)
                if size > MOST_BYTES:
                    yield b"\n\n"
                    return
                yield part
        except httpx2.TransportError as error:
            raise httpx2.StreamError(_words(error, "")) from error
        except zlib.error as error:
            raise httpx2.StreamError("the answer is not compressed as it says") from error

    async def aclose(self) -> None:
        """Stop reading."""
        await self._inner.aclose()


@asynccontextmanager
async def http_streams(server: McpServer) -> AsyncIterator[tuple[Any, Watch]]:
    """Provide the transport for the SDK, and its watch."""
    url = revealed(server.url)
    verify: ssl.SSLContext | bool = False  # nothing is sent to another scheme
    if url.startswith("https:"):
        verify = await asyncio.to_thread(ssl.create_default_context)
    limits = httpx2.Limits(max_connections=_MOST_CONNECTIONS)
    try:
        inner = httpx2.AsyncHTTPTransport(
            verify=verify, limits=limits, trust_env=False, proxy=tunnel_of(url)
        )
    except (ValueError, ImportError) as error:
        why = f"the proxy {proxy_name(url)} is of a kind that is not spoken here: use http://"
        raise LinkError(why) from error
    watch = HttpWatch(inner, url)
    headers = {name: value.reveal() for name, value in (server.headers or {}).items()}
    headers.setdefault("Accept-Encoding", "identity")
    async with httpx2.AsyncClient(
        transport=watch, headers=headers, timeout=_TIMEOUT, trust_env=False
    ) as http:
        yield streamable_http_client(url, http_client=http, max_sse_event_size=None), watch


def _refusal(status: int) -> LinkError:
    what = "it does not know us" if status == 401 else "it does not let us in"
    return RefusedLinkError(
        f"{what} (status {status}): see the headers in its entry of tools.mcp; tried again every "
        "15 minutes and at a reload",
        status,
    )


def _oddity(request: httpx2.Request, response: httpx2.Response) -> LinkError | None:
    status, kind = response.status_code, _media_type(response)
    if response.headers.get("location") and 300 <= status < 400:
        where = request.url.join(response.headers["location"])
        why = f"it sends us to another address: {_shown(where)}; write that one if it is right"
    elif status == 404:
        why = "there is nothing at this address (status 404): see its path, often /mcp"
    elif status in (400, 405, 406, 415, 501):
        why = f"no MCP server answers like that (status {status}): see its path, often /mcp"
    elif status >= 400:
        why = f"it answers with status {status}"
    elif kind == "text/html":
        why = "a web page answers at this address, no MCP server: see its path, often /mcp"
    else:
        return None
    return LinkError(why, status)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _shown(url: httpx2.URL) -> str:
    """Return an address without its parts that may be secret."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))[:200]


def _media_type(response: httpx2.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _words(error: Exception, url: str) -> str:
    if tunnel_of(url) and isinstance(error, httpx2.ProxyError | httpx2.ConnectError):
        return f"the proxy {proxy_name(url)} does not let us through: {str(error)[:200]}"
    if isinstance(error, httpx2.ConnectError):
        return f"cannot be reached ({_reason(error)}): is it running, and is its address right?"
    if isinstance(error, httpx2.TimeoutException):
        return "it does not answer in time"
    if isinstance(error, httpx2.RemoteProtocolError):
        return "it closed the connection"
    return str(error)[:200] or type(error).__name__


def _reason(error: BaseException) -> str:
    """Return why there was no connection, in the operating system's words if available."""
    inner: BaseException | None = error
    for _ in range(_DEPTH_MOST):
        if isinstance(inner, socket.gaierror):
            return "there is no such host in this network"
        if isinstance(inner, OSError) and inner.errno:
            return os.strerror(inner.errno).lower()
        if isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        elif inner is not None:
            inner = inner.__cause__ or inner.__context__
    return str(error)[:200]
