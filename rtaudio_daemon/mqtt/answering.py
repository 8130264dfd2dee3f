"""Decides with the other daemons at the broker who answers a wake word that several heard."""

from __future__ import annotations

import asyncio
import contextlib
from math import inf

from ..controls import Controls
from . import claims
from .link import Link, Received
from .waiting import Message


class Answering:
    """For the daemon `me`, with claims at `topic`. The loser calls `Controls.yield_to`."""

    def __init__(self, me: str, topic: str, controls: Controls) -> None:
        self.claims = claims.Claims(me)
        self.yielded = 0
        """How many wake words were answered by others."""
        self._me = me
        self._topic = topic
        self._controls = controls
        self._clock = asyncio.get_running_loop().time
        self._news = asyncio.Event()
        self._word: str | None = None

    @property
    def undecided(self) -> bool:
        """Whether we heard a wake word that no daemon owns yet."""
        return self._word is not None

    def wake(self, word: str) -> None:
        """Note that we hear this wake word now, and are connected to the broker."""
        snapshot = self._controls.snapshot()
        connection = snapshot.connection
        able = (connection.state.is_up or connection.asleep) and not snapshot.speaker.is_missing
        self.claims.begin(word, self._clock(), able=able)
        self._word = word
        self._news.set()

    def heard(self, received: Received) -> None:
        """Handle a message at our topic."""
        claim = None if received.retained else claims.read(received.payload)
        if claim is not None:
            self.claims.heard(claim, self._clock())
            self._news.set()

    async def run(self, link: Link) -> None:
        """Publish claims and yield, until cancelled; then answer any undecided wake word."""
        try:
            while True:
                pause_s = await self._go_on(link)
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if pause_s == inf else pause_s):
                        await self._news.wait()
        finally:
            self._word = None

    async def _go_on(self, link: Link) -> float:
        """Do what is due; return how many seconds nothing will be."""
        while self._word is not None:
            match self.claims.step(self._clock()):
                case claims.Claim() as claim:
                    await link.publish_once(Message(self._topic, claims.written(claim)))
                case claims.Wait(seconds):
                    return seconds
                case claims.Decided(winner):
                    word, self._word = self._word, None
                    if winner is not None and winner != self._me:
                        self.yielded += self._controls.yield_to(winner, word)
        return inf
