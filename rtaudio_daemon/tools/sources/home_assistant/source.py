"""Home Assistant as a source of tools, and the one that keeps in touch with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

from ....backoff import backoff
from ....config import HomeAssistant, McpServer, Secret
from ...tool import SourceListener, SourceState, Tool
from ..mcp_link import Link, LinkError, RefusedLinkError
from ..mcp_servers import Connect, load_connect
from .assist import Assist, asking_tool
from .client import AWAY_S, HomeClient, HomeError

_LOG = logging.getLogger(__name__)
_POLL_S = 60.0
_LIST_S = (5.0, 55.0)  # after the first list, which may lack what is still starting
_LIST_EVERY_S = 300.0
_NO_SERVER_S = 30.0  # how long 404 may mean that it is only starting
_WAYS = ("/api/mcp/assist", "/api/mcp")
NO_SERVER = (
    "it has no MCP server, so it is asked in whole sentences: add the integration Model Context "
    "Protocol Server to it"
)


class HomeAssistantSource:
    """Keeps in touch with Home Assistant through `client`, which it closes at the end.

    `exposes`: whether to offer what is exposed to Assist. Nothing is done before `started`.
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
        self._client = client
        self._settings = settings
        self._listener = listener
        self._started = started
        self._exposes = exposes
        self._connect = connect
        self._news = asyncio.Event()
        self._note = ""
        self._up_since: float | None = None
        self._asking: list[Tool] = []
        self._assist = Assist(client, self.name, self._list_again)
        client.changed = self._changed

    @property
    def state(self) -> SourceState:
        """How it stands with Home Assistant."""
        return self._client.state

    @property
    def note(self) -> str:
        """What a person should know or do."""
        return "; ".join(
            each for each in (self._client.note, self._note, self._assist.note) if each
        )

    def tools(self) -> Sequence[Tool]:
        """What was exposed last, or the one tool that asks in sentences."""
        return self._asking or self._assist.tools

    def instructions_lines(self) -> list[str]:
        """What Home Assistant says about itself, for the model."""
        return [self._assist.text] if self._assist.text and not self._asking else []

    def try_again(self) -> None:
        """Try at once: somebody may have mended what was wrong."""
        self._client.forgive()
        self._news.set()

    async def run(self) -> None:
        """Keep in touch until cancelled."""
        await self._started.wait()
        pauses = backoff(1.0, AWAY_S)
        try:
            while True:
                try:
                    await self._client.ping()
                except HomeError:
                    self._up_since, pause_s = None, next(pauses)
                else:
                    pauses = backoff(1.0, AWAY_S)
                    if self._up_since is None:
                        self._up_since = _now()
                    pause_s = await self._visit() if self._exposes else _POLL_S
                await self._rest(pause_s)
        finally:
            await self._client.close()

    # ------------------------------------------------------------------ what is exposed

    async def _visit(self) -> float:
        """Know what is exposed for as long as the connection lasts; after which pause to return."""
        failure: LinkError | None = None
        for way in _WAYS:
            failure = await self._visit_at(way)
            if failure is None or failure.status != 404 or not self._is_up_for_long():
                break
        if failure is None:
            return 1.0
        if failure.status == 404 and not self._is_up_for_long():
            return AWAY_S  # it is starting
        if failure.status == 404 or isinstance(failure, RefusedLinkError):
            try:
                await self._client.ping()
            except HomeError:  # the token is refused everywhere
                return AWAY_S
            self._fall_back(NO_SERVER if failure.status == 404 else str(failure))
            return _LIST_EVERY_S
        _LOG.debug("%s: no connection over MCP: %s", self.name, failure)
        return AWAY_S

    async def _visit_at(self, way: str) -> LinkError | None:
        """Connect and stay; why there was no connection, or None where one ended."""
        server = server_at(self._settings, way)
        failure: LinkError | None = None
        try:
            connect = self._connect or await load_connect()
            async with connect(self.name, server) as link:
                failure = await self._stay(link)
        except LinkError as error:
            failure = error
        except Exception as error:  # of the SDK, which is not ours
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from error
            _LOG.debug("%s: the connection failed", self.name, exc_info=error)
            failure = failure or LinkError(f"the connection failed ({type(error).__name__})")
        finally:
            self._assist.link = None
        return failure

    async def _stay(self, link: Link) -> LinkError | None:
        pauses: Iterator[float] = chain(_LIST_S, repeat(_LIST_EVERY_S))
        while not link.broken.is_set():
            try:
                await self._list(link)
            except LinkError as error:
                return error
            self._assist.link = link
            if await self._wait(link, next(pauses)):
                break
        return None

    async def _list(self, link: Link) -> None:
        names = await link.prompt_names()
        prompt = await link.prompt(names[0]) if names else ""
        is_different = self._assist.take(await link.tools(), prompt)
        self._note, self._asking, was_asking = "", [], bool(self._asking)
        if is_different or was_asking:
            _LOG.info("%s: %d tools", self.name, len(self.tools()))
            self._listener.tools_changed()

    async def _list_again(self) -> None:
        """Ask for the list now, if that is possible."""
        if self._assist.link is not None:
            try:
                await self._list(self._assist.link)
            except LinkError as error:
                _LOG.debug("%s: %s", self.name, error)

    async def _wait(self, link: Link, pause_s: float) -> bool:
        """Wait until it is time to list again; whether to begin anew instead."""
        deadline = _now() + pause_s
        while (left_s := deadline - _now()) > 0:
            self._news.clear()
            await self._rest(min(left_s, _POLL_S))
            if link.broken.is_set() or self._assist.link is None:
                return True
            try:
                await self._client.ping()
            except HomeError:
                return True
        return False

    def _fall_back(self, note: str) -> None:
        """Offer the one tool that asks in sentences."""
        if not self._asking or self._note != note:
            self._note, self._asking = note, [asking_tool(self._client, self.name)]
            _LOG.warning("%s: %s", self.name, note)
            self._listener.tools_changed()

    def _is_up_for_long(self) -> bool:
        return self._up_since is not None and _now() - self._up_since > _NO_SERVER_S

    # ------------------------------------------------------------------------ waiting

    async def _rest(self, pause_s: float) -> None:
        """Wait, or until a call finds that something is different."""
        self._news.clear()
        try:
            async with asyncio.timeout(pause_s):
                await self._news.wait()
        except TimeoutError:
            pass

    def _changed(self) -> None:
        self._news.set()
        self._listener.tools_changed()


def server_at(settings: HomeAssistant, way: str = _WAYS[0]) -> McpServer:
    """The MCP server of Home Assistant."""
    token = Secret(f"Bearer {settings.token.reveal()}")
    return McpServer(url=settings.url.rstrip("/") + way, headers={"Authorization": token})


def _now() -> float:
    return asyncio.get_running_loop().time()
