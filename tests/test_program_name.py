"""Hints name the program as the person called it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtaudio_daemon.program_name import named, script


@pytest.mark.parametrize(
    ("called", "by_script", "name"),
    [
        ("daemon.py", "", "daemon.py"),
        ("/home/me/voice/bin/rtaudio-daemon", "", "rtaudio-daemon"),
        ("/opt/rtaudio-daemon/rtaudio_daemon/__main__.py", "", "daemon.py"),
        ("", "", "daemon.py"),
        ("/srv/clone/daemon.py", "1", "script/run"),
    ],
)
def test_a_command_is_named_as_it_was_typed(called: str, by_script: str, name: str) -> None:
    assert named(called, by_script) == name


def test_a_script_is_named_only_where_it_is(tmp_path: Path) -> None:
    assert script("setup", "pip install it", tmp_path) == "pip install it"
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "setup").touch()
    assert script("setup", "pip install it", tmp_path) == "script/setup"
