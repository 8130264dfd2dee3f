"""What goes up to the service: messages and sound, from whoever speaks to the line in use.

There is one line in use at most. What is said while there is none is kept for a while, and so is
the sound of a turn that the service has not made an item of: the next line hears it first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from rtaudio_daemon.errors import NotConnectedError, ServiceError
from rtaudio_daemon.realtime.codec import Json, encode_append
from rtaudio_daemon.realtime.line import Line
from rtaudio_daemon.realtime.options import WebsocketOptions
from rtaudio_daemon.realtime.outbox import Outbox
from rtaudio_daemon.realtime.turn_sound import TurnSound

_LOG = logging.getLogger(__name__)
_KEPT_MOST = 64
HURRY_S = 2.0
"""The longest pause while somebody speaks."""


class Uplink:
    """Everything that is sent on one line after the other.

    `settings` returns the flat session settings. Counts since the start: `given_bytes` of sound
    were given to a line, `sent_bytes` in `sent_frames` pieces have gone out.
    """

    def __init__(self, options: WebsocketOptions, settings: Callable[[], Json]) -> None:
        self.given_bytes = self.sent_bytes = self.sent_frames = 0
        self._spoken_to = asyncio.Event()  # while there is no line
        self._options = options
        self._settings = settings
        self._line: Line | None = None
        self._outbox = Outbox()
        self._turn = TurnSound(options.outage_buffer)
        self._kept: list[Json] = []
        self._unready = 0

    @property
    def dropped(self) -> int:
        """Pieces of sound that nobody heard."""
        return self._unready + self._outbox.dropped + self._turn.dropped

    @property
    def turn_s(self) -> float:
        """Seconds of sound that no turn was made of, as far as it is kept."""
        return self._turn.seconds

    @property
    def has_words(self) -> bool:
        """Whether messages other than sound wait to go out."""
        return bool(self._outbox.words)

    def send(self, event: Json) -> None:
        """Send a message (in house spelling). Raises NotConnectedError when there is no line."""
        if self._line is None:
            if not self._options.connect_resend or len(self._kept) >= _KEPT_MOST:
                raise NotConnectedError(f"not connected: {event.get('type')} was not sent")
            self._kept.append(event)
        elif not self._outbox.put(self._line.encode(event)):
            raise NotConnectedError(f"the network is stuck: {event.get('type')} was not sent")

    def send_audio(self, pcm: bytes, *, line_awaited: bool) -> None:
        """Send sound (whole samples).

        While there is no line it is kept for a while if one is awaited, else dropped and counted.
        """
        if self._line is not None:
            self._turn.sent(pcm, _now(), by_hand=self._by_hand)
            self.given_bytes += len(pcm)
            self._outbox.put(encode_append(pcm), len(pcm))
        elif not line_awaited or not self._options.outage_buffer:
            self._unready += 1
        else:
            self._turn.kept(pcm, _now())
            self._spoken_to.set()

    def heard(self, name: str) -> None:
        """The service sent an event of this (house) name on the line in use."""
        self._turn.heard(name)

    def commit(self) -> None:
        """A turn ends here, as we say and not the service."""
        self._turn.commit()

    def fetch_turn(self) -> bytes | None:
        """The sound of a turn that became an item, once; empty if it was not kept whole."""
        return self._turn.fetch()

    def forget_audio(self) -> None:
        """What was said last does not count, on no line to come."""
        self._turn.forget()

    def take(self, line: Line, first: list[Json]) -> None:
        """Let `line` be the one in use: the messages `first`, then the sound kept."""
        pieces = self._sound_for_the_next()
        self._line = line
        self._outbox.clear()
        for event in first:
            self._outbox.put(line.encode(event))
        for pcm in pieces:
            self.given_bytes += len(pcm)
            self._outbox.put(encode_append(pcm), len(pcm))
        line.start(self._write(line), *self._beats())

    async def pause(self, pause_s: float, *, may_hurry: bool) -> None:
        """Wait before the next attempt, but not for long while somebody speaks to nobody."""
        if not may_hurry or pause_s <= HURRY_S:
            await asyncio.sleep(pause_s)
            return
        await asyncio.sleep(HURRY_S)
        self._spoken_to.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s - HURRY_S):
                await self._spoken_to.wait()

    def send_kept(self) -> None:
        """Send the messages that waited for a line."""
        kept, self._kept = self._kept, []
        for event in kept:
            self.send(event)

    def lose(self) -> None:
        """There is no line any more."""
        if self._line is not None:
            self._turn.lost(_now(), by_hand=self._by_hand)
        self._line = None
        self._outbox.clear()

    @property
    def _by_hand(self) -> bool:
        """Whether we end the turns, and not the service."""
        return self._settings().get("turn_detection", {}) is None

    def _sound_for_the_next(self) -> list[bytes]:
        now, old = _now(), self._line
        if old is not None and not old.ended.done():
            return self._turn.tail(now)
        if old is not None:
            self._turn.lost(now, by_hand=self._by_hand)
        return self._turn.resume(now)

    async def _write(self, line: Line) -> None:
        take, send = self._outbox.take, line.connection.send
        while True:
            message, pcm_bytes = await take()
            try:
                await send(message)
            except ServiceError as error:
                # The reader learns of the end too, and it is the one that tells.
                _LOG.debug("%s", error)
                return
            if pcm_bytes:
                self.sent_frames += 1
                self.sent_bytes += pcm_bytes

    def _beats(self) -> list[Any]:
        wanted = self._options.heartbeat_message and self._options.heartbeat_interval
        return [self._beat()] if wanted else []

    async def _beat(self) -> None:
        message, interval = self._options.heartbeat_message, self._options.heartbeat_interval
        assert message
        assert interval
        while True:
            await asyncio.sleep(interval)
            if isinstance(message, str):
                self._outbox.put(message)
            else:
                with contextlib.suppress(NotConnectedError):
                    self.send(dict(message))


def _now() -> float:
    return asyncio.get_running_loop().time()
