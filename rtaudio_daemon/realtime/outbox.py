"""A queue of messages to be sent, in order, bounded in messages and bytes.

When it is full, the oldest audio is dropped and counted; other messages are refused.
"""

from __future__ import annotations

import asyncio
from collections import deque

MOST_MESSAGES = 1500
"""Thirty seconds of audio in frames of 20 ms: nobody can converse with more delay."""
MOST_BYTES = 8 * 1024 * 1024


class Outbox:
    """Messages to be sent. `dropped` counts the audio messages that were dropped."""

    def __init__(self, most_messages: int = MOST_MESSAGES, most_bytes: int = MOST_BYTES) -> None:
        self.dropped = 0
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[str, int]] = deque()
        self._bytes = 0
        self._words = 0
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def words(self) -> int:
        """How many messages other than audio wait."""
        return self._words

    def put(self, message: str, pcm_bytes: int = 0) -> bool:
        """Queue `message`; if `pcm_bytes` is not 0, it is audio and may be dropped for others.

        Returns False if there is no space for it.
        """
        self._waiting.append((message, pcm_bytes))
        self._bytes += len(message)
        self._words += not pcm_bytes
        while len(self._waiting) > self._most_messages or self._bytes > self._most_bytes:
            if not self._drop_sound():
                self._waiting.pop()
                self._bytes -= len(message)
                self._words -= 1
                return False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        return True

    async def take(self) -> tuple[str, int]:
        """Wait for the next message; return it and its bytes of audio. For one consumer only."""
        while not self._waiting:
            # A plain future: this happens fifty times a second, and an Event costs twice as much.
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        message, pcm_bytes = self._waiting.popleft()
        self._bytes -= len(message)
        self._words -= not pcm_bytes
        return message, pcm_bytes

    def clear(self) -> None:
        """Drop everything: the session has ended."""
        self._waiting.clear()
        self._bytes = self._words = 0

    def _drop_sound(self) -> bool:
        for index, (message, pcm_bytes) in enumerate(self._waiting):
            if pcm_bytes:
                del self._waiting[index]
                self._bytes -= len(message)
                self.dropped += 1
                return True
        return False
