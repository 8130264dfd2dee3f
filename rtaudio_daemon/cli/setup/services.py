"""The installed service that reads a configuration: its program, and what restarts it."""

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
    """A service that script/install made; `program`: the folder of its program."""

    program: Path
    restart: str

    def setup(self, path: Path) -> str:
        """The command that sets it up with its own packages."""
        parts = [self.program / ".venv/bin/python", self.program / "daemon.py", "setup", "-c", path]
        return shlex.join(map(str, parts))

    @property
    def is_this_program(self) -> bool:
        """Whether it is what runs here."""
        return Path(sys.prefix).resolve() == (self.program / ".venv").resolve()


def service_of(
    path: Path, environment: Mapping[str, str] = os.environ, *, program: Path | None = None
) -> Service | None:
    """The service that reads this file; None where there is none.

    `program`: the folder of a user's service; None: the one that script/install takes.
    """
    machine = Service(Path("/opt/rtaudio-daemon"), "sudo systemctl restart rtaudio-daemon")
    known = {Path("/etc/rtaudio-daemon"): machine}
    folder = user_folder("XDG_CONFIG_HOME", ".config", environment)
    program = program or user_folder("", ".local/share", environment)
    if folder and program:
        known[folder] = Service(program, "systemctl --user restart rtaudio-daemon")
    found = known.get(path.absolute().parent) if path.name == _FILE else None
    return found if found and (found.program / "daemon.py").exists() else None
