"""Lowers the streams of other programs one by one, and restores each volume.

The original volume is written to a file before a stream is lowered. If the daemon is killed, the
next one restores it, or before that `python -m rtaudio_daemon.audio.devices.give_back`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

from ...config.file_reading import read_bounded
from ...config.file_writing import write_whole
from ..processing.lowered_streams import (
    Changes,
    Lowered,
    Stream,
    give_back,
    lower,
    record,
    restored,
    strangers,
    streams,
)
from .pactl import success

LOWERED_FILE = "lowered_volumes.json"
_MOST_BYTES = 262_144
_LOG = logging.getLogger(__name__)


class SoundServerError(Exception):
    """The sound server does not answer, or does not do what it was asked to."""


class GoneError(SoundServerError):
    """The means of lowering programs is gone, perhaps temporarily."""


class LoweredVolumes:
    """The lowered streams, recorded in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: list[Lowered] = []

    @property
    def owed(self) -> bool:
        """Whether any volume has yet to be restored."""
        return bool(self._kept)

    async def load(self) -> None:
        """Read the volumes that the last daemon did not restore; ignore an invalid file."""
        try:
            content = await asyncio.to_thread(read_bounded, self._path, _MOST_BYTES)
            self._kept = restored(json.loads(content.decode()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, RecursionError) as error:
            _LOG.warning("what was lowered before cannot be given back, %s: %s", self._path, error)

    def server_changed(self) -> None:
        """Note that the streams have other indices from now on."""
        self._kept = strangers(self._kept)

    async def lower(self, times: float) -> None:
        """Lower all streams that are not lowered yet. Raises SoundServerError."""
        kept, changes = lower(self._kept, await _streams(), times)
        if kept != self._kept:
            await self._keep(kept)
        await _set(changes)

    async def give_back(self) -> None:
        """Restore the lowered streams that still exist. Raises SoundServerError."""
        if not self._kept:
            return
        owed, given = give_back(self._kept, await _streams())
        if not given and len(owed) == len(self._kept):
            return
        failed = await _set({index: each.was for index, each in given.items()})
        await self._keep([*owed, *(given[index] for index in failed)])

    async def _keep(self, kept: list[Lowered]) -> None:
        self._kept = kept
        try:
            await asyncio.to_thread(self._write, json.dumps(record(kept)))
        except OSError as error:
            raise SoundServerError(f"cannot write {self._path}: {error.strerror}") from error

    def _write(self, content: str) -> None:
        if content == "[]":
            self._path.unlink(missing_ok=True)
        else:
            write_whole(self._path, content)


async def _streams() -> list[Stream]:
    try:
        found = json.loads(await success("--format=json", "list", "sink-inputs") or "")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise GoneError("the sound server does not list its streams")
    return streams(each for each in found if isinstance(each, dict))


async def _set(changes: Changes) -> list[int]:
    """Set these volumes; return the indices of streams where that failed, perhaps ended ones."""
    done = await asyncio.gather(
        *(
            success("set-sink-input-volume", str(index), *map(str, volume))
            for index, volume in changes.items()
        )
    )
    return [index for index, answer in zip(changes, done, strict=True) if answer is None]
