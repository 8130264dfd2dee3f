"""Replays a recording as the service: sends the same messages at the same times."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from aiohttp import WSMsgType

from ...protocol.codec import Dialect
from .client_connection import ClientConnection
from .recording import SOUND_APPENDED, Entry, Said

_LOG = logging.getLogger(__name__)


class Replay:
    """One connection of a recording, for one client.

    A message of the client is awaited if there was one in the recording, somewhat longer than it
    took then; after that the replay continues. Sound is not awaited, it only takes its time.
    """

    def __init__(
        self, entries: list[Entry], connection: ClientConnection, dialect: Dialect
    ) -> None:
        self._entries = entries
        self._connection = connection
        self._said = Said(dialect)
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Replay it until it ends or the client leaves."""
        play = asyncio.create_task(self._play(), name="simulator-replay")
        try:
            while (message := await self._connection.receive()).type is WSMsgType.TEXT:
                self._said.add(message.data)
                self._changed.set()
        finally:
            play.cancel()
            await asyncio.gather(play, return_exceptions=True)

    async def _play(self) -> None:
        expected: Counter[str] = Counter()
        last_s = self._entries[0].t
        for entry in self._entries:
            gap_s, last_s = entry.t - last_s, entry.t
            if entry.what == "in" and entry.kind != SOUND_APPENDED:
                expected[entry.kind] += 1
                limit_s = gap_s + entry.patience_s
                await self._client_said(entry.kind, expected[entry.kind], limit_s)
                continue
            await asyncio.sleep(gap_s)
            if entry.what == "out":
                text = entry.text if entry.made is None else entry.made(self._said)
                await self._connection.send_text(text)
            elif entry.what == "close" and entry.code is None:
                self._connection.drop()
            elif entry.what == "close":
                await self._connection.close(entry.code or 1000)

    async def _client_said(self, kind: str, count: int, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while self._said.count(kind) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            _LOG.info("the client sent %s then, and does not now; the play goes on", kind)
