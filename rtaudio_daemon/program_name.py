"""The name of the program as the person called it, for hints that name a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath

_DEFAULT = "daemon.py"
_PROJECT = Path(__file__).resolve().parents[1]
_NAMES = frozenset({_DEFAULT, "rtaudio-daemon"})


def named(called: str, script: str = "") -> str:
    """The name where the program was started as `called`, a path, by `script` or by none.

    Anything unknown, as `python -m`, means `daemon.py`.
    """
    if script:
        return "script/run"
    name = PurePath(called).name
    return name if name in _NAMES else _DEFAULT


def script(name: str, otherwise: str, project: Path = _PROJECT) -> str:
    """`script/NAME`, a command of a clone; `otherwise` where pip installed the program."""
    return f"script/{name}" if (project / "script" / name).is_file() else otherwise


PROGRAM = named(sys.argv[0], os.environ.get("RTAUDIO_SCRIPT_RUN", ""))
"""What stands before a command in a hint, as in `rtaudio-daemon check`."""
