"""One WebSocket to the service: opened once, used once, closed once.

Messages are text that this module does not interpret. When the service refuses the connection, its
own message is kept: aiohttp drops it, so a middleware reads it first. Redirects are never followed
because they would carry the key to another host.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from ..config.profiles import AZURE_SCOPE
from ..errors import HandshakeError, ServiceError
from ..protocol.bounds import code_of, error_message_of, id_of
from ..protocol.codec import MAX_MESSAGE_BYTES
from ..protocol.endpoint import Endpoint
from ..proxies import proxy_name, proxy_of
from .entra import fetch_token

HEARTBEAT_S = 18.0
"""Interval of pings in seconds. Routers and proxies drop quiet connections. With half that time
for the answer, a dead connection is found within 27 seconds."""

_OPEN_TIMEOUT_S = 15.0
_CLOSE_TIMEOUT_S = 1.0  # the daemon must exit within two seconds
_BODY_BYTES = 64 * 1024
_BODY_TIMEOUT_S = 5.0
_SHORTEST_KEY = 8  # characters; a shorter key may occur in any sentence
_NO_STATUS = 1006  # RFC 6455: closed without a close frame

_WEB_PAGE = "a web page answered, perhaps the login page of this network"
_HINTS = {
    400: "check deployment and api_version",
    401: "check api_key and host_name",
    403: "check the key's role and the resource's network rules",
    404: "check deployment and host_name; a new deployment takes some minutes",
    429: "too many connections or requests; it will be tried again",
}


class Connection:
    """A connection to `endpoint`; an async context manager that opens and closes it.

    Iterating yields the text of every message and ends when either side closes the connection;
    `close_code` and `close_reason` then say how. The connector of `http_session`, if given, is
    used (with its resolver, limits and TLS settings); that session is not closed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        heartbeat_s: float | None = HEARTBEAT_S,
        protocols: Sequence[str] = (),
        compress: bool = False,
        http_session: aiohttp.ClientSession | None = None,
    ) -> None:
        self.close_code: int | None = None
        self.close_reason = ""
        self._endpoint = endpoint
        self._heartbeat_s = heartbeat_s
        self._protocols = tuple(protocols)
        self._compress = 15 if compress else 0
        self._shared = http_session
        self._secret = ""
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse[Any] | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect. Raises HandshakeError when refused, ServiceError when nobody answers."""
        assert self._http is None, "a connection is used once"
        token = await self._token()
        self._http = self._new_http()
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                self._socket = await self._http.ws_connect(
                    self._endpoint.url,
                    headers=self._endpoint.headers(token),
                    protocols=self._protocols,
                    heartbeat=self._heartbeat_s,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
                    max_msg_size=MAX_MESSAGE_BYTES,
                    compress=self._compress,
                    autoping=True,
                    proxy=proxy_of(self._endpoint.url),
                )
        except BaseException as error:
            await self._close_http()
            if isinstance(error, (aiohttp.ClientError, OSError, ValueError)):
                raise self._unreachable(error) from error
            raise

    async def send(self, message: str) -> None:
        """Send one text message; wait while the network is slow.

        Raises ServiceError when the connection is closed.
        """
        assert self._socket is not None, "open the connection first"
        try:
            await self._socket.send_frame(message.encode(), aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as error:
            raise ServiceError("the connection was closed while sending") from error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        assert self._socket is not None, "open the connection first"
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                text: str = message.data
                return text
            if message.type is not aiohttp.WSMsgType.BINARY:  # the protocol has no binary messages
                self._note_end(message)
                raise StopAsyncIteration

    async def close(self) -> None:
        """Send a close frame, wait at most a second for the reply, and release everything."""
        if self._socket is not None:
            await self._socket.close()
            self.close_code = self.close_code or self._socket.close_code
        await self._close_http()

    def _new_http(self) -> aiohttp.ClientSession:
        """Make an HTTP session whose middleware reads the response to the handshake."""
        shared = self._shared
        connector = shared.connector if shared else None
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=connector is None,
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=shared.trust_env if shared else False,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(self._read_refusal,),
        )

    async def _token(self) -> str:
        """Fetch a token for this connection, if it needs one."""
        endpoint = self._endpoint
        if endpoint.key_style != "entra":
            return ""
        self._secret = (
            await endpoint.token()
            if endpoint.token is not None
            else await fetch_token(endpoint.profile.token_scope or AZURE_SCOPE)
        )
        return self._secret

    async def _close_http(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def _read_refusal(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        response = await handler(request)
        if response.status == 101:
            return response
        try:
            body = await _read_body(response)
        finally:
            response.close()
        raise self._refusal(response, body)

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes) -> HandshakeError:
        key = (self._secret or self._endpoint.key.reveal()).encode()
        body = body.replace(key, b"**") if len(key) >= _SHORTEST_KEY else body
        code, words = _error_of(body, error_message_of(response.reason))
        hint = _HINTS.get(response.status, "it will be tried again")
        if 300 <= response.status < 400:
            place = _host_in(response.headers.get("Location", ""))
            words = f"it points to {place}, which is not followed"
            hint = "log in to this network if it wants that, or correct host_name"
        said = " ".join(filter(None, (code, words)))
        return HandshakeError(
            f"{self._endpoint.host} refused the connection with HTTP {response.status}: "
            f"{said} ({hint})",
            status=response.status,
            code=code,
            retry_after_s=_retry_after_s(response),
        )

    def _unreachable(self, error: Exception) -> ServiceError:
        host = self._endpoint.host
        if isinstance(error, TimeoutError):
            return ServiceError(f"{host} did not answer within {_OPEN_TIMEOUT_S:.0f} s")
        if isinstance(error, aiohttp.ClientHttpProxyError):
            words = f"HTTP {error.status} {error_message_of(error.message)}"
            return ServiceError(f"the proxy {proxy_name(self._endpoint.url)} refused: {words}")
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            host = f"the proxy {proxy_name(self._endpoint.url)}"
        if isinstance(error, aiohttp.ClientSSLError):
            return ServiceError(f"the certificate of {host} is not trusted: {error}")
        if isinstance(error, aiohttp.WSServerHandshakeError):
            return ServiceError(f"{host} does not speak WebSocket: {error.message}")
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        return ServiceError(f"cannot reach {host}: {words}")

    def _note_end(self, message: aiohttp.WSMessage) -> None:
        assert self._socket is not None
        if message.type is aiohttp.WSMsgType.CLOSE:
            self.close_code = message.data
            self.close_reason = error_message_of(message.extra)
            return
        error = self._socket.exception() or message.data
        self.close_code = self._socket.close_code or _NO_STATUS
        if isinstance(error, aiohttp.ServerTimeoutError):
            self.close_reason = "the service did not answer a ping"
        elif isinstance(error, BaseException):
            self.close_reason = str(error) or type(error).__name__


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Read at most `_BODY_BYTES` of a refusal, and only what arrives in time."""
    body = b""
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            while len(body) < _BODY_BYTES and (piece := await response.content.read(_BODY_BYTES)):
                body += piece
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass
    return body[:_BODY_BYTES]


def _error_of(body: bytes, reason: str) -> tuple[str | None, str]:
    """Return code and message of a refusal in the format of Azure, OpenAI or API Management, or
    text.

    If the body has no message, `reason` (from the status line) is the message.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        if text.startswith("<"):
            return None, f"{reason}; {_WEB_PAGE}"
        return None, error_message_of(text) or reason
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    if not isinstance(error, dict):
        return None, error_message_of(str(error)) or reason
    code = code_of(error.get("code") or error.get("type"))
    return code or None, error_message_of(error.get("message")) or reason


def _host_in(address: str) -> str:
    """Return the host of any address, valid or not, for messages to people."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    return id_of(host) or "another address"


def _retry_after_s(response: aiohttp.ClientResponse) -> float | None:
    """Return the Retry-After header, a number or a date, in seconds from now."""
    value = response.headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
