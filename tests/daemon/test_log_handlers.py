"""The log never waits, never fills up, and says what it has lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtaudio_daemon.daemon import log
from rtaudio_daemon.daemon.log_handlers import DescriptorHandler, FloodLimit, QueuedHandler
from tests.cli.test_main import CONFIG, line_with, started

ROOT = Path(__file__).parents[2]


def record(
    message: str, line: int = 7, at: float = 1000.0, level: int = logging.INFO
) -> logging.LogRecord:
    found = logging.LogRecord(
        "rtaudio_daemon.daemon.app", level, "/x/a.py", line, message, (), None
    )
    found.created = at
    return found


def entries(listening: socket.socket, until: str) -> list[str]:
    """Messages as they come, up to and with the first that contains `until`."""
    found: list[str] = []
    while not found or until not in found[-1]:
        data = listening.recv(65536)
        found.append(data.partition(b"MESSAGE=")[2].partition(b"\n")[0].decode())
    return found


def drain(handler: QueuedHandler) -> None:
    while handler._queue.qsize():
        threading.Event().wait(0.01)


@contextlib.contextmanager
def listening_at(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(20)
        yield listening


def test_a_journal_that_does_not_read_costs_entries_that_are_counted(tmp_path: Path) -> None:
    with listening_at(tmp_path / "journal") as listening:
        handler = log.JournalHandler(str(tmp_path / "journal"))
        for number in range(5000):
            handler.emit(record(f"entry {number}", line=number))  # none of them waits
        taken = lost = 0
        while taken + lost < 5000:  # while the machine is busy, losses are reported in parts
            (found,) = entries(listening, "")
            if "were lost" in found:
                lost += int(found.split()[0])
            else:
                taken += 1
        assert taken + lost == 5000
        assert lost > 3000
        handler.emit(record("the last one", line=6000))
        assert entries(listening, "the last one") == ["the last one"]
        handler.close()


def test_a_journal_that_was_restarted_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with listening_at(path) as listening:
        handler = log.JournalHandler(str(path))
        handler.emit(record("before"))
        entries(listening, "before")
    path.unlink()
    handler.emit(record("to nobody"))
    drain(handler)
    with listening_at(path) as listening:
        handler.emit(record("after"))
        assert entries(listening, "were lost") == [
            "after",
            "1 entries of the log were lost, because they were not taken in time",
        ]
        handler.close()


def test_a_pipe_that_nobody_reads_stops_nothing_not_even_the_end() -> None:
    reading, writing = os.pipe()
    handler = DescriptorHandler(writing)
    for number in range(5000):
        handler.emit(record("x" * 100, line=number))
    handler.close()
    os.close(reading)
    drain(handler)
    os.close(writing)


def test_a_call_that_cannot_be_formatted_is_an_entry_all_the_same() -> None:
    reading, writing = os.pipe()
    handler = DescriptorHandler(writing)
    broken = record("%d of %s")
    broken.args = ("x",)
    handler.emit(broken)
    handler.close()
    assert b"'%d of %s' cannot be formatted: TypeError" in os.read(reading, 4096)
    os.close(reading)
    os.close(writing)


def test_one_line_of_the_program_cannot_flood() -> None:
    limit = FloodLimit()
    passed = [limit.passes(record("again")) for _ in range(5000)]
    assert passed == [True] * 100 + [False] * 4900
    assert limit.passes(record("another", line=8))
    assert limit.passes(record("again", level=logging.DEBUG))
    assert limit.left_out(1009.9) == []
    assert limit.left_out(1010.0) == [("a.py:7", 4900)]
    assert limit.passes(record("again", at=1010.0))
    assert limit.left_out(900.0) == [], "a clock that was set back begins anew"
    assert limit.passes(record("again", at=900.0))


def test_what_was_left_out_is_reported() -> None:
    reading, writing = os.pipe()
    handler = DescriptorHandler(writing)
    for _ in range(150):
        handler.emit(record("again"))
    handler.emit(record("later", line=8, at=1010.0))
    handler.close()
    lines = os.read(reading, 65536).decode().splitlines()
    assert lines[100:] == ["50 more entries of a.py:7 were left out", "later"]
    os.close(reading)
    os.close(writing)


@pytest.mark.real_time
async def test_a_daemon_whose_log_nobody_reads_goes_on_and_ends(tmp_path: Path) -> None:
    """Its stderr is a pipe that is full: HTTP answers, and SIGTERM ends it."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG + "logger: {default: debug}\n")
    async with started("-c", str(path)) as process:
        address = (await line_with(process, r"listening at http")).rpartition(" ")[2]

        def ask() -> int:
            with urllib.request.urlopen(
                f"{address}/no/such/page/{'x' * 2000}", timeout=60
            ) as answer:
                return int(answer.status)

        # Nobody reads from here on; the stream's reader in this process stops at 128 kB.
        for _ in range(300):
            with contextlib.suppress(urllib.error.HTTPError):
                await asyncio.to_thread(ask)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0


@pytest.mark.parametrize("closed", ["2>&-", "1>&-", "0<&- 1>&- 2>&-"])
def test_a_daemon_without_standard_streams_runs(tmp_path: Path, closed: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    command = f"exec timeout -s TERM 4 {sys.executable} daemon.py run -c {path} {closed}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 124, done.stderr  # it ran until it was stopped
