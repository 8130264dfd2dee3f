"""Plays sound files that other programs name, in the queue of what is said.

Reading and decoding continue if the program disconnects. Files are played in the order in which
they become ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from yarl import URL

from .. import config
from ..audio.files.bounds import LONGEST_S
from ..audio.files.decoding import decode
from ..audio.processing.format import BYTES_PER_MS
from ..dialogue.inputs import PlayRequested
from ..errors import NotNowError
from ..notifications import Notification, TextSaid
from ..tools.sources.http_requests import SharedSession
from .assistant import Assistant
from .said_texts import SaidTexts
from .sound_sources import from_folder, from_host

_LOADING_MOST = 4
_WAITING_MOST_BYTES = int(2 * LONGEST_S * 1000) * BYTES_PER_MS


class SoundPlayer:
    """Plays on `assistant` what `settings` permit; ids are those of `said_texts`."""

    def __init__(self, assistant: Assistant, said_texts: SaidTexts) -> None:
        self.settings = config.Play()
        self._assistant = assistant
        self._said_texts = said_texts
        self._sessions = SharedSession()
        self._loading: dict[asyncio.Task[str], str | None] = {}
        self._waiting: dict[str, int] = {}  # bytes of sounds that wait or are played

    async def play(self, source: Mapping[str, str], *, urgent: bool, said: str | None) -> str:
        """Play the file or the address that `source` names; see `Controls.play`."""
        if said is not None and self._said_texts.known(said):
            return said
        for task, same in self._loading.items():
            if said is not None and same == said:
                return await asyncio.shield(task)
        self._check()
        if len(self._loading) >= _LOADING_MOST:
            raise NotNowError("nothing was played: too many sounds are being read; try again later")
        task = asyncio.create_task(self._load(source, urgent, said), name="sound")
        self._loading[task] = said
        task.add_done_callback(self._loaded)
        return await asyncio.shield(task)

    def note(self, notification: Notification) -> None:
        """Handle a notification."""
        if isinstance(notification, TextSaid):
            self._waiting.pop(notification.id, None)

    async def close(self) -> None:
        """Stop reading."""
        tasks = list(self._loading)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._sessions.close()

    async def _load(self, source: Mapping[str, str], urgent: bool, said: str | None) -> str:
        if "url" in source:
            raw = await from_host(source["url"], self.settings, self._sessions)
            pcm = await decode(raw, f"what {URL(source['url']).authority} sends")
        else:
            raw = await from_folder(source["file"], self.settings)
            pcm = await decode(raw, repr(source["file"]))
        if said is not None and self._said_texts.known(said):
            return said  # a text has taken this id meanwhile
        return self._queue(pcm, urgent, said)

    def play_pcm(self, pcm: bytes) -> str:
        """Play `pcm` after everything queued already; return its id. Raises NotNowError."""
        return self._queue(pcm, urgent=False, said=None)

    def _queue(self, pcm: bytes, urgent: bool, said: str | None) -> str:
        self._check()
        if sum(self._waiting.values()) + len(pcm) > _WAITING_MOST_BYTES:
            raise NotNowError("nothing was played: too much is waiting to be played")
        said = self._said_texts.begin(said)
        self._waiting[said] = len(pcm)
        self._assistant.handle(PlayRequested(pcm, urgent, said))
        return said

    def _check(self) -> None:
        self._assistant.devices.need_loudspeaker(self._assistant.speaker, "nothing was played")
        if self._assistant.conversation.full:
            raise NotNowError("nothing was played: too much is waiting to be played")

    def _loaded(self, task: asyncio.Task[str]) -> None:
        del self._loading[task]
        if not task.cancelled():
            task.exception()  # avoids a warning if the caller has gone
