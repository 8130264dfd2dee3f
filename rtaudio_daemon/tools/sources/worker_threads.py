"""A few threads for blocking functions; a function that does not return occupies its thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Protocol

from ..tool import ToolError

THREADS = 4


class ThreadsListener(Protocol):
    """Reacts to functions that do not return in time."""

    def stuck_changed(self, stuck: list[str]) -> None:
        """Note the changed list, by name, of functions that were given up and still run."""


class WorkerThreads:
    """Runs functions in at most `THREADS` threads at a time, which no shutdown waits for."""

    def __init__(self, listener: ThreadsListener) -> None:
        self._listener = listener
        self._running: dict[Future[Any], str] = {}
        self._stuck: dict[Future[Any], str] = {}
        self._changed = asyncio.Event()

    async def run(self, name: str, function: Callable[[], Any]) -> Any:
        """Return or raise what `function` does; waits for a free thread.

        If cancelled, the function continues alone and occupies its thread until it returns. Raises
        ToolError if that has happened in every thread.
        """
        loop = asyncio.get_running_loop()
        while len(self._running) >= THREADS:
            if len(self._stuck) >= THREADS:
                names = ", ".join(sorted(set(self._stuck.values())))
                raise ToolError(
                    f"{name} cannot run: all {THREADS} threads for tools are stuck in {names}; the "
                    "daemon must be started again"
                )
            self._changed.clear()
            await self._changed.wait()
        executor = _OneThread(name)
        waiting = loop.run_in_executor(executor, function)
        work = executor.work
        self._running[work] = name
        work.add_done_callback(lambda _: _call(loop, self._returned, work))
        try:
            return await waiting
        except asyncio.CancelledError:
            if work in self._running and not work.done():
                self._stuck[work] = name
                self._report_stuck()
            raise

    def _returned(self, work: Future[Any]) -> None:
        self._running.pop(work, None)
        if self._stuck.pop(work, None) is not None:
            self._report_stuck()
        self._changed.set()

    def _report_stuck(self) -> None:
        self._changed.set()
        self._listener.stuck_changed(list(self._stuck.values()))


class _OneThread(Executor):
    """Runs one function in a new thread, which does not keep the program alive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.work: Future[Any] = Future()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start it; its future cannot be cancelled."""
        work = self.work
        work.set_running_or_notify_cancel()

        def run() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # any exception ends this thread only
                work.set_exception(error)
            else:
                work.set_result(result)

        threading.Thread(target=run, name=f"tool {self._name}", daemon=True).start()
        return work


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the daemon has ended meanwhile
        pass
