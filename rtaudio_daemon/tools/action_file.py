"""A file of JSON lines that is only appended to, until it is written anew."""

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
    """The file at `path`. Every method may take a while, may run in a thread, and raises OSError.

    A process that is killed while it writes leaves half a line at most; `read` leaves that out,
    and the next line does not go on with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self, most_bytes: int) -> list[dict[str, Any]]:
        """All objects in the file; lines that hold none are left out."""
        with self._lock:
            content = read_bounded(self.path, most_bytes)
        found = (_parsed(line) for line in content.split(b"\n"))
        return [each for each in found if isinstance(each, dict)]

    def append(self, lines: Sequence[str]) -> int:
        """Add lines; when this returns they are on the disk. Returns the size of the file."""
        with self._lock:
            self.path.parent.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            handle = os.open(self.path, flags, _MODE)
            with os.fdopen(handle, "rb+", buffering=0) as file:
                size = os.fstat(handle).st_size
                half = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
                content = (b"\n" if half else b"") + _encoded(lines)
                # One call: no other line comes in between, and there is no buffer to be lost.
                if file.write(content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle)
                return size + len(content)

    def replace(self, lines: Sequence[str]) -> int:
        """Let the file hold these lines only, whole or not at all. Returns its size."""
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
