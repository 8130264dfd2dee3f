"""The simulator: a WebSocket server that real clients cannot tell from the service."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientConnectionError, WSCloseCode, WSMsgType, web

from rtaudio_daemon.simulator import recording
from rtaudio_daemon.simulator.certificate import cache_folder, server_context
from rtaudio_daemon.simulator.control import Control
from rtaudio_daemon.simulator.door import refused, transcribes, turned_away
from rtaudio_daemon.simulator.faults import Faults, fault_from
from rtaudio_daemon.simulator.hearing import Hearing, SileroHearing
from rtaudio_daemon.simulator.line import Line
from rtaudio_daemon.simulator.manner import Manner
from rtaudio_daemon.simulator.pacing import Pacing
from rtaudio_daemon.simulator.refusal import Refusal
from rtaudio_daemon.simulator.replay import Replay
from rtaudio_daemon.simulator.reply import ReplyFunction
from rtaudio_daemon.simulator.scenario import Scenario, load
from rtaudio_daemon.simulator.service import OPENAI, SERVICES, Service
from rtaudio_daemon.simulator.session import Session
from rtaudio_daemon.simulator.understanding import Understanding, can_understand
from rtaudio_daemon.simulator.voices import Voice

_LOG = logging.getLogger(__name__)

_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_SESSIONS_KEPT = 16
_CLOSE_TIMEOUT_S = 1.0
_LIFETIME_S = 3600.0


class Simulator:
    """A local realtime service, both dialects, started by `start` or ``async with``.

    ``url`` is ``ws://HOST:PORT``, to be followed by ``/openai/v1/realtime?model=…`` (GA),
    ``/openai/realtime?api-version=…&deployment=…`` (preview), ``/v1/realtime?model=…`` (OpenAI's
    GA) or ``/voice-live/realtime?api-version=…&model=…``. After `stop` it can be started again, on
    the same port.

    * `api_key`: ask clients for this key (header, query or bearer); None lets everybody in.
    * `scenario`: a `Scenario`, or the path of one; what is given here besides overrides it.
    * `voice`: auto (says back what it heard, espeak-ng for text), parrot, espeak, tone, silence.
    * `reply`: called with each `Turn`, returns (or awaits) a `Reply` or a plain string.
    * `pacing`: burst (20 times faster than real time, as the service), realtime or slow.
    * `late_deltas`: how many sound deltas still follow an interruption.
    * `think_s`: between response.created and the first item. `lifetime_s`: session length.
    * `tls`: True, or the folder for its certificate: ``url`` is ``wss://…``, `certificate` the
      file that clients have to trust.
    * `record`: the path of a file for all frames as JSON lines; `keep_sound` keeps sound in it.
    * `replay`: the path of such a file, to be played instead of being a service.
    * `manner`: other settings of `Manner`, by name.

    Raises ConfigError for a scenario or a recording that cannot be read.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        api_key: str | None = None,
        scenario: Scenario | str | Path | None = None,
        voice: Voice | None = None,
        reply: ReplyFunction | None = None,
        pacing: Pacing | None = None,
        late_deltas: int | None = None,
        think_s: float | None = None,
        lifetime_s: float | None = None,
        hearing: Callable[[], Hearing] = SileroHearing,
        tls: bool | Path = False,
        record: str | Path | None = None,
        keep_sound: bool = False,
        replay: str | Path | None = None,
        **manner: Any,
    ) -> None:
        script = load(scenario) if isinstance(scenario, str | Path) else scenario or Scenario()
        named = {"voice": voice, "pacing": pacing, "late_deltas": late_deltas, "think_s": think_s}
        self.host = host
        self.port = port
        self.sessions: deque[Session] = deque(maxlen=_SESSIONS_KEPT)
        self.manner = _manner(script, {"reply": reply, **named, **manner})
        self.faults = Faults(script.faults)
        self._api_key = api_key if api_key is not None else script.api_key
        self._lifetime_s = lifetime_s or script.lifetime_s or _LIFETIME_S
        self._hearing = hearing
        self.certificate: Path | None = None
        self._tls = cache_folder() if tls is True else tls or None
        self._record = record
        self._keep_sound = keep_sound
        self._recorder: recording.Recorder | None = None
        self._recorded = recording.load(replay) if replay else []
        self._replayed = 0
        self._runner: web.AppRunner | None = None
        self._lines: dict[web.WebSocketResponse, Line] = {}

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
            clock = asyncio.get_running_loop().time
            self._recorder = recording.Recorder(self._record, clock, keep_sound=self._keep_sound)
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
        Control(self.faults, lambda data: self._arm(dict(data))).add_to(app)
        app.router.add_route("*", "/{path:.*}", _not_found)
        return app

    async def stop(self) -> None:
        """Say goodbye (close 1001) and stop listening. Harmless when not started."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        words = "server is going away"
        lines = list(self._lines.values())
        await asyncio.gather(*(line.close(WSCloseCode.GOING_AWAY, words) for line in lines))
        await runner.cleanup()
        if self._recorder is not None:
            self._recorder.close()

    def fault(self, kind: str, **details: Any) -> None:
        """Let something go wrong: ``fault("drop")``, ``fault("refuse", status=429, times=2)``.

        The kinds and their details are those of `faults`. A fault of the line without a moment
        strikes every open connection at once; others wait for theirs. Raises `Refusal` for a
        fault that does not exist.
        """
        self._arm({"fault": kind, **details})

    async def drop_connections(self) -> None:
        """Cut every connection without a word, as a network does that breaks."""
        self.fault("drop")
        await asyncio.sleep(0)

    def _arm(self, data: dict[str, Any]) -> None:
        fault = fault_from(data)
        if fault.immediate:
            for line in list(self._lines.values()):
                line.strike(fault)
            return
        armed = self.faults.arm(fault)
        if fault.at_s is not None:
            for line in list(self._lines.values()):
                line.arm(armed)

    # -------------------------------------------------------- connections

    async def _enter(self, service: Service, request: web.Request) -> web.StreamResponse:
        answer = turned_away(request, service, self._api_key, self.faults)
        if answer is not None:
            return answer
        socket = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT_S,
            max_msg_size=_MAX_MESSAGE_BYTES,
            autoping=False,
            protocols=("realtime",),
        )
        if not socket.can_prepare(request).ok:
            return refused(426, "UpgradeRequired", "This is a WebSocket endpoint.")
        await socket.prepare(request)
        if service is OPENAI and "OpenAI-Beta" in request.headers:
            await _beta_is_over(socket)
            return socket
        note = self._recorder.connection(_harmless(request)) if self._recorder else None
        line = Line(
            socket, request.transport, self.faults, lambda: session.expire(self._last_words()), note
        )
        session = Session(
            service,
            model=request.query.get(service.parameter, ""),
            transcribes=transcribes(request, service),
            expires_at=int(time.time() + self._lifetime_s),
            manner=self.manner,
            hearing=self._hearing,
            send=line.send,
            faults=self.faults,
        )
        self._lines[socket] = line
        self.sessions.append(session)
        try:
            await (self._play(line) if self._recorded else self._converse(session, line))
        finally:
            del self._lines[socket]
        return socket

    async def _play(self, line: Line) -> None:
        entries = self._recorded[min(self._replayed, len(self._recorded) - 1)]
        self._replayed += 1
        try:
            await Replay(entries, line).run()
        finally:
            await line.end()

    async def _converse(self, session: Session, line: Line) -> None:
        session.greet()
        line.start()
        tasks = [
            asyncio.create_task(_send(session, line), name="simulator-outbox"),
            asyncio.create_task(self._expire(session), name="simulator-expiry"),
        ]
        try:
            while (message := await line.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                if message.type is WSMsgType.TEXT:
                    await session.handle(message.data)
                else:
                    words = "Binary frames are not supported."
                    session.emit(Refusal(words, code="invalid_json").event())
                if session.flooded:
                    _LOG.warning("a client does not take what it asked for; it is cut off")
                    line.drop()  # a close frame would wait behind all the rest
                await asyncio.sleep(0)  # who talks without a break does not silence the others
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await line.end()
            await session.close()

    async def _expire(self, session: Session) -> None:
        await asyncio.sleep(self._lifetime_s)
        session.expire(self._last_words())

    def _last_words(self) -> str:
        minutes = round(self._lifetime_s / 60)
        return f"Your session hit the maximum duration of {minutes} minutes."


def _manner(script: Scenario, given: dict[str, Any]) -> Manner:
    named = {key: value for key, value in given.items() if value is not None}
    defaults: dict[str, Any] = dict(script.manner)
    if script.answers:
        defaults["reply"] = script.reply
    if script.phrases and can_understand():
        defaults["understand"] = Understanding(script.phrases)
    elif script.phrases:
        _LOG.info("install pocketsphinx to let it understand spoken words; it reads written ones")
    return Manner(**{**defaults, **named})


def _harmless(request: web.Request) -> str:
    """The address without what is secret in it."""
    secret = ("api-key", "Authorization")
    query = "&".join(f"{k}={v}" for k, v in request.query.items() if k not in secret)
    return f"{request.path}?{query}"


async def _send(session: Session, line: Line) -> None:
    try:
        await session.run_outbox()
    except (ClientConnectionError, ConnectionError):
        return  # The reader sees the end of the connection too, and ends the session.
    except Exception:
        _LOG.exception("the simulator cannot send")
        await line.close(WSCloseCode.INTERNAL_ERROR)


async def _not_found(_request: web.Request) -> web.StreamResponse:
    return refused(404, "404", "Resource not found")


async def _beta_is_over(socket: web.WebSocketResponse) -> None:
    code = "beta_api_shape_disabled"
    refusal = Refusal("The Realtime Beta API is no longer supported.", code=code)
    await socket.send_json({"event_id": "event_1", **refusal.event()})
    await socket.close(code=4000, message=f"invalid_request_error.{code}".encode())
