"""The connection to one client: sends events, with the faults that strike on the way."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

from aiohttp import ClientConnectionError, WSCloseCode, WSMessage, WSMsgType, web

from ..fault_injection import CONNECTION, ArmedFault, EventFaults, FaultInjector, InjectedFault
from .recording import Track

Json = dict[str, Any]


class Expirable(Protocol):
    """What a fault can end: the session."""

    def expire(self) -> None:
        """Send the last event of a session that has reached its lifetime."""


class ClientConnection:
    """One accepted WebSocket, on which `session` is held; `track` records it."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        faults: FaultInjector,
        session: Expirable,
        track: Track | None = None,
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._faults = EventFaults(faults)
        self._session = session
        self._track = track
        self._flows = asyncio.Event()
        self._flows.set()
        self._delay_s = 0.0
        self._over = False
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the clock of the faults with `at_s`."""
        for armed in self._faults.timed():
            self.arm(armed)

    def arm(self, armed: ArmedFault) -> None:
        """Let a fault with `at_s` strike after that time from now."""
        self._spawn(self._later(armed), "later")

    def strike(self, fault: InjectedFault) -> None:
        """Let a fault of the connection strike now."""
        if fault.kind == "drop":
            self.drop()
        else:
            self._spawn(self._strike(fault), fault.kind)

    def drop(self) -> None:
        """Cut the TCP connection without a close frame."""
        self._hang_up(None)
        if self._transport is not None:
            self._transport.abort()

    async def send(self, event: Json) -> None:
        """Send one event, or what the faults turn it into."""
        strikes = self._faults.strikes(event)
        for fault in strikes:
            if fault.kind in CONNECTION:
                await self._strike(fault)
        for frame in self._faults.disturbed(event, strikes):
            await self._flows.wait()
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            if self._over:
                return
            await self._write(frame)

    async def send_text(self, text: str) -> None:
        """Send a frame as it is."""
        if not self._over:
            await self._write(text)

    async def receive(self) -> WSMessage:
        """Return the next message except pings, which are answered unless it stalls."""
        while True:
            await self._flows.wait()
            message = await self._socket.receive()
            await self._flows.wait()
            if message.type is WSMsgType.PING:
                await self._pong(message.data)
            elif message.type is not WSMsgType.PONG:
                if self._track is not None and message.type is WSMsgType.TEXT:
                    self._track.frame("in", message.data)
                return message

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame; nothing is sent after it."""
        self._hang_up(int(code))
        # A reason has room for 123 bytes in a close frame.
        await self._socket.close(code=code, message=reason.encode()[:123])

    async def end(self) -> None:
        """End what still waits: the connection is gone."""
        code = self._socket.close_code
        self._hang_up(None if code == WSCloseCode.ABNORMAL_CLOSURE else code)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hang_up(self, code: int | None) -> None:
        if self._track is not None and not self._over:
            self._track.closed(code)
        self._over = True
        self._flows.set()

    async def _write(self, frame: Json | str) -> None:
        raw = frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))
        if self._track is not None:
            self._track.frame("out", raw)
        await self._socket.send_str(raw)
        if isinstance(frame, dict) and frame["type"] == "error":
            error = frame["error"]
            if error["code"] == "session_expired":  # the service hangs up right after it
                await self.close(WSCloseCode.GOING_AWAY, error["message"])

    async def _pong(self, data: bytes) -> None:
        if not self._over:
            try:
                await self._socket.pong(data)
            except (ClientConnectionError, ConnectionError):
                return  # the next receive reports it

    async def _strike(self, fault: InjectedFault) -> None:
        options = fault.options
        if fault.kind == "drop":
            self.drop()
        elif fault.kind == "stall":
            self._flows.clear()
            if "for_s" in options:
                self._spawn(self._recover(options["for_s"]), "stall")
        elif fault.kind == "slow":
            self._delay_s = options.get("delay_s", 0.2)
            if "for_s" in options:
                self._spawn(self._recover(options["for_s"]), "slow")
        elif fault.kind == "close":
            await self.close(options.get("code", 1011), options.get("reason", ""))
        elif fault.kind == "expire":
            self._session.expire()

    async def _later(self, armed: ArmedFault) -> None:
        await asyncio.sleep(armed.fault.at_s or 0.0)
        if not armed.spent:
            armed.strike()
            await self._strike(armed.fault)

    async def _recover(self, for_s: float) -> None:
        await asyncio.sleep(for_s)
        self._delay_s = 0.0
        self._flows.set()

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=f"simulator-fault-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
