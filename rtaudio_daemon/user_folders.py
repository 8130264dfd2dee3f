"""The folders of the user that the program runs as, which may have neither a home nor a name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def user_folder(
    variable: str, below_home: str, environment: Mapping[str, str] = os.environ
) -> Path | None:
    """The program's own folder in the one that `variable` names, else in `below_home`.

    `variable`: of the XDG base directories, as XDG_CACHE_HOME; only a whole path counts. None
    where it is missing and the user has no home.
    """
    named = environment.get(variable, "")
    try:
        base = Path(named) if named.startswith("/") else Path.home() / below_home
    except RuntimeError:
        return None
    return base / "rtaudio-daemon"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The state directory: the one that systemd names, else the user's; None without a home."""
    if given := environment.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    return user_folder("XDG_STATE_HOME", ".local/state", environment)
