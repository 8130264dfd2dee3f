"""Stores the timers in a file, so that they outlive the process and power cuts."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

from ...config.file_reading import read_bounded
from ...config.file_writing import put_aside, write_whole
from .schedule import Schedule
from .timer import Moment

TIMERS_FILE = "timers.json"
_MOST_BYTES = 262_144
_LOG = logging.getLogger(__name__)


class TimerStore:
    """The file at `path`; None: nothing is stored.

    An unusable file is renamed to `timers.json.broken`. If the file cannot be written, a warning
    is logged, the timers continue in memory, and the next change tries again.
    """

    def __init__(self, path: Path | None, boot: str) -> None:
        self._path = path
        self._boot = boot
        self._failed = False
        self._lock = asyncio.Lock()

    async def load(self, schedule: Schedule, now: Moment) -> None:
        """Load the content of the file into `schedule`."""
        if self._path is None:
            return
        try:
            content = await asyncio.to_thread(read_bounded, self._path, _MOST_BYTES)
            schedule.restore(json.loads(content.decode()), self._boot, now)
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            aside = await asyncio.to_thread(put_aside, self._path)
            _LOG.warning("the timers of before are lost, %s%s: %s", self._path, aside, error)

    async def save(self, schedule: Schedule) -> None:
        """Store `schedule`, durably if possible: on return it is on the disk."""
        if self._path is None:
            return
        async with self._lock:
            record = schedule.record(self._boot)
            await asyncio.to_thread(self._write, self._path, record)

    def _write(self, path: Path, record: dict[str, Any]) -> None:
        try:
            write_whole(path, json.dumps(record, indent=1) + "\n")
        except OSError as error:
            level = logging.DEBUG if self._failed else logging.WARNING
            self._failed = True
            words = "timers will not outlive a restart, they cannot be kept in %s: %s"
            _LOG.log(level, words, path, error.strerror)
        else:
            self._failed = False
