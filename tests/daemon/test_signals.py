"""What SIGHUP does to that which runs until it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtaudio_daemon.daemon.signals import until_stopped

ROOT = Path(__file__).parent.parent.parent


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


ENDS = """
import asyncio, os, pathlib, signal, sys, time
from rtaudio_daemon.daemon.signals import until_stopped

def work():
    time.sleep(float(sys.argv[1]))
    pathlib.Path(sys.argv[2]).touch()

async def run(stop):
    working = asyncio.create_task(asyncio.to_thread(work))
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.wait()

print("to be read")
sys.exit(until_stopped(run))
"""


@pytest.mark.real_time
@pytest.mark.parametrize(("takes_s", "done"), [(0.2, True), (300.0, False)])
def test_a_thread_that_hangs_holds_up_nobody_and_one_that_ends_is_waited_for(
    tmp_path: Path, takes_s: float, done: bool
) -> None:
    file = tmp_path / "done"
    command = [sys.executable, "-c", ENDS, str(takes_s), str(file)]
    found = subprocess.run(command, cwd=ROOT, timeout=100, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (0, "to be read\n", "")
    assert file.exists() is done
