"""MCP servers as sources of tools.

The SDK is imported only when the first server runs, in a thread because that takes long.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from typing import Any

from ...config import McpServer
from ...protocol.bounds import is_too_deep, printable
from ..tool import CallContext, Json, SourceListener, SourceState, Tool, ToolError, ToolSource
from .kept_link import REFUSED_S, Connect, KeptLink, first, load_connect
from .masking import Masking
from .mcp_link import ForgottenLinkError, Link, LinkError, OfferedTool, RefusedLinkError

_LOG = logging.getLogger(__name__)
_SOON_S = 10.0  # how long a call waits for a new connection
_SCHEMA_BYTES = 32 * 1024
_NAMES_SHOWN = 3
_SHORTEST_SECRET = 8

_GOOD = (SourceState.OK, SourceState.STARTING)


class McpSource:
    """The tools of one server; calls fail at once while the server is away."""

    def __init__(
        self,
        name: str,
        server: McpServer,
        listener: SourceListener,
        started: asyncio.Event,
        *,
        connect: Connect | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = f"mcp:{name}"
        self.server = server
        self.state = SourceState.STARTING
        self.note = ""
        self._listener = listener
        self._started = started
        self._connect = connect
        self._mask = Masking(*_secrets(server.headers), *_secrets(server.env), server.url)
        self._mask_results = Masking(*_secrets(server.headers))
        self._kept = KeptLink(self.name, self, chance=chance)
        self._tools: list[Tool] = []
        self._remarks = ""

    def tools(self) -> Sequence[Tool]:
        """Return the permitted tools that the server offered last."""
        return self._tools

    def is_like(self, other: ToolSource) -> bool:
        """Return whether `other` is the same source with the same settings."""
        if not isinstance(other, McpSource):
            return False
        return (other.name, other.server) == (self.name, self.server)

    def try_again(self) -> None:
        """Try at once: somebody may have resolved the problem."""
        self._kept.try_again()

    async def run(self) -> None:
        """Maintain the connection, once the daemon is ready, until cancelled."""
        await self._started.wait()
        await self._kept.run()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Link]:
        """Open a connection. Raises LinkError."""
        connect = self._connect or await load_connect()
        async with connect(self.name, self.server) as link:
            yield link

    async def take(self, link: Link) -> None:
        """Offer the tools of the server. Raises LinkError."""
        self._offer(await link.tools())
        self._turn(SourceState.OK, self._remarks)

    def lost(self, failure: LinkError) -> float | None:
        """Note that there is no connection; return in how many seconds to try again."""
        if isinstance(failure, ForgottenLinkError):
            self._turn(SourceState.STARTING, "")
            return 0.0
        self._turn(failure.state, self._mask.text(str(failure)))
        return REFUSED_S if isinstance(failure, RefusedLinkError) else None

    def _turn(self, state: SourceState, note: str) -> None:
        """Change the state; if it is new, log one line."""
        if (state, note) != (self.state, self.note):
            self.state, self.note = state, note
            level = logging.INFO if state in _GOOD else logging.WARNING
            _LOG.log(level, "%s: %s%s", self.name, state, f": {note}" if note else "")
            self._listener.tools_changed()

    # ---------------------------------------------------------------------- tools

    def _offer(self, offered: Sequence[OfferedTool]) -> None:
        allowed = [each for each in offered if self._allows(each.name)]
        unusable = [each.name for each in allowed if not _is_usable(each.parameters)]
        before = [(each.name, each.description, each.parameters) for each in self._tools]
        self._tools = [self._tool(each) for each in allowed if each.name not in unusable]
        self._remarks = "; ".join(self._doubts(offered, unusable))
        if before != [(each.name, each.description, each.parameters) for each in self._tools]:
            _LOG.info("%s: %d of its %d tools are used", self.name, len(self._tools), len(offered))
            self._listener.tools_changed()

    def _allows(self, name: str) -> bool:
        return _fits(name, self.server.allow) and not _fits(name, self.server.deny)

    def _doubts(self, offered: Sequence[OfferedTool], unusable: Sequence[str]) -> Iterator[str]:
        names = [each.name for each in offered]
        if not names:
            yield "it offers no tools"
            return
        for option in ("allow", "deny", "confirm"):
            for pattern in getattr(self.server, option):
                if not any(fnmatchcase(name, pattern) for name in names):
                    yield f"{option}: {pattern} fits none of its {len(names)} tools"
        if unusable:
            shown = ", ".join(unusable[:_NAMES_SHOWN])
            more = len(unusable) - _NAMES_SHOWN
            shown += f" and {more} more" if more > 0 else ""
            yield printable(f"left out, as their arguments cannot be described: {shown}")[:300]

    def _tool(self, offered: OfferedTool) -> Tool:
        async def run(arguments: Json, _context: CallContext) -> Any:
            with self._kept.calling():
                return await self._call(offered, arguments)

        return Tool(
            name=offered.name,
            description=printable(offered.description),
            run=run,
            source=self.name,
            parameters=offered.parameters,
            read_only=offered.read_only,
            confirm=_fits(offered.name, self.server.confirm),
            limit_s=self.server.limit_s,
        )

    # ---------------------------------------------------------------------- calls

    async def _call(self, tool: OfferedTool, arguments: Json) -> Any:
        link = self._kept.link or await self._next_link()
        try:
            return await self._call_over(link, tool, arguments)
        except LinkError as error:
            if self._kept.link is link:
                self._kept.drop()
            if not tool.read_only:
                why = self._mask.text(str(error))
                raise ToolError(
                    f"{self.name} went away meanwhile ({why}); it is not known whether this was "
                    "done: have somebody see before you call it again"
                ) from error
        return await self._once_more(tool, arguments)

    async def _once_more(self, tool: OfferedTool, arguments: Json) -> Any:
        """Repeat a call that only reads, over another connection."""
        link = await self._next_link()
        try:
            return await self._call_over(link, tool, arguments)
        except LinkError as error:
            raise ToolError(self._mask.text(f"{self.name} is away: {error}")) from error

    async def _call_over(self, link: Link, tool: OfferedTool, arguments: Json) -> Any:
        try:
            return self._mask_results.value(await link.call(tool.name, arguments))
        except ToolError as error:
            raise ToolError(self._mask.text(str(error))) from error

    async def _next_link(self) -> Link:
        """Return the next connection, if one can be expected soon. Raises ToolError."""
        if self.state in _GOOD:
            await first(_SOON_S, self._kept.linked)
        if self._kept.link is None:
            raise ToolError(f"{self.name} is away{f': {self.note}' if self.note else ''}")
        return self._kept.link


def _secrets(values: Mapping[str, Any] | None) -> Iterator[Any]:
    """Yield the secret values of headers or an environment, except words too short to be masked."""
    return (each for each in (values or {}).values() if len(each) >= _SHORTEST_SECRET)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_usable(schema: Json) -> bool:
    """Return whether a session accepts this schema."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    return not is_too_deep(schema) and len(json.dumps(schema)) <= _SCHEMA_BYTES
