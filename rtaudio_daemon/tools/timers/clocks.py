"""This machine's clocks, as needed by timers."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import time
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from .timer import Moment

_ZONE_FILE = Path("/etc/localtime")
_BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")


class Clocks:
    """Provides the current moment; `wall_clock` returns seconds since 1970."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        self._wall_clock = wall_clock
        self._loop_clock = asyncio.get_running_loop().time

    def now(self) -> Moment:
        """Return this moment, in the machine's present time zone."""
        slept_s = time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
        return Moment(self._wall_clock(), self._loop_clock() + slept_s, local_zone())


def boot_id(path: Path = _BOOT_FILE) -> str:
    """Return an id of this boot of the machine; "" if it is unknown."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def local_zone(environment: Mapping[str, str] = os.environ, path: Path = _ZONE_FILE) -> tzinfo:
    """Return the time zone of the environment or the machine; UTC if none is set."""
    if name := environment.get("TZ", "").removeprefix(":"):
        if not name.startswith("/"):
            return _zone_called(name)
        path = Path(name)
    try:
        found = path.stat()
        return _zone_in(path, found.st_ino, found.st_mtime)
    except (OSError, ValueError):
        return UTC


@lru_cache(maxsize=1)
def _zone_called(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        pass
    # A rule such as CET-1CEST,M3.5.0,M10.5.0/3 is stored at the end of a time zone file.
    part = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    try:
        return ZoneInfo.from_file(io.BytesIO(part + part + f"\n{name}\n".encode()))
    except (OSError, ValueError):
        return UTC


@lru_cache(maxsize=1)
def _zone_in(path: Path, _inode: int, _changed: float) -> tzinfo:
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=str(path.resolve()).partition("zoneinfo/")[2] or None)
