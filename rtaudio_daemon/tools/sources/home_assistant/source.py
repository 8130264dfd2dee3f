"""Home Assistant as a source of tools; also maintains the connection to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from ....config import HomeAssistant, McpServer, Secret
from ...tool import Json, SourceListener, SourceState, Tool, ToolError
from ..kept_link import LIST_EVERY_S, REFUSED_S, Connect, KeptLink, load_connect
from ..mcp_link import Link, LinkError, OfferedTool, RefusedLinkError
from .assist import Assist
from .client import AWAY_S, HomeClient, HomeError
from .sentences import asking_tool

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S = 60.0  # how often to check: its MCP server keeps no connection open
_LISTS_S = (5.0, 55.0)  # after the first list, which may be incomplete while it starts
_NO_SERVER_S = 30.0  # how long 404 may mean that it is still starting
_DEVICE = "io.home-assistant/device_id"
_WAYS = ("/api/mcp/assist", "/api/mcp")
NO_SERVER = (
    "it has no MCP server, so it is asked in whole sentences (unclear ones need a yes): add "
    "the integration Model Context Protocol Server to it"
)


class _SentencesError(LinkError):
    """It is reachable, but only accepts sentences: why, and the remedy."""

    def __init__(self, why: str, pause_s: float) -> None:
        super().__init__(why)
        self.pause_s = pause_s


class HomeAssistantSource:
    """Maintains the connection to Home Assistant through `client`, which it closes at the end.

    `exposes`: whether to offer what is exposed to Assist. It is idle until `started`.
    """

    name = "home_assistant"

    def __init__(
        self,
        client: HomeClient,
        settings: HomeAssistant,
        listener: SourceListener,
        started: asyncio.Event,
        *,
        exposes: bool = True,
        connect: Connect | None = None,
    ) -> None:
        self.client = client
        self._settings = settings
        self._listener = listener
        self._started = started
        self._exposes = exposes
        self._connect = connect
        self._note = ""
        self._up_since: float | None = None
        self._asking: list[Tool] = []
        self._kept = KeptLink(self.name, self, longest_s=AWAY_S, lists_s=_LISTS_S)
        self._assist = Assist(client, self.name, self._kept, self._list_again)
        client.changed = self._changed

    def does(self, settings: HomeAssistant, *, exposes: bool) -> bool:
        """Return whether it matches these settings."""
        return (self._settings, self._exposes) == (settings, exposes)

    @property
    def state(self) -> SourceState:
        """The state of the connection."""
        return self.client.state

    @property
    def note(self) -> str:
        """What a person should know or do."""
        return "; ".join(each for each in (self.client.note, self._note, self._assist.note) if each)

    def tools(self) -> Sequence[Tool]:
        """Return what was exposed last, or the one tool for sentences."""
        return self._asking or self._assist.tools

    def instructions_lines(self) -> list[str]:
        """Return the description that Home Assistant provides, for the model."""
        return [self._assist.text] if self._assist.text and not self._asking else []

    def try_again(self) -> None:
        """Try at once: somebody may have resolved the problem."""
        self.client.forgive()
        self._kept.try_again()

    async def run(self) -> None:
        """Maintain the connection until cancelled."""
        await self._started.wait()
        try:
            await self._kept.run()
        finally:
            await self.client.close()

    # --------------------------------------------------------------- the connection

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Link]:
        """Open a connection, which breaks when Home Assistant is away. Raises LinkError."""
        try:
            await self.client.ping()
        except HomeError as error:
            self._up_since = None
            raise LinkError(str(error)) from error
        if self._up_since is None:
            self._up_since = _now()
        async with AsyncExitStack() as stack:
            link = await self._opened(stack) if self._exposes else _NoLink()
            looking = asyncio.create_task(self._look(link), name="looks whether a home is there")
            try:
                yield link
            finally:
                looking.cancel()
                await asyncio.wait([looking])

    async def take(self, link: Link) -> None:
        """Offer what is exposed. Raises LinkError."""
        self._up_since = None  # if this connection ends, Home Assistant may be restarting
        names = await link.prompt_names()
        prompt = await link.prompt(names[0]) if names else ""
        is_different = self._assist.take(await link.tools(), prompt)
        self._note, self._asking, was_asking = "", [], bool(self._asking)
        if is_different or was_asking:
            _LOG.info("%s: %d tools", self.name, len(self.tools()))
            self._listener.tools_changed()

    def lost(self, failure: LinkError) -> float | None:
        """Note that there is no connection; return in how many seconds to try again."""
        if isinstance(failure, _SentencesError):
            self._fall_back(str(failure))
            return failure.pause_s
        _LOG.debug("%s: no connection: %s", self.name, failure)
        if failure.status == 401:  # of a connection that had worked
            self.client.refuse()
        # The client counts from the refusal, and sends nothing before that.
        return REFUSED_S + 1 if self.client.state is SourceState.REFUSED else None

    async def _opened(self, stack: AsyncExitStack) -> Link:
        """Open a connection over MCP, to be closed with `stack`. Raises LinkError."""
        try:
            connect = self._connect or await load_connect()
            meta = {_DEVICE: device} if (device := self._settings.device_id) else None
            for way in _WAYS:
                server = server_at(self._settings, way)
                try:
                    return await stack.enter_async_context(connect(self.name, server, meta))
                except LinkError as error:
                    if error.status != 404:
                        raise
                if self._is_starting():
                    raise LinkError("it is starting")
        except RefusedLinkError as error:  # refused for MCP only, as the token is valid
            why = f"it is asked in whole sentences: {why_no_tools(error)}"
            raise _SentencesError(why, REFUSED_S) from error
        raise _SentencesError(NO_SERVER, LIST_EVERY_S)

    async def _look(self, link: Link) -> None:
        """Check regularly whether Home Assistant is there; `_changed` is called if it is not."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self.client.ping()
            except HomeError:
                link.broken.set()

    def _changed(self) -> None:
        """Handle a change of the connection's state."""
        if self.client.state is SourceState.OK:
            self._kept.wake()
        elif self._kept.link is not None:
            self._kept.link.broken.set()
        self._listener.tools_changed()

    async def _list_again(self) -> None:
        """Request the list now, if possible."""
        if self._kept.link is not None:
            try:
                await self.take(self._kept.link)
            except LinkError as error:
                _LOG.debug("%s: %s", self.name, error)

    def _fall_back(self, note: str) -> None:
        """Offer the one tool for sentences."""
        if not self._asking or self._note != note:
            self._note, self._asking = note, [asking_tool(self.client, self.name)]
            _LOG.warning("%s: %s", self.name, note)
            self._listener.tools_changed()

    def _is_starting(self) -> bool:
        """Return whether it was away so recently that it may be incomplete."""
        return self._up_since is None or _now() - self._up_since <= _NO_SERVER_S


class _NoLink:
    """Stands for a connection if nothing exposed is wanted."""

    failure = LinkError("Home Assistant is away")

    def __init__(self) -> None:
        self.changed, self.broken = asyncio.Event(), asyncio.Event()

    async def tools(self) -> Sequence[OfferedTool]:
        return ()

    async def call(self, name: str, arguments: Json) -> Any:
        raise ToolError(f"there is no {name}")

    async def prompt_names(self) -> Sequence[str]:
        return ()

    async def prompt(self, name: str) -> str:
        return ""


def why_no_tools(error: LinkError) -> str:
    """Return why Home Assistant's MCP server offers nothing, and the remedy."""
    if error.status in (401, 403):
        return f"its MCP server refuses this user (status {error.status}): see its settings there"
    return str(error)


def server_at(settings: HomeAssistant, way: str = _WAYS[0]) -> McpServer:
    """Return the settings for Home Assistant's MCP server."""
    token = Secret(f"Bearer {settings.token.reveal()}")
    return McpServer(url=settings.url.rstrip("/") + way, headers={"Authorization": token})


def _now() -> float:
    return asyncio.get_running_loop().time()
