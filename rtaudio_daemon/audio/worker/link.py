"""An audio process's connection to the daemon.

Messages of a thread that moves sound are sent at once, without waking another thread. If that would
block, they are left to the main thread.

Standard library only: the audio process imports nothing else.
"""

from __future__ import annotations

import socket
import threading
from collections import deque

from .messages import Kind, pack

_WAITING = 50  # messages; the oldest are dropped when the daemon does not read


class WorkerLink:
    """Sends messages to the daemon, in order, from any thread."""

    def __init__(self, daemon: socket.socket) -> None:
        self.ready = False
        """Whether the daemon knows of the stream, so that it may get its messages."""
        self._socket = daemon
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)
        self._rest = b""  # rest of a message that was sent in part

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when `serve` should be called."""
        return self._woken.fileno()

    def wake(self) -> None:
        """Make the main thread check for messages to send."""
        try:
            self._waker.send(b"!")
        except BlockingIOError:
            pass  # enough wake-ups are pending

    def send_soon(self, *messages: tuple[Kind, bytes]) -> None:
        """Send messages now or soon; never blocks (for threads that move sound)."""
        message = b"".join(pack(kind, body) for kind, body in messages)
        if not (self.ready and self._lock.acquire(blocking=False)):
            self._waiting.append(message)
            return
        try:
            if self._waiting or self._rest:
                self._waiting.append(message)
            else:
                self._rest = message[self._socket.send(message, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            self._waiting.append(message)
        finally:
            self._lock.release()
        if self._waiting or self._rest:
            self.wake()

    def send(self, kind: Kind, body: bytes = b"") -> None:
        """Send a message after those that wait; blocks until the daemon takes it."""
        with self._lock:
            self._send_waiting()
            self._socket.sendall(pack(kind, body))
        if self._waiting:  # messages of another thread meanwhile
            self.wake()

    def send_ready(self, facts: bytes) -> None:
        """Report that the stream is open, before any message about it."""
        with self._lock:
            self._socket.sendall(pack(Kind.READY, facts))
            self.ready = True
        self.wake()

    def serve(self) -> None:
        """Send what waits (in the main thread)."""
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            pass
        if self.ready:
            with self._lock:
                self._send_waiting()
            if self._waiting:
                self.wake()

    def close(self) -> None:
        """Close what this object has opened; the socket stays open."""
        self._woken.close()
        self._waker.close()

    def _send_waiting(self) -> None:
        rest, self._rest = self._rest, b""
        self._socket.sendall(rest)
        while self._waiting:
            self._socket.sendall(self._waiting.popleft())
