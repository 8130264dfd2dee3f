"""The simulator: a WebSocket server that behaves like the service to real clients."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from aiohttp import ClientConnectionError, WSCloseCode, WSMsgType, web

from ..fault_injection import FaultInjector, fault_from
from ..model.behaviour import Behaviour, Quirks, Transcription
from ..model.pacing import Pacing
from ..model.phrase_recognizer import PhraseRecognizer, can_recognize
from ..model.reply import ReplyFunction
from ..model.simulated_session import SimulatedSession
from ..model.voice_detector import VoiceDetector
from ..model.voices import Voice
from ..protocol.rejection import Rejection
from ..protocol.services import OPENAI, SERVICES, SimulatedService
from ..scenario import Scenario, load
from . import recording, report
from .admin_api import AdminApi
from .auth import http_error, rejected, transcribes
from .client_connection import ClientConnection
from .replay import Replay
from .tls import cache_folder, server_context

_LOG = logging.getLogger(__name__)

_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_SESSIONS_KEPT = 16
_CLOSE_TIMEOUT_S = 1.0
_LIFETIME_S = 3600.0


class SimulatorOptions(TypedDict, total=False):
    """The options of a `Simulator`.

    An option that is missing or None has the value in the scenario, otherwise its default.

    * `api_key`: ask clients for this key (header, query or bearer); None: any key or none.
    * `scenario`: a `Scenario`, or the path of one; the other options override it.
    * `lifetime_s`: how long a session may last.
    * `tls`: True, or the folder for its certificate: ``url`` is ``wss://…``, `certificate` the
      file that clients have to trust.
    * `record`: the path of a file for all frames as JSON lines; `keep_sound` keeps sound in it.
    * `replay`: the path of such a file, or of a report of a daemon, to play instead of being a
      service.
    * `voice`: auto (says back what it heard, espeak-ng for text), parrot, espeak, tone, silence.
    * `reply`: called with each `Turn`, returns (or awaits) a `Reply` or a plain string.
    * `pacing`: burst (20 times faster than real time, as the service), realtime or slow.
    * `late_deltas`: how many sound deltas still follow an interruption.
    * `think_s`: between response.created and the first item.
    * The rest are settings of `Behaviour`.
    """

    api_key: str | None
    scenario: Scenario | str | Path | None
    lifetime_s: float | None
    tls: bool | Path
    record: str | Path | None
    keep_sound: bool
    replay: str | Path | None
    voice: Voice | None
    reply: ReplyFunction | None
    pacing: Pacing | None
    late_deltas: int | None
    think_s: float | None
    transcription: Transcription
    extras: bool
    quirks: Quirks | None
    understand: Callable[[bytes], str]
    voice_detector: Callable[[], VoiceDetector]


class Simulator:
    """A local realtime service, both dialects, started by `start` or ``async with``.

    ``url`` is ``ws://HOST:PORT``, to be followed by ``/openai/v1/realtime?model=…`` (GA),
    ``/openai/realtime?api-version=…&deployment=…`` (preview), ``/v1/realtime?model=…`` (OpenAI's
    GA) or ``/voice-live/realtime?api-version=…&model=…``. After `stop` it can be started again, on
    the same port.

    Raises ConfigError for a scenario or a recording that cannot be read.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, **options: Unpack[SimulatorOptions]
    ) -> None:
        scenario = options.pop("scenario", None)
        script = load(scenario) if isinstance(scenario, str | Path) else scenario or Scenario()
        api_key = options.pop("api_key", None)
        tls = options.pop("tls", False)
        replay = options.pop("replay", None)
        self.host = host
        self.port = port
        self.sessions: deque[SimulatedSession] = deque(maxlen=_SESSIONS_KEPT)
        self.faults = FaultInjector(script.faults)
        self._api_key = api_key if api_key is not None else script.api_key
        self._lifetime_s = options.pop("lifetime_s", None) or script.lifetime_s or _LIFETIME_S
        self.certificate: Path | None = None
        self._tls = cache_folder() if tls is True else tls or None
        self._record = options.pop("record", None)
        self._keep_sound = options.pop("keep_sound", False)
        self._recorder: recording.Recorder | None = None
        self._recorded = _recorded(replay) if replay else []
        self._replayed = 0
        self._runner: web.AppRunner | None = None
        self._connections: dict[web.WebSocketResponse, ClientConnection] = {}
        self.behaviour = _behaviour(script, options)

    @property
    def url(self) -> str:
        """``ws://HOST:PORT``, or wss (the port is known once it was started)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self._tls else 'ws'}://{host}:{self.port}"

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
        context = None
        if self._tls is not None:
            context, self.certificate = await asyncio.to_thread(
                server_context, self._tls, self.host
            )
        if self._record is not None:
            self._recorder = recording.Recorder(self._record, keep_sound=self._keep_sound)
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port, ssl_context=context).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]

    def _app(self) -> web.Application:
        app = web.Application()
        for service in SERVICES:
            app.router.add_get(service.path, partial(self._enter, service))
        AdminApi(self).add_to(app)
        app.router.add_route("*", "/{path:.*}", _not_found)
        return app

    async def stop(self) -> None:
        """Close every connection (1001) and stop listening. Harmless when not started."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        words = "server is going away"
        connections = list(self._connections.values())
        await asyncio.gather(
            *(connection.close(WSCloseCode.GOING_AWAY, words) for connection in connections)
        )
        await runner.cleanup()
        if self._recorder is not None:
            self._recorder.close()

    def fault(self, kind: str, **details: Any) -> None:
        """Let something go wrong: ``fault("drop")``, ``fault("refuse", status=429, times=2)``.

        The kinds and their details are those of `fault_injection`. A fault of the connection
        without a moment strikes every open one at once; others wait for theirs. Raises `Rejection`
        for a fault that does not exist.
        """
        self.arm({"fault": kind, **details})

    async def drop_connections(self) -> None:
        """Cut every TCP connection without a close frame, as a broken network does."""
        self.fault("drop")
        await asyncio.sleep(0)

    def arm(self, data: Mapping[str, Any]) -> None:
        """Let the fault that `data` describes strike; see `fault`."""
        fault = fault_from(dict(data))
        if fault.immediate:
            for connection in list(self._connections.values()):
                connection.strike(fault)
            return
        armed = self.faults.arm(fault)
        if fault.at_s is not None:
            for connection in list(self._connections.values()):
                connection.arm(armed)

    # -------------------------------------------------------- connections

    async def _enter(self, service: SimulatedService, request: web.Request) -> web.StreamResponse:
        answer = rejected(request, service, self._api_key, self.faults)
        if answer is not None:
            return answer
        socket = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT_S,
            max_msg_size=_MAX_MESSAGE_BYTES,
            autoping=False,
            protocols=("realtime",),
        )
        if not socket.can_prepare(request).ok:
            return http_error(426, "UpgradeRequired", "This is a WebSocket endpoint.")
        await socket.prepare(request)
        if service is OPENAI and "OpenAI-Beta" in request.headers:
            await _beta_is_over(socket)
            return socket
        track = self._recorder.connection(_harmless(request)) if self._recorder else None
        session = SimulatedSession(
            service,
            model=request.query.get(service.parameter, ""),
            transcribes=transcribes(request, service),
            lifetime_s=self._lifetime_s,
            behaviour=self.behaviour,
            faults=self.faults,
        )
        connection = ClientConnection(socket, request.transport, self.faults, session, track)
        self._connections[socket] = connection
        self.sessions.append(session)
        try:
            await (
                self._play(connection, service)
                if self._recorded
                else self._converse(session, connection)
            )
        finally:
            del self._connections[socket]
        return socket

    async def _play(self, connection: ClientConnection, service: SimulatedService) -> None:
        entries = self._recorded[min(self._replayed, len(self._recorded) - 1)]
        self._replayed += 1
        try:
            await Replay(entries, connection, service.dialect).run()
        finally:
            await connection.end()

    async def _converse(self, session: SimulatedSession, connection: ClientConnection) -> None:
        session.greet()
        connection.start()
        tasks = [
            asyncio.create_task(_send(session, connection), name="simulator-outbox"),
            asyncio.create_task(self._expire(session), name="simulator-expiry"),
        ]
        try:
            while (message := await connection.receive()).type in (
                WSMsgType.TEXT,
                WSMsgType.BINARY,
            ):
                if message.type is WSMsgType.TEXT:
                    await session.handle(message.data)
                else:
                    words = "Binary frames are not supported."
                    session.emit(Rejection(words, code="invalid_json").event())
                if session.flooded:
                    _LOG.warning("a client does not take what it asked for; it is cut off")
                    connection.drop()  # a close frame would be queued behind everything else
                await asyncio.sleep(0)  # lets other clients have their turn
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await connection.end()
            await session.close()

    async def _expire(self, session: SimulatedSession) -> None:
        await asyncio.sleep(self._lifetime_s)
        session.expire()


def _recorded(path: str | Path) -> list[list[recording.Entry]]:
    """Return the entries of each connection of a recording, or of a daemon's report."""
    return report.load(path) if report.is_report(path) else recording.load(path)


def _behaviour(script: Scenario, given: Mapping[str, Any]) -> Behaviour:
    named = {key: value for key, value in given.items() if value is not None}
    defaults: dict[str, Any] = dict(script.behaviour)
    if script.answers:
        defaults["reply"] = script.reply
    if script.phrases and can_recognize():
        defaults["understand"] = PhraseRecognizer(script.phrases)
    elif script.phrases:
        _LOG.info("install pocketsphinx to let it understand spoken words; it reads written ones")
    return Behaviour(**{**defaults, **named})


def _harmless(request: web.Request) -> str:
    """Return the address without its secrets."""
    secret = ("api-key", "Authorization")
    query = "&".join(f"{k}={v}" for k, v in request.query.items() if k not in secret)
    return f"{request.path}?{query}"


async def _send(session: SimulatedSession, connection: ClientConnection) -> None:
    try:
        await session.run_outbox(connection)
    except (ClientConnectionError, ConnectionError):
        return  # The reader sees the end of the connection too, and ends the session.
    except Exception:
        _LOG.exception("the simulator cannot send")
        await connection.close(WSCloseCode.INTERNAL_ERROR)


async def _not_found(_request: web.Request) -> web.StreamResponse:
    return http_error(404, "404", "Resource not found")


async def _beta_is_over(socket: web.WebSocketResponse) -> None:
    code = "beta_api_shape_disabled"
    rejection = Rejection("The Realtime Beta API is no longer supported.", code=code)
    await socket.send_json({"event_id": "event_1", **rejection.event()})
    await socket.close(code=4000, message=f"invalid_request_error.{code}".encode())
