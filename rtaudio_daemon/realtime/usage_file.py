"""Keeps what was spent and sent over a restart: a daily budget outlives the process."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

from ..config.file_reading import read_bounded
from ..config.file_writing import write_whole
from .uplink_day import UplinkDay
from .usage import UsageMeter

USAGE_FILE = "usage.json"
_SAVE_EVERY_S = 5.0
_MOST_BYTES = 65_536
_LOG = logging.getLogger(__name__)


class UsageFile:
    """Keeps `usage`, and the sound that was `sent` on the day, in the file `path`.

    If the file cannot be read, a warning is logged and counting begins at zero. If it cannot be
    written, a warning is logged and the next answer tries again.
    """

    def __init__(self, path: Path, usage: UsageMeter, sent: UplinkDay | None = None) -> None:
        self._path = path
        self._usage_meter = usage
        self._spent = asyncio.Event()
        self._failed = False
        self._sent = sent or UplinkDay()
        usage.listener = self._sent.listener = self

    def usage_changed(self) -> None:
        """Note that something was spent: write it soon."""
        self._spent.set()

    def uplink_grew(self) -> None:
        """Note that sound was sent: write it soon."""
        self._spent.set()

    async def load(self) -> None:
        """Restore from the file what was spent and sent."""
        try:
            found = json.loads(await asyncio.to_thread(self._read))
            self._usage_meter.restore(found)
            if "uplink" in found:  # missing in files of earlier versions
                self._sent.restore(found["uplink"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            _LOG.warning("what was spent before is not known, %s: %s", self._path, error)

    async def run(self) -> None:
        """Write changes soon after they occur, and at the end, until cancelled."""
        try:
            while True:
                await self._spent.wait()
                self._spent.clear()
                await asyncio.to_thread(self._save, self._words())
                await asyncio.sleep(_SAVE_EVERY_S)
        finally:
            if self._spent.is_set():
                self._save(self._words())

    def _words(self) -> str:
        state = {**self._usage_meter.state(), "uplink": self._sent.state()}
        return json.dumps(state, indent=1) + "\n"

    def _read(self) -> str:
        return read_bounded(self._path, _MOST_BYTES).decode("utf-8")

    def _save(self, words: str) -> None:
        try:
            write_whole(self._path, words)
        except OSError as error:
            level = logging.DEBUG if self._failed else logging.WARNING
            self._failed = True
            _LOG.log(level, "what was spent cannot be kept in %s: %s", self._path, error.strerror)
        else:
            self._failed = False
