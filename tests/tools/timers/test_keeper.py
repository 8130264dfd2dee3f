"""Timers on virtual time: noticed when they end, written down at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.errors import NotFoundError
from rtaudio_daemon.tools.timers.keeper import TimerKeeper
from rtaudio_daemon.tools.timers.schedule import Happened, Wish
from rtaudio_daemon.tools.timers.store import TimerStore
from rtaudio_daemon.tools.timers.timer import Kind, Moment
from tests.tools.timers.clocks import BERLIN, at


@dataclass
class Machine:
    """A clock on the wall that goes with the loop, and what is reported."""

    ahead: float = at("2026-11-28T08:45")
    told: list[tuple[str, str, float]] = field(default_factory=list)
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    @property
    def passed(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    def now(self) -> Moment:
        return Moment(self.ahead + self.passed, self.passed, BERLIN)

    def timer_changed(self, happened: Happened) -> None:
        self.told.append((happened.timer.name, happened.phase, self.passed))


@asynccontextmanager
async def keeping(path: Path, machine: Machine) -> AsyncIterator[TimerKeeper]:
    keeper = TimerKeeper(TimerStore(path, "boot"), machine.now)
    keeper.listeners.append(machine)
    await keeper.load()
    task = asyncio.create_task(keeper.run(), name="timers")
    yield keeper
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


def kept(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["timers"]
    return found


async def test_a_timer_is_on_the_disk_when_it_is_set_and_rings_on_the_second(
    tmp_path: Path,
) -> None:
    path, machine = tmp_path / "timers.json", Machine()
    async with keeping(path, machine) as keeper:
        await asyncio.sleep(1000)
        timer = await keeper.set(Kind.TIMER, Wish(seconds=300, name="pasta"))
        assert [each["id"] for each in kept(path)] == [timer.id]
        assert keeper.documents() == [
            {
                "id": "1",
                "kind": "timer",
                "name": "pasta",
                "text": "",
                "state": "running",
                "ends_at": "2026-11-28T08:06:40.000Z",
                "left_s": 300.0,
                "length_s": 300.0,
                "at": None,
                "days": [],
                "created": "2026-11-28T08:01:40.000Z",
            }
        ]
        await asyncio.sleep(301)
        assert keeper.ringing == keeper.timers()
        await keeper.dismiss()
        assert await keeper.dismiss() == []
        assert kept(path) == []
    assert [phase for _, phase, _ in machine.told] == ["set", "ringing", "dismissed"]
    assert machine.told[1][2] == pytest.approx(1300, abs=0.001)


async def test_what_is_set_while_another_is_awaited_rings_in_time(tmp_path: Path) -> None:
    machine = Machine()
    async with keeping(tmp_path / "timers.json", machine) as keeper:
        await keeper.set(Kind.TIMER, Wish(seconds=3000, name="bread"))
        await keeper.set(Kind.TIMER, Wish(seconds=1, name="egg"))
        await asyncio.sleep(2)
        await keeper.change("bread", Wish(seconds=2))
        await asyncio.sleep(3)
        await keeper.snooze()
        await asyncio.sleep(601)
    rung = [(name, round(when, 3)) for name, phase, when in machine.told if phase == "ringing"]
    assert rung == [("egg", 1), ("bread", 4), ("bread", 605), ("egg", 605)]


async def test_a_clock_that_is_set_is_noticed_within_seconds(tmp_path: Path) -> None:
    path, machine = tmp_path / "timers.json", Machine()
    async with keeping(path, machine) as keeper:
        await keeper.set(Kind.ALARM, Wish(at="12:00", name="lunch"))
        await keeper.set(Kind.TIMER, Wish(seconds=600, name="pasta"))
        ends_at = kept(path)[1]["ends_at"]
        machine.ahead += 4 * 3600
        await asyncio.sleep(6)
        assert kept(path)[0]["ends_at"] == pytest.approx(ends_at + 4 * 3600)
        await asyncio.sleep(600)
        (missed,) = keeper.missed
        await keeper.forget_missed([missed])
        assert json.loads(path.read_text())["missed"] == []
    assert [told[:2] for told in machine.told[2:]] == [("lunch", "missed"), ("pasta", "ringing")]
    assert machine.told[3][2] == pytest.approx(600)


async def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path) -> None:
    path, machine = tmp_path / "timers.json", Machine()
    async with keeping(path, machine) as keeper:
        await keeper.set(Kind.TIMER, Wish(seconds=300, name="pasta"))
    await asyncio.sleep(200)
    async with keeping(path, machine) as keeper:
        await asyncio.sleep(101)
        assert [each.name for each in keeper.ringing] == ["pasta"]
    name, phase, when = machine.told[1]
    assert (name, phase, round(when, 3)) == ("pasta", "ringing", 300)


async def test_nothing_is_written_for_what_does_not_happen(tmp_path: Path) -> None:
    path, machine = tmp_path / "timers.json", Machine()
    async with keeping(path, machine) as keeper:
        with pytest.raises(NotFoundError):
            await keeper.cancel("pasta", [Kind.TIMER])
        assert await keeper.snooze() == []
    assert (path.exists(), machine.told) == (False, [])
