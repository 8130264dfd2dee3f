"""Runs something in the event loop until a signal ends it."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ConfigError, RTAudioError

_LOG = logging.getLogger(__name__)


@contextmanager
def spared() -> Iterator[None]:
    """Spare everything that is there now from garbage collection, while the context lasts.

    What the start built stays for good; to look through it again stops the sound's loop for as
    long as two frames of the microphone.
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

    Without `reload` SIGHUP ends it, too, as its terminal is gone; but not under nohup.

    `hung_up`: whether a SIGHUP came already; it reloads, too. Raises RTAudioError for what is not
    the program's own mistake.
    """
    status = 0

    async def body() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
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

    try:
        asyncio.run(body())
    except* RTAudioError as group:
        raise group.exceptions[0] from None
    except* Exception:
        _LOG.critical("the daemon broke; this is a mistake in its program", exc_info=True)
        status = 1
    return status


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
                _LOG.debug("SIGHUP: the settings stay as they are")  # the reason is logged
