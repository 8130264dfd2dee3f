"""The installed service that uses a configuration: its program, and how to restart it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...user_folders import user_folder

_FILE = "config.yaml"


@dataclass(frozen=True, slots=True)
class Service:
    """A service installed by script/install; `program`: the folder of its program."""

    program: Path
    restart: str

    def setup(self, path: Path) -> str:
        """Return the command that sets it up with its own packages."""
        parts = [self.program / ".venv/bin/python", self.program / "daemon.py", "setup", "-c", path]
        return shlex.join(map(str, parts))

    @property
    def is_installed(self) -> bool:
        """Whether its program exists."""
        return (self.program / "daemon.py").exists()

    @property
    def is_this_program(self) -> bool:
        """Whether it is the running program."""
        return Path(sys.prefix).resolve() == (self.program / ".venv").resolve()


def service_of(
    path: Path, environment: Mapping[str, str] = os.environ, *, program: Path | None = None
) -> Service | None:
    """Return the service that uses this file; None if there is none.

    `program`: the folder of a user's service; None: the default of script/install.
    """
    if path.name != _FILE:
        return None
    found = _places(environment, program).get(path.absolute().parent)
    return found if found and found.is_installed else None


def configurations(
    environment: Mapping[str, str] = os.environ, *, program: Path | None = None
) -> list[Path]:
    """Return the configuration files of the services on this machine, the user's first."""
    places = _places(environment, program)
    files = [folder / _FILE for folder, each in places.items() if each.is_installed]
    return [each for each in reversed(files) if each.exists()]


def _places(environment: Mapping[str, str], program: Path | None) -> dict[Path, Service]:
    """Return the possible services, by the folders of their configurations."""
    machine = Service(Path("/opt/rtaudio-daemon"), "sudo systemctl restart rtaudio-daemon")
    known = {Path("/etc/rtaudio-daemon"): machine}
    folder = user_folder("XDG_CONFIG_HOME", ".config", environment)
    program = program or user_folder("", ".local/share", environment)
    if folder and program:
        known[folder] = Service(program, "systemctl --user restart rtaudio-daemon")
    return known
