"""Maintains a connection to one MCP server: opens it, reads its list of tools, and reopens it.

After a failure it retries after 1, 2, 4 … seconds. After a refusal it retries only every 15
minutes, because servers may count attempts. On request, such as a reload, it retries at once. The
list is read after connecting, when the server reports a change, and every five minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain, repeat
from typing import Any, Protocol

from ...backoff import backoff
from ...config import McpServer
from ...optional_packages import how_to_install, installed
from .mcp_link import Link, LinkError, RefusedLinkError

_LOG = logging.getLogger(__name__)
PACKAGE = "mcp_types"
"""The module that identifies a suitable SDK: version 1, which is not supported, lacks it."""
REFUSED_S = 900.0
"""How many seconds to wait after a refusal."""
LIST_EVERY_S = 300.0
_LASTING_S = 60.0  # a connection that lasted this long was a success
_CALM_S = 1.0  # minimum time between two requested lists
_CALM_MOST_S = 60.0  # if the server keeps reporting changes
_CALLS_S = 10.0  # how long calls may continue when the source is removed


class Connect(Protocol):
    """Opens a connection to a server; `meta` is sent with every request. Raises LinkError."""

    def __call__(
        self, name: str, server: McpServer, meta: Mapping[str, Any] | None = None
    ) -> AbstractAsyncContextManager[Link]:
        """Return the connection, which is closed on exit."""


class LinkUser(Protocol):
    """Uses successive connections to a server."""

    def connected(self) -> AbstractAsyncContextManager[Link]:
        """Open a connection. Raises LinkError."""

    async def take(self, link: Link) -> None:
        """Read what the server offers, and use `link` from now on. Raises LinkError."""

    def lost(self, failure: LinkError) -> float | None:
        """Note that there is no connection, and why.

        Returns in how many seconds to try again; None: after an increasing delay.
        """


class KeptLink:
    """Maintains the connection of `user`; `link` and `linked` say whether there is one.

    `longest_s`: the maximum delay after failures. `lists_s`: delays before the lists that follow
    the first one; later ones are five minutes. `chance`: see `backoff`.
    """

    def __init__(
        self,
        name: str,
        user: LinkUser,
        *,
        longest_s: float = 60.0,
        lists_s: Sequence[float] = (),
        chance: Callable[[], float] | None = None,
    ) -> None:
        self.link: Link | None = None
        self.linked = asyncio.Event()
        self._name = name
        self._user = user
        self._lists_s = lists_s
        self._longest_s = longest_s
        self._chance = chance
        self._again, self._woken = asyncio.Event(), asyncio.Event()
        self._calls = 0
        self._no_calls = asyncio.Event()
        self._no_calls.set()

    def try_again(self) -> None:
        """Connect or read the list at once: somebody may have resolved the problem."""
        self._again.set()

    def wake(self) -> None:
        """Connect at once if it is waiting."""
        self._woken.set()

    def drop(self) -> None:
        """Stop using this connection."""
        self.link = None
        self.linked.clear()

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Mark a call as under way: the connection is not closed unless it breaks."""
        self._calls += 1
        self._no_calls.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._no_calls.set()

    async def run(self) -> None:
        """Maintain the connection until cancelled."""
        pauses, now = self._pauses(), asyncio.get_running_loop().time
        while True:
            since = now()
            failure = await self._visit()
            lasted_s = now() - since
            if lasted_s > _LASTING_S:
                pauses = self._pauses()
            self._again.clear()
            self._woken.clear()
            pause_s = self._user.lost(failure)
            if pause_s is None or (not pause_s and lasted_s < _CALM_S):
                pause_s = next(pauses)
            await first(pause_s, self._again, self._woken)

    def _pauses(self) -> Iterator[float]:
        return backoff(1.0, self._longest_s, self._chance)

    async def _visit(self) -> LinkError:
        """Connect, and stay until that ends; return why it ended."""
        failure: LinkError | None = None
        try:
            async with self._user.connected() as link:
                failure = await self._stay(link)
        except LinkError as error:
            failure = error
        except Exception as error:  # raised by the SDK, which is third-party code
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from error
            _LOG.debug("%s: the connection failed", self._name, exc_info=error)
            failure = failure or LinkError(f"the connection failed ({type(error).__name__})")
        finally:
            self.drop()
        return failure

    async def _stay(self, link: Link) -> LinkError:
        try:
            return await self._keep_up(link)
        except asyncio.CancelledError:
            # Calls that run while a reload removes the server still get their results.
            await first(_CALLS_S, self._no_calls)
            raise

    async def _keep_up(self, link: Link) -> LinkError:
        """Keep the list of tools current until the connection ends; return why it ended."""
        pauses, calm_s = chain(self._lists_s, repeat(LIST_EVERY_S)), _CALM_S
        while True:
            link.changed.clear()
            self._again.clear()
            try:
                await self._user.take(link)
            except LinkError as error:
                return error
            self.link = link
            self.linked.set()
            why = await first(next(pauses), link.broken, link.changed, self._again)
            if why is link.broken:
                return link.failure
            await first(calm_s, link.broken, self._again)
            calm_s = min(2 * calm_s, _CALM_MOST_S) if why is link.changed else _CALM_S


async def first(within_s: float, *events: asyncio.Event) -> asyncio.Event | None:
    """Return the first of these events to be set within this time; None if none is."""
    waiting = {asyncio.ensure_future(each.wait()): each for each in events}
    try:
        done, _ = await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    return next((event for task, event in waiting.items() if task in done), None)


async def load_connect() -> Connect:
    """Import the module that needs the SDK. Raises RefusedLinkError if the SDK is missing."""
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
