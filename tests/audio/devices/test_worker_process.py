"""The line to an audio process, and for how long it may be silent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from rtaudio_daemon.audio.devices.worker_process import WorkerProcess
from rtaudio_daemon.audio.worker.messages import Kind, pack
from rtaudio_daemon.errors import DeviceError


class Line:
    def __init__(self) -> None:
        self.said: list[Kind] = []
        self.child = WorkerProcess(self)
        self.ours, self.theirs = socket.socketpair()

    def message(self, kind: Kind, body: bytes) -> None:
        self.said.append(kind)

    async def say(self, *kinds: Kind) -> None:
        """The process says this, and it has arrived."""
        expected = len(self.said) + len([kind for kind in kinds if kind is not Kind.REOPENING])
        self.theirs.sendall(b"".join(pack(kind) for kind in kinds))
        while len(self.said) < expected:
            await asyncio.sleep(0.001)

    async def dies_after(self) -> float:
        """For how long it is waited for, in seconds."""
        began = asyncio.get_running_loop().time()
        with pytest.raises(DeviceError):
            await self.child.ended
        return asyncio.get_running_loop().time() - began


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    await asyncio.get_running_loop().connect_accepted_socket(lambda: line.child, line.ours)
    yield line
    line.child.close()
    line.theirs.close()


async def test_opening_may_take_ten_seconds_and_silence_after_it_one(line: Line) -> None:
    assert await line.dies_after() == pytest.approx(10, abs=0.1)


async def test_a_device_that_moves_no_sound_for_a_second_is_lost(line: Line) -> None:
    await line.say(Kind.READY)
    assert await line.dies_after() == pytest.approx(1, abs=0.1)


async def test_opening_again_may_take_five_seconds_and_then_it_is_one_again(line: Line) -> None:
    await line.say(Kind.READY, Kind.REOPENING, Kind.PROGRESS, Kind.REOPENING, Kind.STOPPED)
    await asyncio.sleep(4)
    await line.say(Kind.PROGRESS)
    assert await line.dies_after() == pytest.approx(1, abs=0.1)


async def test_a_device_that_does_not_open_again_is_lost(line: Line) -> None:
    await line.say(Kind.READY, Kind.REOPENING)
    assert await line.dies_after() == pytest.approx(5, abs=0.2)


async def test_a_list_of_devices_that_grows_slowly_is_waited_for(line: Line) -> None:
    await line.say(Kind.DEVICES)
    assert await line.dies_after() == pytest.approx(10, abs=0.1)
