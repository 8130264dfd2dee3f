"""Servers that are programs: what they print, how they die, and that none is left behind."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.config import McpServer, Secret
from rtaudio_daemon.tools.sources.mcp_stdio import Lines
from rtaudio_daemon.tools.tool import CallContext, SourceState
from tests.tools.mcp_processes import connected
from tests.waiting import until

ROOT = Path(__file__).parents[3]
ODD = ROOT / "tests" / "tools" / "mcp_odd_program.py"
real_time = pytest.mark.real_time


def program(fault: str, *arguments: object, **options: Any) -> McpServer:
    command = (sys.executable, "-S", "-E", str(ODD), fault, *map(str, arguments))
    return McpServer(command=command, **options)


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def lives(pid: int) -> bool:
    """Whether there is such a process, and it is more than a name that nobody asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@given(st.lists(st.text("ab\n").map(str.encode)), st.integers(1, 5))
def test_lines_come_whole_however_they_are_cut_into_pieces(pieces: list[bytes], most: int) -> None:
    lines = Lines(most)
    found = [each for piece in pieces for each in lines.feed(piece)]
    wanted = b"".join(pieces).split(b"\n")[:-1]
    assert [line for line, whole in found if whole] == [w for w in wanted if len(w) <= most]
    assert [whole for _, whole in found] == [len(line) <= most for line in wanted]


@real_time
async def test_noise_between_messages_is_skipped() -> None:
    """Case 52."""
    async with connected(program("noise")) as home:
        assert await home.call("echo") == {"result": "echo"}
        assert home.source.note == ""


@real_time
async def test_a_line_of_ten_megabytes_is_an_error_of_its_call_at_once() -> None:
    """Cases 4 and 52."""
    async with connected(program("long")) as home:
        found = await home.call("echo")
        assert found["error"].startswith("its answer is longer than 4 MiB")
        assert home.source.state is SourceState.OK


@real_time
async def test_a_program_that_dies_at_once_is_named_with_its_last_words(tmp_path: Path) -> None:
    """Case 52; that it is started seldomer and seldomer is shown on virtual time."""
    started = tmp_path / "pids"
    async with connected(program("dies", started), wait_for=SourceState.UNREACHABLE) as home:
        assert home.source.note == "its program ended (exit status 1): no licence found"
        await until(lambda: len(pids(started)) == 2, 10)


@real_time
async def test_a_program_that_dies_fails_its_call_at_once_and_is_started_again(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "rtaudio_daemon.tools")
    started = tmp_path / "pids"
    async with connected(program("plain", started)) as home:
        found = await home.call("exit")
        assert "exit status 3" in found["error"]
        assert "its last words" in found["error"]
        await home.is_(SourceState.UNREACHABLE)
        assert home.source.note == "its program ended (exit status 3): its last words"
        await home.is_(SourceState.OK)
        assert await home.call("echo") == {"result": "echo"}
    assert len(pids(started)) == 2
    assert "mcp:test: a file is missing: \\x1b[31mred" in caplog.messages


@real_time
async def test_a_program_gets_what_is_written_for_it_and_none_of_our_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Case 32."""
    monkeypatch.setenv("AZURE_KEY", "4711")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    async with connected(program("env", env={"TOKEN": Secret("0815")})) as home:
        tool = home.source.tools()[0]
        found = json.loads(await tool.run({}, CallContext("call_1")))
        assert found["TOKEN"] == "0815"
        assert found["LANG"] == "de_DE.UTF-8"
        assert "AZURE_KEY" not in found


@real_time
@pytest.mark.parametrize("fault", ["plain", "stubborn", "family"])
async def test_nothing_of_a_program_is_left_after_a_stop(fault: str, tmp_path: Path) -> None:
    started = tmp_path / "pids"
    async with connected(program(fault, started)):
        assert len(pids(started)) == (2 if fault == "family" else 1)
        assert all(map(lives, pids(started)))
    # What is killed is gone a moment later.
    await until(lambda: not any(map(lives, pids(started))), 10)


@real_time
@pytest.mark.parametrize("command", [("/nowhere/at/all",), ("no-such-program", "-x")])
async def test_a_program_that_is_not_there_is_named(command: tuple[str, ...]) -> None:
    server = McpServer(command=command)
    async with connected(server, wait_for=SourceState.UNREACHABLE) as home:
        assert home.source.note.startswith(f"there is no program {command[0]}")


_DAEMON = """
import asyncio, sys
from rtaudio_daemon.config import McpServer
from tests.tools.mcp_processes import connected
async def main():
    async with connected(McpServer(command=tuple(sys.argv[1:]))):
        print("connected", flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""


@real_time
async def test_no_program_outlives_a_daemon_that_is_killed(tmp_path: Path) -> None:
    started = tmp_path / "pids"
    daemon = subprocess.Popen(
        [sys.executable, "-c", _DAEMON, *program("plain", started).command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert daemon.stdout
    assert await asyncio.to_thread(daemon.stdout.readline) == b"connected\n"
    (child,) = pids(started)
    assert lives(child)
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.communicate()
    await until(lambda: not lives(child), 10)
