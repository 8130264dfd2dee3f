"""Home Assistant as a source of tools, and the one that keeps in touch with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ....backoff import backoff
from ...tool import SourceListener, SourceState, Tool
from .client import AWAY_S, HomeClient, HomeError

_POLL_S = 60.0


class HomeAssistantSource:
    """Keeps in touch with Home Assistant through `client`, which it closes at the end."""

    name = "home_assistant"

    def __init__(self, client: HomeClient, listener: SourceListener) -> None:
        self._client = client
        self._listener = listener
        self._news = asyncio.Event()
        client.changed = self._changed

    @property
    def state(self) -> SourceState:
        """How it stands with Home Assistant."""
        return self._client.state

    @property
    def note(self) -> str:
        """What a person should know or do."""
        return self._client.note

    def tools(self) -> Sequence[Tool]:
        """Nothing yet."""
        return ()

    async def run(self) -> None:
        """Keep in touch until cancelled."""
        pauses = backoff(1.0, AWAY_S)
        try:
            while True:
                try:
                    await self._client.ping()
                except HomeError:
                    pause_s = next(pauses)
                else:
                    pauses, pause_s = backoff(1.0, AWAY_S), _POLL_S
                await self._rest(pause_s)
        finally:
            await self._client.close()

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
