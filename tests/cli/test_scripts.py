"""script/install and script/uninstall, with stand-ins for systemd and for the packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
STUBS = {
    "id": 'case "$1" in -u) echo 1234;; *) echo ada;; esac',
    "systemctl": "exit 0",
    "loginctl": "exit 0",
}
SETUP = """\
python=$(dirname "$0")/../.venv/bin/python
mkdir -p "$(dirname "$python")" && echo '#!/bin/sh' >"$python" && chmod 755 "$python"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project that everybody may write."""
    project = tmp_path / "project"
    for name in (
        *("rtaudio_daemon", "docs", "script", "systemd", "daemon.py", "LICENSE", "config.yaml"),
        *("config.schema.json", "requirements.txt", "requirements.lock", "build.lock"),
    ):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, project / name)
    (project / "script/setup").write_text(f"#!/bin/sh\n{SETUP}\n")
    for path in project.rglob("*"):
        path.chmod(path.stat().st_mode | 0o666 | (0o111 if path.is_dir() else 0))
    (tmp_path / "bin").mkdir()
    for name, line in STUBS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return project


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    home = project.parent / "home"
    home.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
    environment = {**kept, "HOME": str(home), "PATH": f"{project.parent}/bin:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", 'umask 0; exec "$0" "$@"', str(project / command[0]), *command[1:]],
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_nobody_else_may_write_what_a_service_runs(project: Path) -> None:
    done = run(project, "script/install", "--user", "--no-start")
    assert done.returncode == 0, done.stderr
    home = project.parent / "home"
    installed = [path for path in home.rglob("*") if not path.is_symlink()]
    assert home / ".local/share/rtaudio-daemon/daemon.py" in installed
    assert [path for path in installed if path.stat().st_mode & 0o022] == []


@pytest.mark.parametrize(
    ("file", "words"), [("missing", "cannot read the key from"), ("empty", "there is no key in")]
)
def test_a_key_file_without_a_key_is_a_sentence(project: Path, file: str, words: str) -> None:
    (project.parent / "empty").write_text("\n")
    path = str(project.parent / file)
    done = run(project, "script/install", "--user", "--dry-run", "--key-file", path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"install: {words} {path}")
    assert len(done.stderr.splitlines()) == 1


def test_a_dry_run_says_nothing_is_done(project: Path) -> None:
    for script in ("script/install", "script/uninstall"):
        done = run(project, script, "--user", "--dry-run")
        assert done.returncode == 0, done.stderr
        assert "none is done now" in done.stdout
        assert "Done." not in done.stdout
    assert list((project.parent / "home").iterdir()) == []


def test_what_is_installed_is_upgraded_as_what_it_is(project: Path) -> None:
    done = run(project, "script/install", "--user", "--no-start")
    assert done.returncode == 0, done.stderr
    done = run(project, "script/install", "--no-start")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("A user service: it is installed already.\n")
    assert "  your configuration stays: " in done.stdout


def test_what_was_kept_goes_with_the_program(project: Path) -> None:
    state = project.parent / "home/.local/state/rtaudio-daemon"
    state.mkdir(parents=True)
    (state / "muted").touch()
    done = run(project, "script/uninstall", "--user")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Done.\n")
    assert not state.exists()
