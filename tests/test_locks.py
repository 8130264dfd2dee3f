"""What an installed service is made of: exact packages with hashes, within the ranges."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
APP_LOCK = "packaging/home-assistant-app/app/requirements.lock"
_ENTRY = re.compile(
    r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", re.M
)


def locked(name: str) -> list[tuple[str, str]]:
    """Every package and its version in a lock; several versions of one for several Pythons."""
    text = (ROOT / name).read_text() + "\n"
    entries: list[tuple[str, str]] = [
        (canonicalize_name(each[1]), each[2]) for each in _ENTRY.finditer(text)
    ]
    lines = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert len(entries) == len(lines), "each entry has its hashes"
    return entries


@pytest.mark.parametrize("line", (ROOT / "requirements.txt").read_text().splitlines())
def test_every_requirement_is_locked_within_its_range(line: str) -> None:
    if not line or line.startswith("#"):
        return
    wanted = Requirement(line)
    versions = [
        v for name, v in locked("requirements.lock") if name == canonicalize_name(wanted.name)
    ]
    assert versions
    assert all(version in wanted.specifier for version in versions)


def test_the_tools_that_compile_pyaudio_are_locked() -> None:
    assert {"setuptools", "wheel"} <= {name for name, _ in locked("build.lock")}


def test_the_app_of_home_assistant_locks_its_packages_beside_those_of_the_daemon() -> None:
    lines = (ROOT / APP_LOCK).with_suffix(".txt").read_text().splitlines()[1:]
    found, daemons = locked(APP_LOCK), locked("requirements.lock")
    for wanted in map(Requirement, lines):
        versions = [v for name, v in found if name == canonicalize_name(wanted.name)]
        assert versions
        assert all(version in wanted.specifier for version in versions)
    common = {name for name, _ in found} & {name for name, _ in daemons}
    assert common == {"numpy"}
    assert {each for each in found if each[0] in common} <= set(daemons)


def test_no_lock_names_a_server_or_a_folder() -> None:
    for name in ("requirements.lock", "build.lock", APP_LOCK):
        assert not re.search(r"https?://|/tmp", (ROOT / name).read_text())


@pytest.mark.parametrize(
    "unit", ["systemd/rtaudio-daemon.service", "systemd/user/rtaudio-daemon.service"]
)
def test_a_unit_limits_a_fault_and_never_gives_up(unit: str) -> None:
    lines = (ROOT / unit).read_text().splitlines()
    for wanted in ("LimitCORE=0", "TasksMax=128", "MemoryMax=768M", "StartLimitIntervalSec=0"):
        assert wanted in lines
