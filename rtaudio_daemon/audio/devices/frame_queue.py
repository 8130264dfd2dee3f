"""The queue between a microphone and its one reader."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from ..processing.format import Frame

_LIMIT = 50  # a second


class FrameQueue:
    """A bounded queue of frames: when it is full, the oldest frame is dropped and counted."""

    def __init__(self) -> None:
        self.dropped = 0
        self._frames: deque[Frame] = deque()
        self._filled = asyncio.Event()
        self._taker: Callable[[Frame], None] | None = None

    def put(self, frame: Frame) -> None:
        """Append a frame, or pass it to a taker at once; never blocks."""
        if self._taker is not None:
            self._taker(frame)
            return
        if len(self._frames) == _LIMIT:
            self._frames.popleft()
            self.dropped += 1
        self._frames.append(frame)
        self._filled.set()

    def clear(self) -> None:
        """Discard the frames not taken yet; they do not count as dropped."""
        self._frames.clear()

    async def give_to(self, taker: Callable[[Frame], None]) -> None:
        """Pass every frame to `taker` as soon as it arrives, until cancelled.

        Exceptions of `taker` are raised in the caller of `put`.
        """
        while self._frames:
            taker(self._frames.popleft())
        self._taker = taker
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._taker = None

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """The frames in order, for one reader; never ends."""
        while True:
            while not self._frames:
                self._filled.clear()
                await self._filled.wait()
            yield self._frames.popleft()
