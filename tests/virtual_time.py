"""An event loop whose clock jumps: waiting costs nothing, and the order of events is exact.

Whenever nothing is ready, the clock jumps to the next timer. Sockets inside this process work as
usual (loopback delivers at once); while a worker thread is busy or a child process is awaited, the
clock stands still.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

_GRACE_S = 0.00005  # real time that data inside this machine may need to arrive


class _JumpingSelector(selectors.DefaultSelector):
    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self.loop.busy_threads:
            return super().select(0.05 if self.loop.busy_threads else 5.0)
        time.sleep(_GRACE_S)  # waiting for the sockets would be rounded up to a millisecond
        ready = super().select(0)
        if not ready:
            self.loop.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector event loop with virtual time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.busy_threads = 0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self.busy_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        self.busy_threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.busy_threads -= 1

    def _thread_done(self, _future: Mapping[str, Any] | Any) -> None:
        self.busy_threads -= 1
