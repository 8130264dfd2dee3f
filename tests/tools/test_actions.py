"""What the model did, in memory and on the disk."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.errors import NotNowError
from rtaudio_daemon.notifications import (
    ModelStatus,
    Notification,
    SpeechNoticed,
    StatusChanged,
    ToolPhase,
    ToolReported,
    Transcript,
)
from rtaudio_daemon.tools.action_file import ActionFile
from rtaudio_daemon.tools.actions import DAYS, Actions
from tests.waiting import until

NOON = 1_764_331_200.0  # 2025-11-28T12:00:00Z
DAY_S = 86_400


class Clock:
    """The time of day, as a test sets it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def report(call: str, phase: ToolPhase, took_ms: int = 0, **more: Any) -> ToolReported:
    return ToolReported(call, "open_gate", "own", phase, took_ms, **more)


def status(now: ModelStatus, before: ModelStatus = ModelStatus.LISTENING) -> StatusChanged:
    return StatusChanged(now, before)


def said(text: str, *, final: bool = True) -> Transcript:
    return Transcript("user", text, final, "item_1")


SPOKEN = [status(ModelStatus.LISTENING, ModelStatus.IDLE), status(ModelStatus.THINKING)]
TYPED = [status(ModelStatus.THINKING, ModelStatus.IDLE)]
OVER = [status(ModelStatus.SPEAKING), status(ModelStatus.IDLE, ModelStatus.SPEAKING)]


def happened(actions: Actions, *notifications: Notification) -> None:
    for each in notifications:
        actions.notice(each)


@asynccontextmanager
async def kept(path: Path, **options: Any) -> AsyncIterator[Actions]:
    """Actions that are loaded from `path` and written to it, until the end of the block."""
    actions = Actions(path, **{"wall_clock": Clock(), **options})
    await actions.load()
    keeper = asyncio.create_task(actions.run(), name="actions")
    await asyncio.sleep(0)
    yield actions
    keeper.cancel()
    await asyncio.wait([keeper])
    assert keeper.cancelled()
    await actions.close()


async def stored(path: Path, **options: Any) -> list[dict[str, Any]]:
    """What another daemon finds in the file."""
    actions = Actions(path, **{"wall_clock": Clock(), **options})
    await actions.load()
    return actions.listed()


# ------------------------------------------------------------- what happens


async def test_an_action_says_what_was_asked_called_and_came_of_it() -> None:
    actions = Actions(wall_clock=Clock())
    happened(actions, *SPOKEN, said("Open the gate."), report("c1", "started", arguments="{}"))
    (running,) = actions.listed()
    assert (running["phase"], running["result"]) == ("started", "")
    happened(actions, report("c1", "done", 240, as_asked="yes", result='{"result": 1}'), *OVER)
    assert actions.listed() == [
        {
            "id": running["id"],
            "time": "2025-11-28T12:00:00.000Z",
            "call": "c1",
            "tool": "open_gate",
            "source": "own",
            "phase": "done",
            "took_ms": 240,
            "as_asked": "yes",
            "asked": "Open the gate.",
            "arguments": "{}",
            "result": '{"result": 1}',
        }
    ]


async def test_the_newest_action_comes_first_and_only_some_are_listed() -> None:
    actions = Actions(wall_clock=Clock())
    happened(actions, *(report(f"c{number}", "refused") for number in range(300)))
    listed = actions.listed()
    assert [each["call"] for each in listed[:2]] == ["c299", "c298"]
    assert len(listed) == 200


async def test_a_late_result_belongs_to_the_call_that_timed_out() -> None:
    actions = Actions(wall_clock=Clock())
    happened(actions, report("c1", "started"), report("c1", "timed_out", 120_000))
    happened(actions, report("c2", "done"), report("c1", "late", 150_000))
    assert [(each["call"], each["phase"]) for each in actions.listed()] == [
        ("c2", "done"),
        ("c1", "late"),
    ]


async def test_a_call_id_that_comes_again_is_another_action() -> None:
    actions = Actions(wall_clock=Clock())
    happened(actions, report("c1", "started"), report("c1", "done"))
    happened(actions, report("c1", "started"), report("c1", "failed"))
    assert [each["phase"] for each in actions.listed()] == ["failed", "done"]


@pytest.mark.parametrize(
    ("notifications", "asked"),
    [
        ([*SPOKEN, said("Open it."), report("c", "started")], "Open it."),
        ([*SPOKEN, report("c", "started"), said("Open it.")], "Open it."),
        ([*SPOKEN, report("c", "done"), *OVER, said("Open it.")], "Open it."),
        ([*SPOKEN, said("Op", final=False), report("c", "done")], ""),
        ([*SPOKEN, said("Hello."), *OVER, *TYPED, report("c", "done")], ""),
        ([*SPOKEN, said("Hello."), *OVER, report("by_hand_1", "done")], ""),
        ([*SPOKEN, *OVER, said("Hello."), report("by_hand_1", "done")], ""),
        ([*SPOKEN, said("Hello."), *OVER, *SPOKEN, report("c", "done")], ""),
        ([*SPOKEN, report("c", "done"), said("One."), said("Two.")], "One."),
        ([SpeechNoticed("started", "local"), report("c", "done")], ""),
    ],
)
async def test_what_was_asked_is_what_was_said_in_the_turn(
    notifications: Sequence[Notification], asked: str
) -> None:
    actions = Actions(wall_clock=Clock())
    happened(actions, *notifications)
    assert [each["asked"] for each in actions.listed()] == [asked]


# ------------------------------------------------------------- on the disk


async def test_actions_outlive_the_daemon_in_a_file_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there yet" / "actions.jsonl"
    async with kept(path) as actions:
        happened(actions, *SPOKEN, said("Öffne das Tor."), report("c1", "started"))
        await until(path.exists)
        happened(actions, report("c1", "done", 5), report("c2", "refused"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    lines = path.read_text().splitlines()
    assert [json.loads(line)["phase"] for line in lines] == ["started", "done", "refused"]
    assert "Öffne das Tor." in lines[0], "as a person reads it"
    found = await stored(path)
    assert [(each["call"], each["phase"]) for each in found] == [("c2", "refused"), ("c1", "done")]
    assert found[1]["asked"] == "Öffne das Tor."


async def test_a_daemon_that_ends_while_it_writes_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    for steps in range(8):
        async with kept(path) as actions:
            happened(actions, report("c1", "started"))
            for _ in range(steps):
                await asyncio.sleep(0)
            happened(actions, report("c1", "done"))
        assert [each["phase"] for each in await stored(path)] == ["done"] * (steps + 1)
    whole = path.read_text().splitlines()
    beginning = whole[0].replace('"done"', '"started"')
    path.write_text("\n".join([*whole, beginning, ""]))
    assert {each["phase"] for each in await stored(path)} == {"done"}


async def test_a_daemon_that_was_killed_while_a_tool_ran_says_so(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    async with kept(path) as actions:
        happened(actions, report("c1", "started"))
    (found,) = await stored(path)
    assert (found["phase"], "daemon ended" in found["result"]) == ("failed", True)


async def test_a_half_written_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    async with kept(path) as actions:
        happened(actions, report("c1", "done"), report("c2", "done"))
    whole = path.read_bytes()
    for cut in range(len(whole) // 2 + 5, len(whole)):
        path.write_bytes(whole[:cut])
        async with kept(path) as actions:
            happened(actions, report("c3", "done"))
        calls = [each["call"] for each in await stored(path)]
        assert calls in (["c3", "c1"], ["c3", "c2", "c1"])
        assert (calls == ["c3", "c2", "c1"]) == (cut == len(whole) - 1), "only \\n is missing"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        '"text"',
        '{"time": 5}',
        "\ufffd{",
    ],
)
async def test_lines_that_are_no_actions_are_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "actions.jsonl"
    async with kept(path) as actions:
        happened(actions, report("c1", "done"))
    path.write_text(f"{line}\n" + path.read_text())
    assert [each["call"] for each in await stored(path)] == ["c1"]


@pytest.mark.parametrize(
    "change",
    [
        {"time": 5},
        {"time": "noon"},
        {"time": "9999-12-31T23:59:00-12:00"},
        {"time": "0001-01-01T00:00:00+23:59"},
        {"phase": "eaten"},
        {"phase": None},
        {"took_ms": "5"},
        {"took_ms": True},
        {"took_ms": -1},
        {"took_ms": 10**400},
        {"tool": ["open"]},
        {"tool": "\ud800"},
        {"id": 7},
    ],
)
async def test_an_action_that_somebody_spoiled_is_left_out(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "actions.jsonl"
    async with kept(path) as actions:
        happened(actions, report("c1", "done"), report("c2", "done"))
    first, second = path.read_text().splitlines()
    path.write_text(json.dumps({**json.loads(first), **change}) + f"\n{second}\n")
    assert [each["call"] for each in await stored(path)] == ["c2"]


async def test_what_is_older_than_thirty_days_goes_also_from_the_disk(tmp_path: Path) -> None:
    path, clock = tmp_path / "actions.jsonl", Clock()
    async with kept(path, wall_clock=clock) as actions:
        happened(actions, report("old", "done"))
        clock.now += DAYS * DAY_S - 5
        happened(actions, report("new", "done"))
        assert [each["call"] for each in actions.listed()] == ["new", "old"]
        clock.now += 10
        await asyncio.sleep(2 * 3600)
        await until(lambda: "old" not in path.read_text())
        assert [each["call"] for each in actions.listed()] == ["new"]
    clock.now += DAYS * DAY_S
    async with kept(path, wall_clock=clock) as actions:
        assert actions.listed() == []
    assert path.read_text() == "", "also where nothing was called since"


async def test_an_action_from_the_future_is_dropped(tmp_path: Path) -> None:
    path, clock = tmp_path / "actions.jsonl", Clock()
    clock.now += 400 * DAY_S
    async with kept(path, wall_clock=clock) as actions:
        happened(actions, report("c1", "done"))
    assert await stored(path) == []


async def test_the_number_of_actions_and_the_size_of_the_file_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    async with kept(path, most=5) as actions:
        happened(actions, *(report(f"c{number}", "done") for number in range(9)))
        assert [each["call"] for each in actions.listed()] == ["c8", "c7", "c6", "c5", "c4"]
    path.unlink()
    async with kept(path, most_bytes=20_000) as actions:
        for number in range(100):
            happened(actions, report(f"c{number}", "done", result="x" * 500))
            await asyncio.sleep(1)
            assert path.stat().st_size < 22_000
    found = await stored(path)
    assert found[0]["call"] == "c99"
    assert 10 < len(found) < 30


async def test_a_file_that_cannot_be_read_is_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "actions.jsonl"
    path.write_bytes(b"x" * 5_000)
    async with kept(path, most_bytes=2_000) as actions:
        assert "the last actions are lost" in caplog.text
        happened(actions, report("c1", "done"))
    assert [each["call"] for each in await stored(path)] == ["c1"]


async def test_a_full_disk_is_one_warning_and_nothing_is_lost_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "state"
    folder.write_text("a file stands where the folder should be")
    caplog.set_level(logging.DEBUG)
    async with kept(folder / "actions.jsonl") as actions:
        caplog.clear()
        for number in range(3):
            happened(actions, report(f"c{number}", "done"))
            await asyncio.sleep(1)
        levels = [each.levelno for each in caplog.records if "cannot be kept" in each.message]
        assert levels == [logging.WARNING, logging.DEBUG, logging.DEBUG]
        folder.unlink()
        happened(actions, report("c3", "done"))
    found = await stored(folder / "actions.jsonl")
    assert [each["call"] for each in found] == ["c3", "c2", "c1", "c0"]


def test_a_disk_that_takes_half_a_line_is_full() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        ActionFile(Path("/dev/full")).append(["line"])


async def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic"):
        ActionFile(tmp_path / "link").append(["line"])


# ------------------------------------------------------------- forgetting


async def test_actions_can_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    async with kept(path) as actions:
        happened(actions, report("c1", "started"), report("c2", "done"))
        await until(path.exists)
        await actions.clear()
        assert actions.listed() == []
        assert not path.exists()
        happened(actions, report("c1", "done"))
    assert [each["call"] for each in await stored(path)] == ["c1"], "it ended afterwards"


async def test_actions_without_a_file_can_be_forgotten() -> None:
    actions = Actions()
    await actions.load()
    happened(actions, report("c1", "done"))
    await actions.clear()
    assert actions.listed() == []


async def test_a_file_that_stays_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    path.mkdir()
    actions = Actions(path)
    with pytest.raises(NotNowError, match="still on the disk"):
        await actions.clear()
