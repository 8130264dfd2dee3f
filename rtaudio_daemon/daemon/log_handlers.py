"""Log handlers that never block on a slow reader, and never flood the log with one message.

A logging call only puts its entry into a short queue; a thread writes. Lost entries are counted,
and reported as soon as entries can be written again.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from abc import abstractmethod

_WAITING = 1000  # entries in the queue
_LAST_WORDS_S = 1.0
_BURST = 100  # entries of one line of code within _BURST_S
_BURST_S = 10.0
_LOG = logging.getLogger(__name__)


class FloodLimit:
    """Lets one line of code log a hundred entries in ten seconds, and counts the rest.

    The count is reported with the next entry after the ten seconds. Entries of level debug
    always pass.
    """

    def __init__(self) -> None:
        self._since: dict[tuple[str, int], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def passes(self, record: logging.LogRecord) -> bool:
        """Whether `record` may pass."""
        if record.levelno <= logging.DEBUG or record.name == __name__:
            return True
        place = (record.pathname, record.lineno)
        with self._lock:
            since, count = self._since.get(place, (record.created, 0))
            self._since[place] = (since, count + 1)
        return count < _BURST

    def left_out(self, now: float) -> list[tuple[str, int]]:
        """Start again for every line whose ten seconds are over at `now` (a record's time).

        Returns the lines that exceeded the limit, as FILE:LINE, and how many entries were omitted.
        """
        with self._lock:
            over = {
                place: count
                for place, (since, count) in self._since.items()
                if not 0 <= now - since < _BURST_S
            }
            for place in over:
                del self._since[place]
        return [
            (f"{os.path.basename(path)}:{line}", count - _BURST)
            for (path, line), count in over.items()
            if count > _BURST
        ]


class QueuedHandler(logging.Handler):
    """Formats in the calling thread, and writes in a thread of its own.

    `encode` converts a record to bytes. `write` writes them; it may block, and raises OSError if
    they are not accepted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._flood = FloodLimit()
        self._queue: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._lost = 0
        self._lost_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    @abstractmethod
    def encode(self, record: logging.LogRecord, message: str) -> bytes:
        """Convert `record` to bytes; `message` is its formatted text."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write one entry."""

    def start(self) -> None:
        """Start to write."""
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record, or count it as lost."""
        for place, count in self._flood.left_out(record.created):
            self._put(self._own(f"{count} more entries of {place} were left out"))
        if self._flood.passes(record):
            self._put(record)

    def close(self) -> None:
        """Write what is queued, for a second at most."""
        if self._thread.is_alive():
            deadline = time.monotonic() + _LAST_WORDS_S
            try:
                self._queue.put(None, timeout=_LAST_WORDS_S)
            except queue.Full:
                pass
            else:
                self._thread.join(max(0.0, deadline - time.monotonic()))
        super().close()

    def _put(self, record: logging.LogRecord) -> None:
        try:
            self._queue.put_nowait(self._encoded(record))
        except queue.Full:
            self._lose(1)

    def _encoded(self, record: logging.LogRecord) -> bytes:
        try:
            message = self.format(record)
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
            # A mistake in our own call; it must not stop the program.
            message = f"{record.msg!r} cannot be formatted: {error!r}"
        return self.encode(record, message)

    def _run(self) -> None:
        while (data := self._queue.get()) is not None:
            try:
                self.write(data)
                self._report_losses()
            except OSError:
                self._lose(1)

    def _report_losses(self) -> None:
        with self._lost_lock:
            lost, self._lost = self._lost, 0
        if not lost:
            return
        words = f"{lost} entries of the log were lost, because they were not taken in time"
        try:
            self.write(self._encoded(self._own(words)))
        except OSError:
            self._lose(lost)
            raise

    def _lose(self, count: int) -> None:
        with self._lost_lock:
            self._lost += count

    @staticmethod
    def _own(words: str) -> logging.LogRecord:
        return _LOG.makeRecord(__name__, logging.WARNING, __file__, 0, words, (), None)


class DescriptorHandler(QueuedHandler):
    """Writes lines to a file descriptor, such as stderr."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.start()

    def encode(self, record: logging.LogRecord, message: str) -> bytes:
        """Return a line; text after a line feed is indented, so that it cannot pose as an entry."""
        return message.replace("\n", "\n  ").encode("utf-8", "backslashreplace") + b"\n"

    def write(self, data: bytes) -> None:
        """Write the whole entry."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


class DatagramHandler(QueuedHandler):
    """Sends each entry as a datagram to the socket currently at a path."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.start()

    def write(self, data: bytes) -> None:
        """Send the entry; waits while the socket is full."""
        self._socket.sendto(data, self._address)

    def close(self) -> None:
        """Write what is queued, and close the socket if that succeeded."""
        super().close()
        if not self._thread.is_alive():
            self._socket.close()
