"""Timers over a restart: the file, and what is wrong with it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from rtaudio_daemon.tools.timers.schedule import Schedule, Wish
from rtaudio_daemon.tools.timers.store import TimerStore
from rtaudio_daemon.tools.timers.timer import Kind
from tests.tools.timers.clocks import Clocks


def some(clocks: Clocks) -> Schedule:
    schedule = Schedule()
    schedule.set(Kind.TIMER, Wish(seconds=300, name="Crème"), clocks.now)
    schedule.set(Kind.ALARM, Wish(at="07:00", days=["mon"]), clocks.now)
    return schedule


async def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    path, clocks, after = tmp_path / "state" / "timers.json", Clocks(), Schedule()
    await TimerStore(path, "boot").save(some(clocks))
    await TimerStore(path, "boot").load(after, clocks.now)
    assert after.timers(clocks.now) == some(clocks).timers(clocks.now)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", [None, "missing.json"])
async def test_nothing_to_load(tmp_path: Path, path: str | None) -> None:
    clocks, schedule = Clocks(), Schedule()
    store = TimerStore(None if path is None else tmp_path / path, "boot")
    await store.load(schedule, clocks.now)
    assert schedule.timers(clocks.now) == []
    await store.save(schedule)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"timers": NaN}', b"0" * 300_000]
)
async def test_a_broken_file_is_kept_aside_with_one_warning(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path, clocks, schedule = tmp_path / "timers.json", Clocks(), some(Clocks())
    before = schedule.timers(clocks.now)
    path.write_bytes(content)
    await TimerStore(path, "boot").load(schedule, clocks.now)
    (warning,) = caplog.records
    assert "the timers of before are lost" in warning.message
    assert "kept as timers.json.broken" in warning.message
    assert (tmp_path / "timers.json.broken").read_bytes() == content
    assert schedule.timers(clocks.now) == before
    await TimerStore(path, "boot").save(schedule)
    assert len(json.loads(path.read_text())["timers"]) == 2


async def test_what_cannot_be_written_is_one_warning_until_it_can_be_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clocks = tmp_path / "timers.json", Clocks()
    schedule, store = some(clocks), TimerStore(path, "boot")
    (path / "in the way").mkdir(parents=True)
    for _ in range(3):
        await store.save(schedule)
    assert [each.levelno for each in caplog.records] == [logging.WARNING]
    assert "will not outlive a restart" in caplog.text
    (path / "in the way").rmdir()
    path.rmdir()
    await store.save(schedule)
    assert len(json.loads(path.read_text())["timers"]) == 2
    path.unlink()
    (path / "in the way").mkdir(parents=True)
    await store.save(schedule)
    assert len(caplog.records) == 2


async def test_a_broken_file_that_cannot_be_moved_is_said_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clocks, schedule = tmp_path / "timers.json", Clocks(), Schedule()
    path.write_bytes(b"{")
    (tmp_path / "timers.json.broken" / "in the way").mkdir(parents=True)
    await TimerStore(path, "boot").load(schedule, clocks.now)
    assert f"are lost, {path}: " in caplog.text
