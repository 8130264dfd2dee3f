"""Check every request: its host, its origin, its token and its body.

A request must name this machine (against DNS rebinding), must not come from a foreign web page,
must carry the token if one is set, and may change something only with a JSON body, which no foreign
form can send.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import re
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from .. import config
from .routes import PUBLIC_PATHS

BODY_MAX = 64 * 1024
BODY_PATIENCE_S = 10.0
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[^\[\]:]*))(?::[0-9]*)?")
_INGRESS_PATH = re.compile(r"/[A-Za-z0-9_./-]{1,200}")
_LOG = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Admits or rejects every request."""

    def __init__(self, settings: config.Http) -> None:
        self._own = socket.gethostname().lower()
        self.refused = 0
        self.adjust(settings)

    def adjust(self, settings: config.Http) -> None:
        """Apply these settings from now on."""
        own = self._own
        self._token = settings.token.reveal().encode()
        self._read_token = settings.read_token.reveal().encode()
        self._names = frozenset(
            {"localhost", own, f"{own.partition('.')[0]}.local"}
            | {name.lower() for name in settings.allowed_hosts}
        )
        self._origins = frozenset(origin.lower() for origin in settings.allowed_origins)
        self._ingress = settings.ingress

    @property
    def origins(self) -> frozenset[str]:
        """The foreign origins that may use the HTTP API."""
        return self._origins

    def framing(self, request: web.Request) -> tuple[str, ...]:
        """Return the origins that may frame the page; through the proxy `ingress`, its own."""
        own = ("'self'",) if self._through_ingress(request) else ()
        return (*own, *sorted(self._origins))

    @property
    def closed(self) -> bool:
        """Whether a token is needed."""
        return bool(self._token)

    def admits(self, request: web.Request) -> bool:
        """Return whether the present settings would admit a request that was admitted before."""
        try:
            self._check(request)
        except web.HTTPException:
            return False
        return True

    async def admit(self, request: web.Request) -> None:
        """Return if the request may go on, with its body read. Raises web.HTTPException."""
        try:
            self._check(request)
        except web.HTTPClientError as error:
            self.refused += 1
            level = logging.WARNING if self.refused == 1 else logging.DEBUG
            _LOG.log(level, "refused %s: %s", request.remote, error.text)
            raise
        is_known = request.match_info.http_exception is None  # else the answer is 404 or 405
        if request.method not in _SAFE and is_known:
            await _check_body(request)

    def shared_with(self, request: web.Request) -> str | None:
        """Return the foreign origin of the request if it may use the HTTP API."""
        origin = request.headers.get("Origin", "").lower()
        return origin if origin in self._origins else None

    def _check(self, request: web.Request) -> None:
        self._check_host(request)
        self._check_origin(request)
        if request.method == "OPTIONS" and self.shared_with(request):
            raise web.HTTPNoContent
        self._check_token(request)

    def _through_ingress(self, request: web.Request) -> bool:
        """Return whether the trusted proxy sends it, and states one of its own paths."""
        path = request.headers.get("X-Ingress-Path", "")
        trusted = bool(self._ingress) and _same_address(request.remote, self._ingress)
        return trusted and _INGRESS_PATH.fullmatch(path) is not None

    def _check_host(self, request: web.Request) -> None:
        if self._through_ingress(request):
            return  # only that proxy can reach us this way, whatever the host name
        host = request.headers.get("Host")
        if host is None and request.method in _SAFE:
            return  # a health check with HTTP/1.0; every browser sends the header
        name = _host_name(host or "")
        if name in self._names or _is_address(name):
            return
        raise web.HTTPMisdirectedRequest(
            text=f"this machine is not called {name[:64]!r}; add the name to http.allowed_hosts"
        )

    def _check_origin(self, request: web.Request) -> None:
        if self.shared_with(request):
            return
        origin = request.headers.get("Origin")
        host = request.headers.get("Host", "")
        if self._through_ingress(request):
            host = request.headers.get("X-Forwarded-Host", host)
        if origin is not None and not _same_origin(origin, host):
            raise web.HTTPForbidden(
                text="this web page may not use it; add its origin to http.allowed_origins"
            )
        page = request.path == "/" and request.method in _SAFE
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site not in ("none", "same-origin") and not page:
            raise web.HTTPForbidden(text="requests from other web pages are refused")

    def _check_token(self, request: web.Request) -> None:
        if not self._token or request.path in PUBLIC_PATHS or self._through_ingress(request):
            return
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        given = shown.strip().encode(errors="replace") if scheme.lower() == "bearer" else b""
        if hmac.compare_digest(given, self._token):
            return
        if self._read_token and hmac.compare_digest(given, self._read_token):
            if request.method in _SAFE:
                return
            raise web.HTTPForbidden(text="this token may only read")
        raise web.HTTPUnauthorized(
            text="send the token in the header Authorization (on the command line: -c FILE names "
            "the configuration that holds it; with --url it is in RTAUDIO_TOKEN)",
            headers={"WWW-Authenticate": 'Bearer realm="rtaudio-daemon"'},
        )


async def _check_body(request: web.Request) -> None:
    if request.content_type != "application/json" and not _says_nothing(request):
        raise web.HTTPUnsupportedMediaType(text="send JSON: Content-Type: application/json")
    if (request.content_length or 0) > BODY_MAX:
        raise web.HTTPRequestEntityTooLarge(
            max_size=BODY_MAX, actual_size=request.content_length or 0
        )
    try:
        async with asyncio.timeout(BODY_PATIENCE_S):
            await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body did not come in time") from None
    except web.RequestPayloadError:
        raise web.HTTPBadRequest(text="the body is not what its headers say") from None


def _says_nothing(request: web.Request) -> bool:
    """Return whether this is `curl -X POST` without body. Browsers always send an Origin."""
    return (
        request.content_type == "application/octet-stream"  # also if no type is given
        and not request.can_read_body
        and "Origin" not in request.headers
    )


def _host_name(host: str) -> str:
    """Return `name` of `name:port`, in lower case, without a final dot or enclosing brackets.

    Empty if `host` has another form.
    """
    parts = _HOST.fullmatch(host)
    return (parts["address"] or parts["name"]).rstrip(".").lower() if parts else ""


def _same_address(one: str | None, other: str) -> bool:
    try:
        found = ipaddress.ip_address(one or "")
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return mapped == ipaddress.ip_address(other)


def _is_address(name: str) -> bool:
    # DNS rebinding needs a name; an address cannot be redirected.
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower() != ""
