"""Stores over a restart whether the microphone is muted."""

from __future__ import annotations

import logging
from pathlib import Path

from ..notifications import MuteChanged, Notification

MUTE_FILE = "muted"
_LOG = logging.getLogger(__name__)


class MuteFile:
    """The file at `path` exists while the microphone is muted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def muted(self) -> bool:
        """Whether the microphone was muted when the daemon ended."""
        try:
            found = self._path.exists()
        except OSError as error:
            _LOG.warning("cannot read whether the microphone was muted: %s", error)
            return False
        if found:
            _LOG.info("muted, as before the restart")
        return found

    def notice(self, notification: Notification) -> None:
        """Store a change; if the file cannot be written, a warning is logged."""
        if not isinstance(notification, MuteChanged):
            return
        try:
            if notification.muted:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._path.touch(0o600)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("cannot keep over a restart whether the microphone is muted: %s", error)
