"""One audio process, and the connection to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol, cast

from ...child_processes import no_hangups
from ...errors import DeviceError
from ...notifications import DeviceCode
from ..processing.format import FRAME_MS
from ..processing.stream_roles import role_environment
from ..worker.messages import Kind, Unpacker, failure_of, pack
from .process_end import kill

_ROOT = str(Path(__file__).resolve().parents[3])
_OPEN_S = 10.0  # a slow machine needs seconds to load Python and examine all devices
_SIGNS_OF_LIFE = (Kind.SOUND, Kind.PLAYED, Kind.PROGRESS)
_LATE_S = 0.2
_SILENT_S = 1.0  # a working device sends something several times a second
_REOPEN_S = 5.0
_LAST_WORDS_S = 1.0
_UNSENT_BYTES = 64 << 20  # ten minutes of sound at 48 kHz; the process itself keeps less


class MissingDeviceError(DeviceError):
    """This machine has no sound device in this direction."""


class MessageListener(Protocol):
    """Takes the messages of an audio process."""

    def message(self, kind: Kind, body: bytes) -> None:
        """Handle a message of the process; an exception ends the process."""


class WorkerProcess(asyncio.Protocol):
    """The connection to an audio process; passes its messages to `listener` as they arrive.

    `ended` never has a result. It gets a DeviceError when the process gives up, is silent for too
    long, or ends, and any exception of `listener`.
    """

    def __init__(self, listener: MessageListener) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pid = 0
        self._listener = listener
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None
        self._patience_s, self._complaint = _OPEN_S, "the device does not open"
        self._alive_at = self.ended.get_loop().time()
        self._watch = self.ended.get_loop().call_at(self._alive_at + _OPEN_S, self._look)

    def send(self, kind: Kind, body: bytes = b"") -> bool:
        """Send a message to the process; return False if it no longer reads."""
        transport = self._transport
        if transport is None or transport.get_write_buffer_size() > _UNSENT_BYTES:
            return False
        transport.write(pack(kind, body))
        return True

    def close(self) -> None:
        """Close the connection, which makes the process end."""
        self.fail(DeviceError("the audio process ended"))

    def fail(self, error: Exception) -> None:
        """Close the connection for this reason."""
        self._watch.cancel()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if not self.ended.done():
            self.ended.set_exception(error)
            self.ended.exception()  # avoids a warning if nobody retrieves it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that the process is connected."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass on the messages that are complete."""
        loop = self.ended.get_loop()
        try:
            for kind, body in self._unpacker.feed(data):
                if self.ended.done():
                    return
                self._alive_at = loop.time()
                self._take(kind, body)
        except Exception as error:
            self.fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the process has ended."""
        self.close()

    def _take(self, kind: Kind, body: bytes) -> None:
        if kind is Kind.MISSING:
            failure = failure_of(body)
            raise MissingDeviceError(str(failure), code=failure.code)
        if kind is Kind.FAILED:
            raise failure_of(body)
        if kind is Kind.REOPENING:
            self._expect_life(_REOPEN_S, "the device does not open again")
            return
        if kind is Kind.READY or (self._patience_s == _REOPEN_S and kind in _SIGNS_OF_LIFE):
            self._expect_life(_SILENT_S, "the device does not move any sound")
        self._listener.message(kind, body)

    def _expect_life(self, within_s: float, complaint: str) -> None:
        self._patience_s, self._complaint = within_s, complaint
        self._watch.cancel()
        self._look()

    def _look(self) -> None:
        """Check whether the process sent anything in time, and schedule the next check."""
        loop = self.ended.get_loop()
        now, due = loop.time(), self._alive_at + self._patience_s
        if now < due:
            self._watch = loop.call_at(due, self._look)
        elif now > self._watch.when() + _LATE_S:
            # This process was suspended; messages that arrived meanwhile are still unread.
            self._watch = loop.call_later(self._patience_s, self._look)
        else:
            self.fail(DeviceError(self._complaint, code=DeviceCode.STUCK))


@contextlib.asynccontextmanager
async def worker_process(
    role: str, device: str, channel: str, listener: MessageListener
) -> AsyncIterator[WorkerProcess]:
    """Run a process for `role` (input, output or list) and kill it at the end."""
    ours, theirs = socket.socketpair()
    process: asyncio.subprocess.Process | None = None
    worker = WorkerProcess(listener)
    try:
        with theirs, no_hangups():
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "rtaudio_daemon.audio.worker"),
                *(role, str(theirs.fileno()), device, str(FRAME_MS), channel),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,  # ALSA can write thousands of lines a second
                env={
                    **os.environ,
                    **role_environment(os.environ.get("PULSE_PROP", "")),
                    "PYTHONPATH": os.pathsep.join(_import_path()),
                },
                start_new_session=True,  # a Ctrl-C in the terminal must reach the daemon only
            )
        worker.pid = process.pid
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: worker, ours)
        yield worker
    finally:
        worker.close()
        ours.close()
        if process is not None:
            kill(process)
            # A process that hangs inside the kernel must not delay the end of the daemon.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await process.wait()


def _import_path() -> list[str]:
    before = os.environ.get("PYTHONPATH")
    return [_ROOT, before] if before else [_ROOT]
