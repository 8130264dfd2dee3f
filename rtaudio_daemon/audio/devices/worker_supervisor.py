"""Runs an audio process for ever: starts it, watches it, kills it, and starts it again."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Protocol

from ...backoff import backoff
from ...errors import DeviceError
from ...notifications import DeviceCode
from ..worker.device_lookup import DeviceInfo, Direction, find_device
from ..worker.messages import Kind, StreamFacts, devices_of
from .fallback import Fallback
from .routing_watch import RoutingWatch
from .worker_process import MissingDeviceError, WorkerProcess, worker_process

_LOG = logging.getLogger(__name__)
_RATES_S = 3.0
_FIRST_RETRY_S = 0.2
_USUAL_RETRY_S = 2.0  # a sound server restarts, a plug is put back in
_LAST_RETRY_S = 4.0  # a retry costs a third of a second of CPU, and this may go on for weeks
_USUAL_RETRIES = 25
_STEADY_S = 20.0  # after this long, including opening, the next fault counts as the first
_REASONS = (
    8  # logged per loss at most, so that a reason with a counter in it does not flood the log
)
_NOUN = {"input": "microphone", "output": "loudspeaker"}


class WorkerListener(Protocol):
    """The device that an audio process serves."""

    def stream_opened(self, facts: StreamFacts) -> None:
        """Note that there is a new stream."""

    def message(self, kind: Kind, body: bytes) -> None:
        """Handle a message of the process about the stream that is open."""

    def stream_lost(self, error: DeviceError, is_new: bool) -> None:
        """Note that the stream failed to open, or broke.

        `is_new`: this reason occurs for the first time since the device last worked.
        """

    def stream_moved(self, where: str) -> None:
        """Note that the sound server moved the stream to the device `where`."""


class WorkerSupervisor:
    """Keeps one audio process for `device` running, and reports to `listener`.

    With `fallback`, the default is used while the device is lost, until it is back and not `busy`.
    """

    def __init__(
        self,
        direction: Direction,
        device: str,
        listener: WorkerListener,
        *,
        channel: str = "left",
        fallback: bool = False,
    ) -> None:
        self.pid: int | None = None
        self._direction = direction
        self._fallback = Fallback(device, allowed=fallback)
        self.busy = True
        self._channel = channel
        self._listener = listener
        self._worker: WorkerProcess | None = None
        self._waiting: list[tuple[Kind, bytes]] | None = []  # until the stream's device is known
        self._look_first = direction == "input"  # later also if the server has misplaced a stream
        self._opened = asyncio.Event()
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._reported: set[str] = set()  # reasons for failure since it last worked
        self._hung_up = False
        self._returning = False  # from the substitute; messages are refused meanwhile

    @property
    def note(self) -> str | None:
        """What people should know if the device in use is not the wanted one."""
        return self._fallback.note

    def pause(self, paused: bool) -> None:
        """End the process and start none, without `stream_lost`; or start one again."""
        if paused:
            self._wanted.clear()
            self._hang_up()
        else:
            self._wanted.set()

    def renew(self) -> None:
        """End the process and start another, without `stream_lost`."""
        self._hang_up()

    def _hang_up(self) -> None:
        self._hung_up = True
        if self._worker is not None:
            self._worker.close()

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        pauses = retries()
        while True:
            await self._wanted.wait()
            self._hung_up = False
            began = loop.time()
            failure = DeviceError("the audio process ended")
            device = self._fallback.device
            try:
                await self._live()
            except (DeviceError, OSError) as error:
                failure = error if isinstance(error, DeviceError) else DeviceError(str(error))
            if self._hung_up:
                pauses = retries()
                if self._returning:
                    self._returning = False
                    what = f"{self._fallback.wanted!r} is there again"
                    again = DeviceError(what, code=DeviceCode.RETURNED)
                    self._listener.stream_lost(again, False)
                continue
            if loop.time() - began > _STEADY_S:
                pauses = retries()
            is_new = self._is_new(failure)
            self._log(device, failure, is_new)
            self._fallback.failed()
            self._listener.stream_lost(failure, is_new)
            await asyncio.sleep(next(pauses))

    def send(self, kind: Kind, body: bytes = b"") -> bool:
        """Send a message to the process; return False if there is none or it no longer reads."""
        if self._worker is None or self._waiting is not None:
            return False
        return self._worker.send(kind, body)

    async def _live(self) -> None:
        self._waiting = []
        self._opened.clear()
        tasks: list[asyncio.Task[None]] = []
        device = self._fallback.device
        async with worker_process(self._direction, device, self._channel, self) as worker:
            self.pid, self._worker = worker.pid, worker
            try:
                if self._hung_up:
                    return
                tasks.append(asyncio.create_task(self._watch(worker, device), name="stream watch"))
                if self._fallback.active:
                    tasks.append(asyncio.create_task(self._look(), name="device lookout"))
                await worker.ended
            finally:
                self.pid = self._worker = None
                for task in tasks:
                    task.cancel()
                if tasks:
                    await asyncio.wait(tasks)

    async def _look(self) -> None:
        """Return to the wanted device as soon as it is usable and nobody speaks."""
        while True:
            await asyncio.sleep(self._fallback.next_look_s())
            if not self.busy and await self._is_there() and not self.busy:
                self._fallback.go_back()
                self._returning = True
                self.renew()
                return

    async def _is_there(self) -> bool:
        """Return whether the wanted device is usable; only a new process sees new devices."""
        try:
            devices = await list_devices()
            found = find_device(devices, self._fallback.wanted, self._direction)
        except (DeviceError, OSError):
            return False
        return found.rates != ()

    async def _watch(self, worker: WorkerProcess, device: str) -> None:
        """Check to which device the stream is connected, and that it stays there.

        The default loudspeaker may move: whoever changes the default wants that. The default
        microphone may not, since nobody would know what is being recorded: it is reopened.
        """
        await self._opened.wait()
        free = self._direction == "output" and device == "default"
        watch = RoutingWatch(worker.pid, self._direction, self if free else None)
        try:
            await watch.check()
            self._begin()
            await watch.run()
        except Exception as error:
            self._look_first = True
            worker.fail(error)

    def stream_moved(self, where: str) -> None:
        """Note that the sound server moved the stream to the device `where`."""
        _LOG.info("%s 'default' plays on %s now", _NOUN[self._direction], where)
        self._listener.stream_moved(where)

    def message(self, kind: Kind, body: bytes) -> None:
        """Handle a message of the process; it waits until the stream's device is known."""
        if self._waiting is None:
            self._listener.message(kind, body)
            return
        self._waiting.append((kind, body))
        if kind is Kind.READY:
            self._opened.set()
            if not self._look_first:
                self._begin()

    def _begin(self) -> None:
        """Pass on all waiting messages, and later ones at once."""
        waiting, self._waiting = self._waiting or [], None
        for kind, body in waiting:
            if kind is Kind.READY:
                self._ready(StreamFacts(**json.loads(body)))
            else:
                self._listener.message(kind, body)

    def _ready(self, facts: StreamFacts) -> None:
        again = " again" if self._reported and not self._fallback.active else ""
        _LOG.info(
            "%s %r works%s: %d Hz, %d channel(s), %d ms of buffer",
            _NOUN[self._direction],
            facts.device,
            again,
            facts.rate,
            facts.channels,
            facts.latency_frames * 1000 // facts.rate,
        )
        if not self._fallback.active:
            self._reported.clear()
        self._fallback.works()
        self._listener.stream_opened(facts)

    def _is_new(self, failure: DeviceError) -> bool:
        reason, reported = str(failure), self._reported
        if reason in reported or len(reported) == _REASONS:
            return False
        reported.add(reason)
        return True

    def _log(self, device: str, failure: DeviceError, is_new: bool) -> None:
        _LOG.log(
            logging.WARNING if is_new else logging.DEBUG,
            "%s %r: %s; trying again every few seconds",
            _NOUN[self._direction],
            device,
            failure,
        )


def retries() -> Iterator[float]:
    """Yield the delay after each failure in a row until the next attempt, in seconds, endlessly."""
    usual = islice(backoff(_FIRST_RETRY_S, _USUAL_RETRY_S), _USUAL_RETRIES)
    return chain(usual, backoff(_LAST_RETRY_S, _LAST_RETRY_S))


NO_SERVER = "the sound server does not answer"
RESTART = (
    "restart it: `systemctl --user restart pipewire wireplumber pipewire-pulse`, or "
    "`pulseaudio -k` for PulseAudio"
)
"""What to do then."""


async def list_devices(
    *, on_none: Callable[[DeviceError], None] = lambda _why: None
) -> list[DeviceInfo]:
    """Return all devices of this machine. Raises DeviceError if they cannot be listed.

    Sample rates that a device does not report within some seconds stay unknown. If there is no
    device at all, `on_none` is called with the reason. A sound server that does not answer in time
    is named with the remedy (code `stuck`).
    """
    found = _DeviceList()
    async with worker_process("list", "default", "left", found) as worker:
        await asyncio.wait([found.listed, worker.ended], return_when=asyncio.FIRST_COMPLETED)
        if not found.listed.done():
            try:
                await worker.ended
            except MissingDeviceError as error:
                on_none(error)
                return []
            except DeviceError as error:
                if error.code is DeviceCode.STUCK:
                    raise DeviceError(f"{NO_SERVER}; {RESTART}", code=error.code) from error
                raise
        await asyncio.wait(
            [found.complete, worker.ended], timeout=_RATES_S, return_when=asyncio.FIRST_COMPLETED
        )
        return found.devices


class _DeviceList:
    """The devices that the listing process has found so far."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.devices: list[DeviceInfo] = []
        self.listed: asyncio.Future[None] = loop.create_future()
        self.complete: asyncio.Future[None] = loop.create_future()
        """Has a result once the rates of all devices are known."""

    def message(self, _kind: Kind, body: bytes) -> None:
        """Note a newer list."""
        self.devices = devices_of(body)
        rates_known = all(each.rates is not None for each in self.devices)
        for future, true in ((self.listed, True), (self.complete, rates_known)):
            if true and not future.done():
                future.set_result(None)
