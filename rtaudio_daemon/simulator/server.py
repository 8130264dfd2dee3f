"""The simulator: a WebSocket server that real clients cannot tell from the service."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientConnectionError, WSCloseCode, WSMsgType, web

from rtaudio_daemon.simulator.answer import Manner
from rtaudio_daemon.simulator.hearing import Hearing, SileroHearing
from rtaudio_daemon.simulator.pacing import Pacing
from rtaudio_daemon.simulator.refusal import Refusal
from rtaudio_daemon.simulator.reply import ReplyFunction
from rtaudio_daemon.simulator.session import Session
from rtaudio_daemon.simulator.vocabulary import Dialect
from rtaudio_daemon.simulator.voices import Voice

_LOG = logging.getLogger(__name__)

_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_SESSIONS_KEPT = 16
_CLOSE_TIMEOUT_S = 1.0
_ACCESS_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
    "valid key for an active subscription and use a correct regional API endpoint for your "
    "resource."
)


class Simulator:
    """A local realtime service, both dialects, started by `start` or ``async with``.

    ``url`` is ``ws://HOST:PORT``, to be followed by ``/openai/v1/realtime?model=…`` (GA),
    ``/openai/realtime?api-version=…&deployment=…`` (preview) or ``/v1/realtime?model=…`` (GA).
    After `stop` it can be started again, on the same port.

    * `api_key`: ask clients for this key (header, query or bearer); None lets everybody in.
    * `voice`: auto (says back what it heard, espeak-ng for text), parrot, espeak, tone, silence.
    * `reply`: called with each `Turn`, returns (or awaits) a `Reply` or a plain string.
    * `pacing`: burst (20 times faster than real time, as the service) or realtime.
    * `late_deltas`: how many sound deltas still follow an interruption.
    * `think_s`: between response.created and the first item. `lifetime_s`: session length.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        api_key: str | None = None,
        voice: Voice = "auto",
        reply: ReplyFunction | None = None,
        pacing: Pacing = "burst",
        late_deltas: int = 0,
        think_s: float = 0.1,
        lifetime_s: float = 3600.0,
        hearing: Callable[[], Hearing] = SileroHearing,
    ) -> None:
        self.host = host
        self.port = port
        self.sessions: deque[Session] = deque(maxlen=_SESSIONS_KEPT)
        self.manner = Manner(voice, reply, pacing, late_deltas, think_s)
        self._api_key = api_key
        self._lifetime_s = lifetime_s
        self._hearing = hearing
        self._runner: web.AppRunner | None = None
        self._sockets: dict[web.WebSocketResponse, web.Request] = {}

    @property
    def url(self) -> str:
        """``ws://HOST:PORT`` (the port is known once it was started)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken. Harmless when started already."""
        if self._runner is not None:
            return
        app = web.Application()
        app.router.add_get("/openai/v1/realtime", self._azure_ga)
        app.router.add_get("/openai/realtime", self._azure_preview)
        app.router.add_get("/v1/realtime", self._openai_ga)
        app.router.add_route("*", "/{path:.*}", _not_found)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Say goodbye (close 1001) and stop listening. Harmless when not started."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        await asyncio.gather(
            *(
                socket.close(code=WSCloseCode.GOING_AWAY, message=b"server is going away")
                for socket in list(self._sockets)
            )
        )
        await runner.cleanup()

    async def drop_connections(self) -> None:
        """Cut every connection without a word, as a network does that breaks."""
        for request in list(self._sockets.values()):
            if request.transport is not None:
                request.transport.abort()
        await asyncio.sleep(0)

    # -------------------------------------------------------------- routes

    async def _azure_ga(self, request: web.Request) -> web.StreamResponse:
        problem = None
        if "api-version" in request.query:
            problem = "api-version query parameter is not allowed when using /v1 path"
        return await self._enter(request, "ga", "model", problem)

    async def _azure_preview(self, request: web.Request) -> web.StreamResponse:
        problem = None
        if "api-version" not in request.query:
            problem = "Missing required query parameter: api-version"
        return await self._enter(request, "preview", "deployment", problem)

    async def _openai_ga(self, request: web.Request) -> web.StreamResponse:
        return await self._enter(request, "ga", "model")

    async def _enter(
        self, request: web.Request, dialect: Dialect, parameter: str, problem: str | None = None
    ) -> web.StreamResponse:
        if not self._may_enter(request):
            return _refused(401, "401", _ACCESS_DENIED)
        model = request.query.get(parameter, "")
        if not model and problem is None:
            problem = f"Missing required query parameter: {parameter}"
        if problem is not None:
            return _refused(400, "BadRequest", problem)
        socket = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT_S, max_msg_size=_MAX_MESSAGE_BYTES, compress=False
        )
        if not socket.can_prepare(request).ok:
            return _refused(426, "UpgradeRequired", "This is a WebSocket endpoint.")
        await socket.prepare(request)
        session = Session(
            dialect,
            model=model,
            expires_at=int(time.time() + self._lifetime_s),
            manner=self.manner,
            hearing=self._hearing,
            send=socket.send_str,
        )
        if request.path == "/v1/realtime" and "OpenAI-Beta" in request.headers:
            await _beta_is_over(session, socket)
            return socket
        self._sockets[socket] = request
        self.sessions.append(session)
        try:
            await self._converse(session, socket)
        finally:
            del self._sockets[socket]
        return socket

    async def _converse(self, session: Session, socket: web.WebSocketResponse) -> None:
        session.greet()
        tasks = [
            asyncio.create_task(_send(session, socket), name="simulator-outbox"),
            asyncio.create_task(self._expire(session, socket), name="simulator-expiry"),
        ]
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await session.handle(message.data)
                elif message.type is WSMsgType.BINARY:
                    session.emit(
                        Refusal("Binary frames are not supported.", code="invalid_json").event()
                    )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await session.close()

    async def _expire(self, session: Session, socket: web.WebSocketResponse) -> None:
        await asyncio.sleep(self._lifetime_s)
        minutes = round(self._lifetime_s / 60)
        words = f"Your session hit the maximum duration of {minutes} minutes."
        session.emit(Refusal(words, code="session_expired").event())
        await session.flushed()
        await socket.close(code=WSCloseCode.GOING_AWAY, message=words.encode())

    def _may_enter(self, request: web.Request) -> bool:
        if self._api_key is None:
            return True
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        offered = [
            request.headers.get("api-key", ""),
            request.query.get("api-key", ""),
            token if scheme.lower() == "bearer" else "",
        ]
        key = self._api_key.encode()
        return any(hmac.compare_digest(each.encode(), key) for each in offered)


async def _send(session: Session, socket: web.WebSocketResponse) -> None:
    try:
        await session.run_outbox()
    except (ClientConnectionError, ConnectionError):
        return  # The reader sees the end of the connection too, and ends the session.
    except Exception:
        _LOG.exception("the simulator cannot send")
        await socket.close(code=WSCloseCode.INTERNAL_ERROR)


async def _not_found(_request: web.Request) -> web.StreamResponse:
    return _refused(404, "404", "Resource not found")


async def _beta_is_over(session: Session, socket: web.WebSocketResponse) -> None:
    code = "beta_api_shape_disabled"
    refusal = Refusal("The Realtime Beta API is no longer supported.", code=code)
    await socket.send_json({"event_id": "event_1", **refusal.event()})
    await socket.close(code=4000, message=f"invalid_request_error.{code}".encode())


def _refused(status: int, code: str, message: str) -> web.Response:
    body: dict[str, Any] = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status)
