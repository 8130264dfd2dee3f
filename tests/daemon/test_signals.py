"""What SIGHUP does to that which runs until it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from rtaudio_daemon.daemon.signals import until_stopped


class Life:
    """Hangs up on itself, and notes what came of it."""

    def __init__(self) -> None:
        self.stopped = False
        self.reloads = 0

    async def run(self, stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        for _ in range(100):
            await asyncio.sleep(0)
        self.stopped = stop.is_set()

    async def reload(self) -> None:
        self.reloads += 1


@pytest.fixture(autouse=True)
def _signals_stay() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_what_can_be_reloaded_goes_on() -> None:
    life = Life()
    assert until_stopped(life.run, life.reload) == 0
    assert (life.stopped, life.reloads) == (False, 1)


def test_what_cannot_ends_with_its_terminal() -> None:
    life = Life()
    assert until_stopped(life.run) == 0
    assert life.stopped


def test_under_nohup_it_goes_on() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    life = Life()
    assert until_stopped(life.run) == 0
    assert not life.stopped
