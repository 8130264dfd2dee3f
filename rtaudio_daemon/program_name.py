"""The name of the program as the user called it, for hints that contain a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath

_DEFAULT = "daemon.py"
_PROJECT = Path(__file__).resolve().parents[1]
_NAMES = frozenset({_DEFAULT, "rtaudio-daemon"})


def named(called: str, script: str = "") -> str:
    """Return the name if the program was started by the path `called`, and `script` if any.

    Anything unknown, such as `python -m`, becomes `daemon.py`.
    """
    if script:
        return "script/run"
    name = PurePath(called).name
    return name if name in _NAMES else _DEFAULT


def script(name: str, otherwise: str, project: Path = _PROJECT) -> str:
    """Return `script/NAME` in a clone of the project; `otherwise` if pip installed the program."""
    return f"script/{name}" if (project / "script" / name).is_file() else otherwise


PROGRAM = named(sys.argv[0], os.environ.get("RTAUDIO_SCRIPT_RUN", ""))
"""The beginning of commands in hints, such as `rtaudio-daemon` in `rtaudio-daemon check`."""
