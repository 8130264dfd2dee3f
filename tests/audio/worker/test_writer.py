"""How a loudspeaker's buffer is kept filled, by a device on virtual time and by a real thread."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from rtaudio_daemon.audio.worker.writer import TakenFrames, Writer

RATE = 24_000
STEP, SHORT, WAITING = 960, 480, 960  # 40, 20 and 40 ms
ROOM = 3 * STEP


class Device:
    """Takes its sound evenly, but says so in steps of `step` frames, as a sound server does."""

    def __init__(self, step: int = STEP, *, fast: float = 1.0) -> None:
        self.now, self.step, self.fast = 0.1237, step, fast
        self.began: float | None = None
        self.stood_still = 0.0
        self.written = 0
        self.errors: list[int] = []
        self.recovers = False
        self.gaps = 0
        self.closed = threading.Event()

    @property
    def taken(self) -> int:
        if self.began is None:
            return 0
        return int((self.now - self.began - self.stood_still) * RATE * self.fast)

    @property
    def waits(self) -> int:
        return self.written - self.taken

    def start_stream(self) -> None:
        pass

    def get_write_available(self) -> int:
        if self.errors:
            return self.errors[0]
        return ROOM - self.written + self.taken // self.step * self.step

    def write(self, sound: bytes, frames: int, raises: bool) -> None:
        assert not raises, "PyAudio closes a stream before it raises an underflow"
        assert len(sound) == 2 * frames
        if self.began is None:
            self.began = self.now
        self.gaps += self.waits < 0
        self.written += frames
        if self.errors:
            error = self.errors.pop()
            if not self.recovers:
                raise OSError(error, "so it is")

    def close(self) -> None:
        self.closed.set()


class Home:
    """Runs a writer on the time of its device, whose machine is late by up to `late_ms`."""

    def __init__(self, device: Device, *, late_ms: float = 0.2, waiting: int = WAITING) -> None:
        self.device, self.late_ms = device, late_ms
        self.random = random.Random(1)
        self.frames = SHORT
        self.looks = 0
        self.late: list[bool] = []
        self.least: list[int] = []  # what waited before a block was written
        self.writer = Writer(device, RATE, STEP, waiting, self.block, self.failed)
        self.writer._room = device.get_write_available()

    def block(self, late: bool) -> tuple[bytes, int]:
        self.late.append(late)
        self.least.append(self.device.waits)
        return bytes(2 * self.frames), self.frames

    def failed(self, error: Exception) -> None:
        raise AssertionError(error)

    def run(self, seconds: float) -> None:
        self.least.clear()
        self.looks, until = 0, self.device.now + seconds
        while self.device.now < until:
            self.looks += 1
            pause_s = self.writer.write_if_due(self.device.now)
            self.device.now += max(0.0, pause_s) + self.random.random() * self.late_ms / 1000


@pytest.mark.parametrize("step", [1, 100, SHORT, STEP])
@pytest.mark.parametrize("fast", [0.9997, 1.0, 1.0003])
@pytest.mark.parametrize("frames", [SHORT, STEP])
def test_as_much_waits_as_is_needed_and_no_more(step: int, fast: float, frames: int) -> None:
    device = Device(step, fast=fast)
    home = Home(device)
    home.frames = frames
    home.run(2)
    home.run(60)
    assert min(home.least) > WAITING - 0.006 * RATE
    assert max(home.least) < WAITING + 0.006 * RATE
    assert device.gaps == 0
    assert home.looks < 1.05 * 60 * RATE / frames, "it hardly ever looks in vain"


def test_the_first_sound_waits_no_longer_than_the_last() -> None:
    home = Home(Device())
    home.late_ms = 0
    home.run(0.001)
    assert home.least[:3] == [0, SHORT, 2 * SHORT], "the buffer is filled at once"


def test_a_machine_that_is_late_leaves_less_in_the_buffer_but_no_gap() -> None:
    device = Device()
    home = Home(device, late_ms=20)
    home.run(60)
    assert device.gaps == 0
    assert max(home.least) < WAITING + 0.006 * RATE


def test_a_device_that_stands_still_is_given_no_more_than_it_has_room_for() -> None:
    device = Device()
    home = Home(device)
    home.run(3)
    for _ in range(100):
        device.now += 0.01
        device.stood_still += 0.01
        home.writer.write_if_due(device.now)
    assert device.waits <= ROOM
    home.run(2)
    home.run(10)
    assert max(home.least) < WAITING + 0.006 * RATE, "as before"


def test_a_block_before_which_the_device_had_nothing_left_comes_too_late() -> None:
    device = Device()
    home = Home(device)
    home.run(3)
    assert not any(home.late), "not even the first ones"
    home.late.clear()
    device.now += 0.15
    home.run(1)
    assert home.late[0]
    assert sum(home.late) == 1
    home.late.clear()
    home.run(3)
    assert not any(home.late)


def test_a_device_that_waited_for_sound_goes_on_with_the_next_block() -> None:
    device = Device(1)
    home = Home(device)
    home.run(1)
    device.now += 1
    device.stood_still -= device.waits / RATE
    assert device.waits == 0
    home.late.clear()
    home.run(0.2)
    assert home.late[0]
    assert not any(home.late[1:])
    assert len(home.late) > 8


def test_a_stream_that_began_anew_after_an_underflow_goes_on() -> None:
    device = Device()
    home = Home(device)
    home.run(1)
    device.errors, device.recovers = [-9980], True
    home.run(1)
    assert not device.errors


def test_a_device_that_is_gone_is_an_error() -> None:
    device = Device()
    home = Home(device)
    home.run(0.1)
    device.errors = [-9999]
    with pytest.raises(OSError, match="so it is"):
        home.run(0.1)


def test_what_was_taken_is_never_less_than_was_said_nor_a_step_more() -> None:
    taken = TakenFrames(RATE, STEP)
    assert taken.estimate(5.0, 0) == 0
    assert taken.estimate(5.02, 0) == pytest.approx(SHORT, abs=2)
    assert taken.estimate(5.9, 0) == STEP
    assert taken.estimate(6.0, 10 * STEP) == 10 * STEP


def test_a_writer_writes_until_its_end_and_not_after_it() -> None:
    device, blocks = Device(), threading.Semaphore(0)

    def block(late: bool) -> tuple[bytes, int]:
        blocks.release()
        return bytes(2 * SHORT), SHORT

    def failed(error: Exception) -> None:
        raise AssertionError(error)

    writer = Writer(device, RATE, STEP, WAITING, block, failed)
    writer.start()
    for _ in range(3):
        assert blocks.acquire(timeout=60)
    writer.end()
    writer._thread.join(60)
    assert not writer._thread.is_alive()
    assert device.closed.is_set()


def test_a_writer_that_cannot_go_on_says_why_and_ends() -> None:
    device = Device()
    device.errors = [-9999]
    found: list[Any] = []
    writer = Writer(device, RATE, STEP, WAITING, lambda _late: (b"", 0), found.append)
    writer.start()
    writer._thread.join(60)
    assert [type(error) for error in found] == [OSError]
