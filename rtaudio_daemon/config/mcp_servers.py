"""Rules for `tools.mcp`: an address or a program, and the options for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from .hosts import beyond_loopback
from .source import Mistake
from .tool_sections import McpServer

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def mistakes(servers: Mapping[str, McpServer] | None) -> Iterator[Mistake]:
    """Yield every mistake: at which option below `tools.mcp`, and the remedy."""
    for name, server in (servers or {}).items():
        for steps, what in _server(server):
            yield (name, *steps), what


def cautions(servers: Mapping[str, McpServer] | None) -> Iterator[Mistake]:
    """Yield what works but is not advisable, in the same form."""
    for name, server in (servers or {}).items():
        url = urlsplit(server.url)
        if server.headers and url.scheme == "http" and beyond_loopback(url.hostname or ""):
            what = "http:// sends the headers where others in the network can read them; use "
            yield (name, "url"), f"{what}https:// if the server knows it"


def _server(server: McpServer) -> Iterator[Mistake]:
    if not server.url and not server.command:
        what = "has neither url nor command; write url: http://… for a server that runs, or "
        yield (), f"{what}command: [/path/to/program] for one that is to be started"
    if server.url and server.command:
        yield ("command",), "a server has either url or command; make two servers of it"
    elif server.env and not server.command:
        yield ("env",), "only a program that is started (command) has an environment"
    elif server.headers and not server.url:
        yield ("headers",), "only a server with a url gets headers; a program gets env"
    try:
        _ = urlsplit(server.url).port
    except ValueError:
        yield ("url",), "its port is none: expected a number from 1 to 65535"
    for header in server.headers or {}:
        if not _HEADER.fullmatch(str(header)):
            yield ("headers", header), "is no name of a header"
    for variable in server.env or {}:
        if not _VARIABLE.fullmatch(str(variable)):
            yield ("env", variable), "is no name of an environment variable"
