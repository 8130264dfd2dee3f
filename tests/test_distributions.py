"""The wheel and the source distribution hold what is needed to use, and to build, the daemon."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from rtaudio_daemon.version import VERSION

ROOT = Path(__file__).parent.parent
FOR_USERS = {
    "config.yaml",
    "config.schema.json",
    "requirements.lock",
    "CHANGELOG.md",
    *(f"systemd/{each}rtaudio-daemon.service" for each in ("", "user/")),
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
    *(str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.yaml")),
    *(str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.conf")),
    *(str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.py")),
}
"""What the wheel brings below share/rtaudio-daemon."""


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return listed.stdout.splitlines()


def test_the_wheel_is_to_take_every_file_of_the_package() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = setuptools["package-data"]["rtaudio_daemon"]
    data = [
        name.removeprefix("rtaudio_daemon/")
        for name in tracked()
        if name.startswith("rtaudio_daemon/") and not name.endswith(".py")
    ]
    assert len(data) > 5
    # `**/` also stands for no folder at all.
    wide = [*patterns, *(each.removeprefix("**/") for each in patterns)]
    assert [name for name in data if not any(fnmatch(name, each) for each in wide)] == []


def test_every_file_for_users_has_its_place_in_the_wheel() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    placed = {
        f"{folder}/{path.name}".removeprefix("share/rtaudio-daemon/")
        for folder, patterns in setuptools["data-files"].items()
        for each in patterns
        for path in ROOT.glob(each)
    }
    assert sorted(placed & FOR_USERS) == sorted(FOR_USERS)
    assert {name for name in placed if not (ROOT / name).is_file()} == set()


def test_folders_of_packages_are_packages() -> None:
    """Setuptools passes over a folder without `__init__.py`."""
    folders = {Path(name).parent for name in tracked() if name.startswith("rtaudio_daemon/")}
    with_code = {each for each in folders if any((ROOT / each).glob("*.py"))}
    assert [str(each) for each in with_code if not (ROOT / each / "__init__.py").exists()] == []


def test_the_change_log_begins_with_the_version() -> None:
    headings = [
        line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line[:3] == "## "
    ]
    first = next(line for line in headings if line != "## Unreleased")
    assert first.startswith(f"## {VERSION} - 20")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_installed_wheel_holds_a_conversation(tmp_path: Path) -> None:
    """Needs a package server and what PyAudio is compiled with: some minutes."""

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=500, env=environment
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    dist = tmp_path / "dist"
    run(ROOT / "script/build", dist)
    (wheel,) = dist.glob("*.whl")
    (source,) = dist.glob("*.tar.gz")
    share = f"rtaudio_daemon-{VERSION}.data/data/share/rtaudio-daemon/"
    wheel_holds = set(zipfile.ZipFile(wheel).namelist())
    assert sorted(FOR_USERS - {name.removeprefix(share) for name in wheel_holds}) == []
    of_package = {name for name in tracked() if name.startswith("rtaudio_daemon/")}
    assert sorted(of_package - wheel_holds) == []
    with tarfile.open(source) as archive:
        source_holds = {name.partition("/")[2] for name in archive.getnames()}
    needless = {".gitignore", "hacs.json", "MANIFEST.in"}
    assert sorted(set(tracked()) - source_holds - needless) == []

    run(sys.executable, "-m", "venv", "venv")
    run("venv/bin/python", "-m", "pip", "install", "-q", wheel)
    program = tmp_path / "venv/bin/rtaudio-daemon"
    assert run(program, "--version") == f"rtaudio-daemon {VERSION}\n"
    assert run(program, "--help").startswith("usage: rtaudio-daemon ")
    template = tmp_path / "venv/share/rtaudio-daemon/config.yaml"
    assert "fine" in run(program, "check", "-c", template)
    run(program, "setup", "--defaults", "-c", tmp_path / "mine.yaml")
    assert (tmp_path / "mine.yaml").read_bytes() == template.read_bytes()
    heard = run(program, "demo", "--recorded", "--turns", "1", "--port", "0")
    assert "the assistant says" in heard
