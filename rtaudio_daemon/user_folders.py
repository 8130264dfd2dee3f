"""Folders of the user that runs the program, who may have neither a home nor a name."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_LOCK_FILE = "daemon.lock"


def user_folder(
    variable: str, below_home: str, environment: Mapping[str, str] = os.environ
) -> Path | None:
    """Return the program's folder in the directory named by `variable`, or in `below_home`.

    `variable`: one of the XDG base directories, such as XDG_CACHE_HOME; only an absolute path
    counts. None if it is not set and the user has no home.
    """
    named = environment.get(variable, "")
    try:
        base = Path(named) if named.startswith("/") else Path.home() / below_home
    except RuntimeError:
        return None
    return base / "rtaudio-daemon"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the state directory: systemd's, otherwise the user's; None without a home."""
    if given := environment.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    return user_folder("XDG_STATE_HOME", ".local/state", environment)


def configuration_file() -> str:
    """Return the configuration file for commands that are given none."""
    return os.environ.get("RTAUDIO_CONFIG") or "config.yaml"


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Claim `folder` as the only daemon that stores things in it; False if another one has.

    A folder that is not writable cannot be claimed; writing to it will show that.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / _LOCK_FILE).open("a")
    except OSError:
        yield True
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
