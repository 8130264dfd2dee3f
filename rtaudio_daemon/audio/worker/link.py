"""An audio process's end of the line to the daemon.

What a thread that moves sound has to say goes out at once, without waking another thread; where
that would make it wait, it is left to the main thread.

Standard library only: the audio process loads nothing else.
"""

from __future__ import annotations

import socket
import threading
from collections import deque

from .messages import Kind, pack

_WAITING = 50  # messages; the oldest go first when the daemon does not read


class WorkerLink:
    """Messages to the daemon, in order, from any thread."""

    def __init__(self, daemon: socket.socket) -> None:
        self.ready = False
        """Whether the daemon knows of the stream, and so may hear what it does."""
        self._socket = daemon
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)
        self._rest = b""  # of a message that the daemon has taken a part of

    def fileno(self) -> int:
        """Readable when `serve` should be called, for a selector."""
        return self._woken.fileno()

    def wake(self) -> None:
        """Let the main thread look what there is to say."""
        try:
            self._waker.send(b"!")
        except BlockingIOError:
            pass  # it has been woken often enough

    def send_soon(self, *messages: tuple[Kind, bytes]) -> None:
        """Say it now or soon, at once; never waits (for threads that move sound)."""
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
        """Say it, after what waits already; waits until the daemon takes it."""
        with self._lock:
            self._send_waiting()
            self._socket.sendall(pack(kind, body))
        if self._waiting:  # what another thread had to say meanwhile
            self.wake()

    def send_ready(self, facts: bytes) -> None:
        """Say that the stream is open, before anything that it has done."""
        with self._lock:
            self._socket.sendall(pack(Kind.READY, facts))
            self.ready = True
        self.wake()

    def serve(self) -> None:
        """Say what waits (in the main thread)."""
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
        """Close what this line has opened; the socket stays."""
        self._woken.close()
        self._waker.close()

    def _send_waiting(self) -> None:
        rest, self._rest = self._rest, b""
        self._socket.sendall(rest)
        while self._waiting:
            self._socket.sendall(self._waiting.popleft())
