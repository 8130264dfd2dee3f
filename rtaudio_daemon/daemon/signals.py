"""Runs something in the event loop until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ..errors import ConfigError, RTAudioError

THREADS_END_S = 1.0
"""How many seconds to wait at the end for threads that still work."""
_THREADS = "work"
_LOG = logging.getLogger(__name__)


@contextmanager
def spared() -> Iterator[None]:
    """Exempt all present objects from garbage collection for the duration of the context.

    What the start created is permanent. Examining it again would stop the event loop for as long
    as two frames of the microphone.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def until_stopped(
    run: Callable[[asyncio.Event], Any],
    reload: Callable[[], Coroutine[Any, Any, Any]] | None = None,
    hung_up: Callable[[], bool] = lambda: False,
) -> int:
    """Run until SIGTERM or SIGINT, which set the event; SIGHUP reloads. Returns the exit status.

    Without `reload`, SIGHUP stops it too, because its terminal is gone; but not under nohup.

    `hung_up`: whether a SIGHUP has arrived already; if so, reload. Raises RTAudioError for
    problems that are no bugs of the program.
    """
    status = 0

    try:
        asyncio.run(_run(run, reload, hung_up))
    except* RTAudioError as group:
        raise group.exceptions[0] from None
    except* Exception:
        _LOG.critical("the daemon broke; this is a mistake in its program", exc_info=True)
        status = 1
    if _hang():
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


async def _run(
    run: Callable[[asyncio.Event], Any],
    reload: Callable[[], Coroutine[Any, Any, Any]] | None,
    hung_up: Callable[[], bool],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(thread_name_prefix=_THREADS)
    loop.set_default_executor(threads)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    hangups = asyncio.Event()
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, hangups.set)
    elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop.set)
    if hung_up():
        hangups.set()
    reloading = asyncio.create_task(_on_hangup(hangups, reload), name="hangup")
    try:
        await run(stop)
    finally:
        reloading.cancel()
        threads.shutdown(wait=False)
        loop.set_default_executor(ThreadPoolExecutor())  # otherwise the loop waits for its threads


def _hang() -> bool:
    """Return whether threads do not end in time, for example during a DNS request.

    Python would wait for them, longer than systemd waits for the daemon.
    """
    ends_at = time.monotonic() + THREADS_END_S
    working = [each for each in threading.enumerate() if each.name.startswith(f"{_THREADS}_")]
    for each in working:
        each.join(max(0.0, ends_at - time.monotonic()))
    return any(each.is_alive() for each in working)


async def _on_hangup(
    hangups: asyncio.Event, reload: Callable[[], Coroutine[Any, Any, Any]] | None
) -> None:
    while True:
        await hangups.wait()
        hangups.clear()
        if reload is not None:
            try:
                await reload()
            except ConfigError:
                _LOG.debug("SIGHUP: the settings stay as they are")  # the reason has been logged
