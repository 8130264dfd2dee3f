"""When a lost device is looked for again, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
from itertools import count, islice

import pytest

from rtaudio_daemon.audio.devices.worker_supervisor import WorkerSupervisor, retries
from rtaudio_daemon.audio.worker.messages import Kind, StreamFacts
from rtaudio_daemon.errors import DeviceError


def test_a_lost_device_is_looked_for_at_once_then_every_two_seconds_and_at_last_every_four() -> (
    None
):
    waits = list(islice(retries(), 199))
    assert waits[:6] == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert waits == sorted(waits)
    assert 35 < sum(wait for wait in waits if wait < 4) < 60, "the usual faults are over by then"
    assert max(waits) == 4.0, "with a second to open, it is found within five"


class Losses:
    """The device of a process, which remembers whether each loss was news."""

    def __init__(self) -> None:
        self.news: list[bool] = []

    def stream_opened(self, facts: StreamFacts) -> None:
        raise AssertionError(facts)

    def message(self, kind: Kind, body: bytes) -> None:
        raise AssertionError(kind, body)

    def stream_lost(self, error: DeviceError, is_new: bool) -> None:
        self.news.append(is_new)

    def stream_moved(self, where: str) -> None:
        raise AssertionError(where)


async def test_reasons_that_always_differ_are_not_told_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = count()

    async def fail(_process: WorkerSupervisor) -> None:
        raise DeviceError(f"error {next(numbers)}")

    monkeypatch.setattr(WorkerSupervisor, "_live", fail)
    losses = Losses()
    news, process = losses.news, WorkerSupervisor("input", "desk", losses)
    task = asyncio.create_task(process.run())
    await asyncio.sleep(600)
    task.cancel()
    assert len(news) > 100
    assert news[:9] == [*8 * [True], False]
    assert sum(news) == 8
    assert len([each for each in caplog.records if each.levelno == logging.WARNING]) == 8
