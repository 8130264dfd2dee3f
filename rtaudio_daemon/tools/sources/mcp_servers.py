"""MCP servers as sources of tools: each is kept in touch with, whatever happens to it.

The SDK is loaded only when the first one runs, in a thread, as that takes long.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from fnmatch import fnmatchcase
from typing import Any

from ...backoff import backoff
from ...config import McpServer
from ...optional_packages import how_to_install, installed
from ...protocol.bounds import is_too_deep, printable
from ..tool import CallContext, Json, SourceListener, SourceState, Tool, ToolError, ToolSource
from .masking import Masking
from .mcp_link import ForgottenLinkError, Link, LinkError, OfferedTool, RefusedLinkError

_LOG = logging.getLogger(__name__)
PACKAGE = "mcp_types"
"""The module by which the SDK is known here: version 1, which will not do, comes without it."""
_POLL_S = 300.0
_REFUSED_S = 900.0
_LASTING_S = 60.0  # a connection that lasted so long was a good one
_SOON_S = 10.0  # a call waits for a new connection this long
_CALM_S = 1.0  # between two lists that the server asks us to read
_SCHEMA_BYTES = 32 * 1024
_NAMES_SHOWN = 3
_SHORTEST_SECRET = 8

_GOOD = (SourceState.OK, SourceState.STARTING)
Connect = Callable[[str, McpServer], AbstractAsyncContextManager[Link]]


class McpSource:
    """The tools of one server; a call of one is answered at once while the server is away."""

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
        self._chance = chance
        self._mask = Masking(*_secrets(server.headers), *_secrets(server.env), server.url)
        self._mask_results = Masking(*_secrets(server.headers))
        self._link: Link | None = None
        self._linked = asyncio.Event()
        self._again = asyncio.Event()
        self._tools: list[Tool] = []
        self._calls = 0
        self._no_calls = asyncio.Event()
        self._no_calls.set()
        self._remarks = ""

    def tools(self) -> Sequence[Tool]:
        """The tools that the server offered last, and that are allowed."""
        return self._tools

    def is_like(self, other: ToolSource) -> bool:
        """Whether `other` does the same with the same settings."""
        if not isinstance(other, McpSource):
            return False
        return (other.name, other.server) == (self.name, self.server)

    def try_again(self) -> None:
        """Try at once: somebody may have mended what was wrong."""
        self._again.set()

    async def run(self) -> None:
        """Keep in touch with the server until cancelled, from when the daemon is ready."""
        await self._started.wait()
        pauses = self._pauses()
        now = asyncio.get_running_loop().time
        while True:
            since = now()
            failure = await self._visit()
            if now() - since > _LASTING_S:
                pauses = self._pauses()
            if isinstance(failure, ForgottenLinkError):
                pause_s = next(pauses) if now() - since < _CALM_S else 0.0
                self._turn(SourceState.STARTING, "")
            else:
                pause_s = _REFUSED_S if isinstance(failure, RefusedLinkError) else next(pauses)
                self._turn(failure.state, self._mask.text(str(failure)))
            await self._rest(pause_s)

    def _pauses(self) -> Iterator[float]:
        return backoff(1.0, 60.0, self._chance)

    async def _rest(self, pause_s: float) -> None:
        self._again.clear()
        try:
            async with asyncio.timeout(pause_s):
                await self._again.wait()
        except TimeoutError:
            pass

    async def _visit(self) -> LinkError:
        """Connect, and stay until that ends; why it did."""
        failure: LinkError | None = None
        try:
            connect = self._connect or await load_connect()
            async with connect(self.name, self.server) as link:
                failure = await self._stay(link)
        except LinkError as error:
            failure = error
        except Exception as error:  # of the SDK, which is not ours
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from error
            _LOG.debug("%s: the connection failed", self.name, exc_info=error)
            failure = failure or LinkError(f"the connection failed ({type(error).__name__})")
        finally:
            self._link = None
            self._linked.clear()
        return failure

    async def _let_calls_end(self) -> None:
        """What runs while a reload takes the server away still gets its result."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SOON_S):
                await self._no_calls.wait()

    async def _stay(self, link: Link) -> LinkError:
        try:
            return await self._keep_up(link)
        except asyncio.CancelledError:
            await self._let_calls_end()
            raise

    async def _keep_up(self, link: Link) -> LinkError:
        """Know the tools of the server until the connection ends; why it did."""
        while True:
            try:
                self._take(await link.tools())
            except LinkError as error:
                return error
            self._link = link
            self._linked.set()
            self._turn(SourceState.OK, self._remarks)
            if await _first(_POLL_S, link.broken, link.changed, self._again) is link.broken:
                return link.failure
            await _first(_CALM_S, link.broken)
            link.changed.clear()
            self._again.clear()

    def _turn(self, state: SourceState, note: str) -> None:
        """Stand so from now on; one line in the log when that is new."""
        if (state, note) != (self.state, self.note):
            self.state, self.note = state, note
            level = logging.INFO if state in _GOOD else logging.WARNING
            _LOG.log(level, "%s: %s%s", self.name, state, f": {note}" if note else "")
            self._listener.tools_changed()

    # ---------------------------------------------------------------------- tools

    def _take(self, offered: Sequence[OfferedTool]) -> None:
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
            self._calls += 1
            self._no_calls.clear()
            try:
                return await self._call(offered, arguments)
            finally:
                self._calls -= 1
                if not self._calls:
                    self._no_calls.set()

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
        link = self._link or await self._next_link()
        try:
            return await self._call_over(link, tool, arguments)
        except LinkError as error:
            if self._link is link:
                self._link = None
                self._linked.clear()
            if not tool.read_only:
                why = self._mask.text(str(error))
                raise ToolError(
                    f"{self.name} went away meanwhile ({why}); it is not known whether this was "
                    "done: have somebody see before you call it again"
                ) from error
        return await self._once_more(tool, arguments)

    async def _once_more(self, tool: OfferedTool, arguments: Json) -> Any:
        """Repeat a call that changes nothing, over another connection."""
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
        """The connection that comes next, if one can be expected soon. Raises ToolError."""
        if self.state in _GOOD:
            await _first(_SOON_S, self._linked)
        if self._link is None:
            raise ToolError(f"{self.name} is away{f': {self.note}' if self.note else ''}")
        return self._link


async def load_connect() -> Connect:
    """The module that needs the SDK. Raises RefusedLinkError where that is missing."""
    importlib.invalidate_caches()
    if not installed(PACKAGE):
        raise RefusedLinkError(
            f"needs a package that is not installed; run: {how_to_install(PACKAGE)}"
        )
    name = f"{__package__}.mcp_connection"
    try:
        module = await asyncio.to_thread(importlib.import_module, name)
    except ImportError as error:
        raise RefusedLinkError(f"the package mcp cannot be loaded: {error}") from error
    connect: Connect = module.connect
    return connect


async def _first(within_s: float, *events: asyncio.Event) -> asyncio.Event | None:
    """The first of these that is set within this time; None if none is."""
    waiting = {asyncio.ensure_future(each.wait()): each for each in events}
    try:
        done, _ = await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    return next((event for task, event in waiting.items() if task in done), None)


def _secrets(values: Mapping[str, Any] | None) -> Iterator[Any]:
    """What may be secret of headers or an environment; shorter words stand everywhere."""
    return (each for each in (values or {}).values() if len(each) >= _SHORTEST_SECRET)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_usable(schema: Json) -> bool:
    """Whether a session could be given this schema."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    return not is_too_deep(schema) and len(json.dumps(schema)) <= _SCHEMA_BYTES
