"""A scripted realtime service on loopback: it greets, takes settings, and does what a test says."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from rtaudio_daemon.protocol.codec import Dialect, Json, merged
from rtaudio_daemon.protocol.endpoint import Endpoint, endpoint

EXPIRES_AT = 1_900_000_000

GA_SESSION: Json = {
    "type": "realtime",
    "object": "realtime.session",
    "model": "gpt-realtime",
    "output_modalities": ["audio"],
    "expires_at": EXPIRES_AT,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "turn_detection": {"type": "server_vad", "threshold": 0.5},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"},
    },
}
PREVIEW_SESSION: Json = {
    "object": "realtime.session",
    "model": "gpt-realtime",
    "modalities": ["audio", "text"],
    "expires_at": EXPIRES_AT,
    "input_audio_format": "pcm16",
    "output_audio_format": "pcm16",
    "turn_detection": {"type": "server_vad", "threshold": 0.5},
    "voice": "alloy",
}


class Call:
    """One client on the line."""

    def __init__(self, number: int, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.number = number
        self.session_id = f"sess_{number}"
        self.headers = request.headers
        self.path = request.path_qs
        self.socket = socket
        self.received: list[Json] = []
        self.over = asyncio.Event()
        self._changed = asyncio.Condition()
        self._transport = request.transport

    async def send(self, event: Json) -> None:
        await self.socket.send_str(json.dumps({"event_id": "event_1", **event}))

    async def until(self, kind: str, count: int = 1) -> Json:
        """The `count`-th message of this type, once it has come."""

        def found() -> list[Json]:
            return [message for message in self.received if message["type"] == kind]

        async with self._changed:
            await self._changed.wait_for(lambda: len(found()) >= count)
        return found()[count - 1]

    async def note(self, message: Json) -> None:
        async with self._changed:
            self.received.append(message)
            self._changed.notify_all()

    async def hang_up(self, code: int = 1000, reason: str = "") -> None:
        await self.socket.close(code=code, message=reason.encode())

    def cut(self) -> None:
        assert self._transport is not None
        self._transport.abort()


class Service:
    """The service. `refusals` are (status, headers, body) for the next handshakes.

    `on_message` may take a message over (return True) before the service answers by itself.
    """

    def __init__(self, dialect: Dialect = "ga") -> None:
        self.dialect = dialect
        self.calls: list[Call] = []
        self.refusals: deque[tuple[int, dict[str, str], str]] = deque()
        self.attempts = 0
        self.greets = True
        self.answers = True
        self.on_message: Callable[[Call, Json], Any] | None = None
        self.port = 0
        self._called = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def host_name(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def endpoint(self, **options: Any) -> Endpoint:
        version = "v1" if self.dialect == "ga" else "2025-04-01-preview"
        given: Json = {"host_name": self.host_name, "deployment": "d", "api_version": version}
        return endpoint("azure", **{**given, **options})

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("GET", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        assert site._server is not None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        for call in self.calls:
            if not call.over.is_set():
                call.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def call(self, number: int = 1) -> Call:
        """The `number`-th client, once it has come."""
        async with self._called:
            await self._called.wait_for(lambda: len(self.calls) >= number)
        return self.calls[number - 1]

    def session(self, number: int) -> Json:
        base = GA_SESSION if self.dialect == "ga" else PREVIEW_SESSION
        return {"id": f"sess_{number}", **base}

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.attempts += 1
        if self.refusals:
            status, headers, body = self.refusals.popleft()
            return web.Response(status=status, headers=headers, text=body)
        socket = web.WebSocketResponse(protocols=("realtime",))
        await socket.prepare(request)
        call = Call(len(self.calls) + 1, request, socket)
        if self.greets:
            await call.send({"type": "session.created", "session": self.session(call.number)})
        async with self._called:
            self.calls.append(call)
            self._called.notify_all()
        try:
            async for message in socket:
                await self._hear(call, json.loads(message.data))
        finally:
            call.over.set()
        return socket

    async def _hear(self, call: Call, message: Json) -> None:
        await call.note(message)
        if self.on_message is not None and await self.on_message(call, message):
            return
        if message["type"] == "session.update" and self.answers:
            session = merged(self.session(call.number), message["session"])
            await call.send({"type": "session.updated", "session": session})
