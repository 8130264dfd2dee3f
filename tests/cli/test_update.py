"""script/update, with stand-ins for systemd and for the packages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .test_scripts import ROOT, project, run

__all__ = ["project"]
RESTART = 'case "$*" in *" restart "*) {what};; esac; exit 0'


def installed(project: Path) -> Path:
    """The folder of the program after an installation, with a mark of its own."""
    done = run(project, "script/install", "--user", "--no-start")
    assert done.returncode == 0, done.stderr
    prefix = project.parent / "home/.local/share/rtaudio-daemon"
    (prefix / "old-mark").touch()
    (project / "rtaudio_daemon/new_mark.py").touch()
    return prefix


def systemctl(project: Path, what: str) -> None:
    (project.parent / "bin/systemctl").write_text(f"#!/bin/sh\n{RESTART.format(what=what)}\n")


def left_beside(prefix: Path) -> list[str]:
    return [path.name for path in prefix.parent.iterdir() if path != prefix]


def test_the_new_one_takes_the_place_of_the_old_one(project: Path) -> None:
    prefix = installed(project)
    done = run(project, "script/update", "--user")
    assert done.returncode == 0, done.stderr
    assert (prefix / "rtaudio_daemon/new_mark.py").exists()
    assert left_beside(prefix) == []


def test_one_that_does_not_start_is_exchanged_for_the_old_one(project: Path) -> None:
    prefix = installed(project)
    systemctl(project, f'test ! -e "{prefix}/rtaudio_daemon/new_mark.py" || exit 1')
    done = run(project, "script/update", "--user")
    assert done.returncode == 1
    assert "the old one is back and runs" in done.stderr
    assert not (prefix / "rtaudio_daemon/new_mark.py").exists()
    assert (prefix / "old-mark").exists()
    assert left_beside(prefix) == []


def test_one_that_refuses_the_configuration_never_takes_its_place(project: Path) -> None:
    prefix = installed(project)
    setup = project / "script/setup"
    setup.write_text(
        setup.read_text() + 'echo \'case "$*" in *check*) exit 78;; esac\' >>"$python"\n'
    )
    systemctl(project, f'touch "{project.parent}/restarted"')
    done = run(project, "script/update", "--user")
    assert done.returncode == 1
    assert "the old one runs on" in done.stderr
    assert not (project.parent / "restarted").exists()
    assert not (prefix / "rtaudio_daemon/new_mark.py").exists()
    assert left_beside(prefix) == []


def test_an_update_that_was_cut_off_is_mended_by_the_next(project: Path) -> None:
    prefix = installed(project)
    prefix.rename(f"{prefix}.old")
    done = run(project, "script/update", "--user")
    assert done.returncode == 0, done.stderr
    assert (prefix / "rtaudio_daemon/new_mark.py").exists()
    assert left_beside(prefix) == []


def test_without_an_installation_it_names_the_remedy(project: Path) -> None:
    done = run(project, "script/update", "--user")
    assert done.returncode == 1
    assert "run script/install --user" in done.stderr


@pytest.mark.parametrize("script", ["install", "update"])
def test_both_scripts_copy_the_same(script: str) -> None:
    text = (ROOT / "script" / script).read_text()
    (files,) = re.findall(r"-cf - (.*?) \|", text, re.S)
    assert files.replace("\\\n", "").split() == [
        *("rtaudio_daemon", "daemon.py", "requirements.txt", "requirements.lock", "build.lock"),
        *("config.yaml", "config.schema.json", "docs", "script", "systemd", "LICENSE"),
    ]
