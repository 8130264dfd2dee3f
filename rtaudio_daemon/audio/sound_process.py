"""The daemon's side of an audio process: start, talk, watch, kill, start again, for ever."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import DeviceError
from .child_protocol import Kind, StreamFacts, Unpacker, pack
from .device_names import DeviceInfo, Direction
from .format import FRAME_MS
from .source_watch import SourceWatch

_LOG = logging.getLogger(__name__)
_ROOT = str(Path(__file__).resolve().parents[2])
_OPEN_S = 10.0  # a slow machine needs seconds to load Python and look at all devices
_LATE_S = 0.2
_SILENT_S = 1.0  # a working device shows life ten times a second or more
_FIRST_RETRY_S = 0.2
_LAST_RETRY_S = 5.0
_LAST_WORDS_S = 1.0
_STEADY_S = 10.0  # after this long without a fault, the next one is the first one again
_UNSENT_BYTES = 64 << 20  # ten minutes of sound at 48 kHz; more than the process itself would keep
_NOUN = {"input": "microphone", "output": "loudspeaker"}


class MissingDeviceError(DeviceError):
    """This machine has no sound device at all in this direction."""


class SoundProcess:
    """Keeps one audio process for `device` alive.

    `on_ready` is told of every new stream, `on_message` of what the process says after that, and
    `on_lost` of every failed or broken one: why, and whether there is no device at all.
    """

    def __init__(
        self,
        direction: Direction,
        device: str,
        *,
        channel: str = "left",
        on_ready: Callable[[StreamFacts], None],
        on_message: Callable[[Kind, bytes], None],
        on_lost: Callable[[DeviceError], None],
    ) -> None:
        self.pid: int | None = None
        self._direction = direction
        self._device = device
        self._channel = channel
        self._on_ready = on_ready
        self._on_message = on_message
        self._on_lost = on_lost
        self._writer: asyncio.StreamWriter | None = None
        self._socket: asyncio.StreamWriter | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._troubled = False
        self._hung_up = False

    def pause(self, paused: bool) -> None:
        """End the process and start none, without `on_lost`; or start one again."""
        if paused:
            self._wanted.clear()
            self._hang_up()
        else:
            self._wanted.set()

    def renew(self) -> None:
        """End the process and start another, without `on_lost`."""
        self._hang_up()

    def _hang_up(self) -> None:
        self._hung_up = True
        if self._socket is not None:
            self._socket.close()

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        delay = _FIRST_RETRY_S
        while True:
            await self._wanted.wait()
            self._hung_up = False
            began = loop.time()
            failure = DeviceError("the audio process ended")
            try:
                await self._live()
            except (DeviceError, OSError) as error:
                failure = error if isinstance(error, DeviceError) else DeviceError(str(error))
            if self._hung_up:
                delay = _FIRST_RETRY_S
                continue
            if loop.time() - began > _STEADY_S + _OPEN_S:
                delay = _FIRST_RETRY_S
            self._log(failure, delay)
            self._on_lost(failure)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_RETRY_S)

    def send(self, kind: Kind, body: bytes = b"") -> bool:
        """Say something to the process; False if it is not there or does not listen any more."""
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > _UNSENT_BYTES:
            return False
        writer.write(pack(kind, body))
        return True

    async def _live(self) -> None:
        async with _process(self._direction, self._device, self._channel) as (
            process,
            reader,
            writer,
        ):
            self.pid, self._socket = process.pid, writer
            watching: asyncio.Task[None] | None = None
            try:
                if self._hung_up:
                    return
                async for kind, body in _messages(reader):
                    if kind is Kind.READY:
                        if self._direction == "input":
                            watch = SourceWatch(process.pid)
                            await watch.check()
                            watching = asyncio.create_task(watch.run(), name="source watch")
                            watching.add_done_callback(partial(_close_if_told, writer))
                        self._writer = writer
                        self._ready(StreamFacts(**json.loads(body)))
                    else:
                        self._on_message(kind, body)
            except DeviceError:
                if watching is not None and watching.done() and (why := watching.exception()):
                    raise why from None
                raise
            finally:
                self._writer = self._socket = None
                self.pid = None
                if watching is not None:
                    watching.cancel()
                    await asyncio.wait([watching])

    def _ready(self, facts: StreamFacts) -> None:
        again = " again" if self._troubled else ""
        _LOG.info(
            "%s %r works%s: %d Hz, %d channel(s), %d ms of buffer",
            _NOUN[self._direction],
            facts.device,
            again,
            facts.rate,
            facts.channels,
            facts.latency_frames * 1000 // facts.rate,
        )
        self._troubled = False
        self._on_ready(facts)

    def _log(self, failure: DeviceError, delay: float) -> None:
        level = logging.DEBUG if self._troubled else logging.WARNING
        self._troubled = True
        _LOG.log(
            level,
            "%s %r: %s; trying again every few seconds",
            _NOUN[self._direction],
            self._device,
            failure,
        )


async def list_devices() -> list[DeviceInfo]:
    """All devices of this machine, both directions. DeviceError if they cannot be listed."""
    async with (
        _process("list", "default") as (_, reader, _writer),
        contextlib.aclosing(_messages(reader)) as messages,
    ):
        _, body = await anext(messages)
        return [DeviceInfo(**fields) for fields in json.loads(body)]


async def _messages(reader: asyncio.StreamReader) -> AsyncGenerator[tuple[Kind, bytes], None]:
    unpacker = Unpacker()
    patience_s, complaint = _OPEN_S, "the device does not open"
    loop = asyncio.get_running_loop()
    while True:
        deadline = loop.time() + patience_s
        try:
            async with asyncio.timeout_at(deadline):
                data = await reader.read(1 << 16)
        except TimeoutError as error:
            if loop.time() > deadline + _LATE_S:
                continue  # it was us who slept, what was said meanwhile is still to be read
            raise DeviceError(complaint) from error
        except OSError as error:
            raise DeviceError("the audio process ended") from error
        if not data:
            raise DeviceError("the audio process ended")
        for kind, body in unpacker.feed(data):
            if kind is Kind.MISSING:
                raise MissingDeviceError(body.decode())
            if kind is Kind.FAILED:
                raise DeviceError(body.decode())
            if kind is Kind.READY:
                patience_s, complaint = _SILENT_S, "the device does not move any sound"
            yield kind, body


@contextlib.asynccontextmanager
async def _process(
    role: str, device: str, channel: str = "left"
) -> AsyncIterator[tuple[Any, asyncio.StreamReader, asyncio.StreamWriter]]:
    ours, theirs = socket.socketpair()
    process: asyncio.subprocess.Process | None = None
    writer: asyncio.StreamWriter | None = None
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "rtaudio_daemon.audio.portaudio"),
                *(role, str(theirs.fileno()), device, str(FRAME_MS), channel),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,  # ALSA can write thousands of lines a second
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
                start_new_session=True,  # a Ctrl-C in the terminal is for the daemon alone
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        yield process, reader, writer
    finally:
        ours.close() if writer is None else writer.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # A process that hangs inside the kernel does not hold up the end of the daemon.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await process.wait()


def _import_path() -> list[str]:
    before = os.environ.get("PYTHONPATH")
    return [_ROOT, before] if before else [_ROOT]


def _close_if_told(writer: asyncio.StreamWriter, watching: asyncio.Task[None]) -> None:
    """Hang up when the watch found something; it may also have nothing to watch."""
    if not watching.cancelled() and watching.exception() is not None:
        writer.close()
