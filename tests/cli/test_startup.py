"""Signals count from the first line on, also while the program still loads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parent.parent.parent
CONFIG = "audio: {input: {device: none}, output: {device: none}}\nhttp: {port: 0}\n"


@contextmanager
def loading(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that is in the middle of its imports."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "daemon.py", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        read_until(process, "| rtaudio_daemon.config.yaml_loader", strip=True)
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], words: str, *, strip: bool = False) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if words in (" ".join(line.split()) if strip else line):
            return line
    raise AssertionError(f"nothing like {words!r} was printed")


def test_a_hangup_while_it_loads_is_a_reload_once_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    with loading("-c", str(path)) as process:
        process.send_signal(signal.SIGHUP)
        read_until(process, "listening at http")
        read_until(process, "reload: nothing is different")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["term", "int"]
)
def test_a_signal_while_it_loads_ends_it(number: signal.Signals, status: int) -> None:
    with loading() as process:
        process.send_signal(number)
        assert process.wait(60) == status


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, -signal.SIGHUP)]
)
def test_a_command_that_looks_around_ends_with_its_terminal(
    number: signal.Signals, status: int
) -> None:
    with loading("doctor") as process:
        read_until(process, "| rtaudio_daemon.cli.local_commands", strip=True)
        process.send_signal(number)
        assert process.wait(60) == status
