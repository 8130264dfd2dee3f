"""An append-only file of JSON lines, which can be replaced as a whole."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config.file_reading import read_bounded
from ..config.file_writing import write_whole

_FOLDER_MODE = 0o700
_MODE = 0o600


class ActionFile:
    """The file at `path`. All methods block, may be called in any thread, and raise OSError.

    If the process is killed while it writes, the file ends in half a line at most. `read` skips
    that, and the next line starts afresh.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self, most_bytes: int) -> list[dict[str, Any]]:
        """Return all objects in the file; other lines are skipped."""
        with self._lock:
            content = read_bounded(self.path, most_bytes)
        found = (_parsed(line) for line in content.split(b"\n"))
        return [each for each in found if isinstance(each, dict)]

    def append(self, lines: Sequence[str]) -> int:
        """Append lines durably: they are on the disk on return. Returns the size of the file."""
        with self._lock:
            self.path.parent.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            handle = os.open(self.path, flags, _MODE)
            with os.fdopen(handle, "rb+", buffering=0) as file:
                size = os.fstat(handle).st_size
                half = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
                content = (b"\n" if half else b"") + _encoded(lines)
                # One call: lines do not interleave, and no buffer can be lost.
                if file.write(content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle)
                return size + len(content)

    def replace(self, lines: Sequence[str]) -> int:
        """Replace the content of the file atomically by these lines. Returns its size."""
        with self._lock:
            content = _encoded(lines)
            write_whole(self.path, content)
            return len(content)

    def delete(self) -> None:
        """Remove the file."""
        with self._lock:
            self.path.unlink(missing_ok=True)


def _encoded(lines: Sequence[str]) -> bytes:
    return b"".join(line.encode("utf-8", "replace") + b"\n" for line in lines)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
