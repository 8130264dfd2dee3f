"""A tool that makes one HTTP request, configured by `http` in an entry of `tools.own`.

Arguments can only fill the path, the query and the body; scheme, host, port and headers are fixed
by the configuration. Redirects are not followed because they would lead to another host.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from ...config import OwnTool, Secret
from ...config.placeholders import as_text, fill, fill_all, names_in, revealed
from ...config.secret import secrets_in
from ...protocol.bounds import error_message_of, is_too_deep
from ...proxies import is_at_home, proxy_of, tunnel_of
from ..tool import CallContext, Json, ToolError
from .http_requests import SharedSession, hidden_parts, unreachable
from .masking import Masking

_MOST_BYTES = 1 << 20
_LITERAL = "/:?[]@!$&'()*+,;=%-._~"  # what stays as it is written in the configuration's address
_TEXTS = re.compile(r"text/|[^;]*(json|xml|yaml|javascript|form-urlencoded)", re.IGNORECASE)


class HttpTool:
    """Makes the request of `tool` with the arguments of a call."""

    def __init__(self, tool: OwnTool, sessions: SharedSession) -> None:
        self._http = tool.http
        self._sessions = sessions
        address = urlsplit(revealed(tool.http.url))
        self._host = address.netloc
        given = (tool.http.headers, tool.http.query, tool.http.json)
        self._mask = Masking(hidden_parts(tool.http.url), *given)
        self._is_secret = isinstance(tool.http.url, Secret) or any(secrets_in(given))

    async def run(self, arguments: Json, _context: CallContext) -> Any:
        """Return the host's answer: JSON if it is JSON, otherwise text. Raises ToolError."""
        url = self._url(arguments)
        body = None if self._http.json is None else fill_all(self._http.json, arguments)
        headers = {name: as_text(value) for name, value in (self._http.headers or {}).items()}
        try:
            async with (
                self._sessions.use() as session,
                session.request(
                    self._http.method.upper(),
                    url,
                    headers={"Accept-Encoding": "identity", **headers},
                    json=body,
                    proxy=self._proxy(str(url)),
                    allow_redirects=False,
                ) as answer,
            ):
                return await self._result(answer)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ToolError(self._mask.text(unreachable(self._host, error))) from None

    def _proxy(self, url: str) -> str | None:
        if self._is_secret or is_at_home(urlsplit(url).hostname or ""):
            return tunnel_of(url)
        return proxy_of(url)

    def _url(self, arguments: Json) -> URL:
        """Return the address with the arguments, percent-encoded."""
        address = revealed(self._http.url).partition("#")[0]
        host, path, query = _parts(address)
        found = host + _encoded(path, arguments, in_path=True)
        words = [_encoded(query, arguments, in_path=False)] if query else []
        for name, value in (self._http.query or {}).items():
            filled = fill(as_text(value), arguments)
            if filled is not None:
                words.append(f"{quote(name, safe='')}={quote(filled, safe='')}")
        return URL(found + ("?" + "&".join(words) if words else ""), encoded=True)

    async def _result(self, answer: aiohttp.ClientResponse) -> Any:
        if 300 <= answer.status < 400:
            raise ToolError(
                f"{self._host} answers HTTP {answer.status}: it points to another address, which "
                "is not followed"
            )
        body, kind = await _read(answer), answer.headers.get("Content-Type", "text/plain")
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            text = "its answer is compressed, which was not asked for"
            if answer.status < 400:
                raise ToolError(f"{self._host}: {text}")
        elif body and not _TEXTS.match(kind):
            text = f"[{error_message_of(kind.partition(';')[0])} left out, {len(body)} bytes]"
        else:
            text = self._mask.text(_decoded(body, answer.charset))
        if answer.status >= 400:
            words = "" if text.lstrip().startswith("<") else error_message_of(text)
            words = words or error_message_of(answer.reason)
            raise ToolError(f"{self._host} answers HTTP {answer.status}: {self._mask.text(words)}")
        return self._mask.value(as_json(text)) if text.strip() else "done"


def as_json(text: str) -> Any:
    """Return `text` parsed as JSON, or `text` itself if it is not JSON."""
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text
    return text if is_too_deep(value) else value


def _no_number(name: str) -> float:
    raise ValueError(name)


def _parts(address: str) -> tuple[str, str, str]:
    """Return scheme with host, path, and query of an address."""
    scheme, _, rest = address.partition("://")
    address, _, query = rest.partition("?")
    host, slash, path = address.partition("/")
    return f"{scheme}://{host}", f"{slash}{path}" or "/", query


def _encoded(template: str, arguments: Json, *, in_path: bool) -> str:
    for _, name in names_in(template):
        if arguments.get(name) is None:
            raise ToolError(f"{name} is needed, as the address holds it")
        text = as_text(arguments[name])
        if in_path and any(step in (".", "..") for step in re.split(r"[/\\]", text)):
            raise ToolError(f"{name} must not hold . or .. as a step of a path")
    marked = quote(template, safe=_LITERAL + "{}")
    filled = fill(marked, arguments, lambda text: quote(text, safe="")) or ""
    return filled.replace("{", "%7B").replace("}", "%7D")


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while len(body) < _MOST_BYTES and (piece := await answer.content.readany()):
        body += piece
    return bytes(body[:_MOST_BYTES])


def _decoded(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")
