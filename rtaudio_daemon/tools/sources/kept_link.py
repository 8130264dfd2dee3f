"""Keeps a connection to one MCP server: makes it, reads its list again and again, makes it anew.

After a failure it is tried again after 1, 2, 4 … seconds; after a refusal only every 15 minutes, as
others count the attempts; and at once when somebody asks for it, as a reload does. The list is read
when there is a connection, when the server says that it is another, and every five minutes.
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
"""The module by which the SDK is known here: version 1, which will not do, comes without it."""
REFUSED_S = 900.0
"""How long nothing is tried after a refusal."""
LIST_EVERY_S = 300.0
_LASTING_S = 60.0  # a connection that lasted so long was a good one
_CALM_S = 1.0  # between two lists that somebody asks us to read
_CALM_MOST_S = 60.0  # where the server says again and again that its list is another
_CALLS_S = 10.0  # how long calls may go on when the source is taken away


class Connect(Protocol):
    """Opens a connection to a server; `meta` goes with every request. Raises LinkError."""

    def __call__(
        self, name: str, server: McpServer, meta: Mapping[str, Any] | None = None
    ) -> AbstractAsyncContextManager[Link]:
        """The connection, which is closed in the end."""


class LinkUser(Protocol):
    """Uses the connections to a server, one after the other."""

    def connected(self) -> AbstractAsyncContextManager[Link]:
        """A connection. Raises LinkError."""

    async def take(self, link: Link) -> None:
        """Read what the server offers, and use `link` from now on. Raises LinkError."""

    def lost(self, failure: LinkError) -> float | None:
        """There is no connection, for this reason.

        Returns in how many seconds to try again; None: after a pause that grows.
        """


class KeptLink:
    """The connection that `user` has; `link` and `linked` say whether there is one.

    `longest_s`: the longest pause after failures. `lists_s`: pauses before the lists that follow
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
        """Connect, or read the list, at once: somebody may have mended what was wrong."""
        self._again.set()

    def wake(self) -> None:
        """Connect at once if there is a pause."""
        self._woken.set()

    def drop(self) -> None:
        """Do not use this connection any more."""
        self.link = None
        self.linked.clear()

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """A call is under way: the connection is not closed for other reasons than its own."""
        self._calls += 1
        self._no_calls.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._no_calls.set()

    async def run(self) -> None:
        """Keep the connection until cancelled."""
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
        """Connect, and stay until that ends; why it did."""
        failure: LinkError | None = None
        try:
            async with self._user.connected() as link:
                failure = await self._stay(link)
        except LinkError as error:
            failure = error
        except Exception as error:  # of the SDK, which is not ours
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
            # What runs while a reload takes the server away still gets its result.
            await first(_CALLS_S, self._no_calls)
            raise

    async def _keep_up(self, link: Link) -> LinkError:
        """Know what the server offers until the connection ends; why it did."""
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
    """The first of these that is set within this time; None if none is."""
    waiting = {asyncio.ensure_future(each.wait()): each for each in events}
    try:
        done, _ = await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    return next((event for task, event in waiting.items() if task in done), None)


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
