"""The HTTP server: routes behind the guard."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import resource
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from aiohttp import web

from .. import config
from ..controls import Controls
from ..errors import (
    ConfigError,
    DeviceError,
    NotConnectedError,
    NotFoundError,
    NotNowError,
    RTAudioError,
    WrongValueError,
)
from ..language import chosen, languages
from ..notifications import Notification
from . import body_schemas, openapi, page, payloads
from .binding import complaint
from .connection_limit import ConnectionLimit
from .event_stream import EventStream
from .guard import BODY_MAX, Guard, Handler
from .idle_connections import CONNECTIONS_MAX, IdleConnections
from .metrics import Metrics
from .routes import ROUTES
from .schema_check import check
from .schema_parts import NOTHING, Schema

_SAID_S = 120.0  # a client that waits for a text is answered by then
_PLAYED_S = 420.0  # the longest sound, and some that is played before it
_LEVEL_EVERY_S = 0.1
_DEVICES_FRESH_S = 5.0  # listing devices starts a process: not at every request
_LINGERING_S = 1.0  # how long the rest of a refused body is read
_AT_ONCE = 16  # connections that asyncio accepts in one go, before they are counted
_QUEUED = 1024  # connections that the kernel keeps until they are accepted
_OTHER_FILES = 64 + 4 * _AT_ONCE  # what else is open: the rest of the daemon, those not yet counted
_FEWEST_CONNECTIONS = 16
_LOG = logging.getLogger(__name__)
_WIRE_LOG = logging.getLogger(f"{__name__}.wire")
# aiohttp logs a traceback for every malformed request.
_WIRE_LOG.addFilter(lambda _record: _LOG.isEnabledFor(logging.DEBUG))


class ApiServer:
    """Serves the HTTP API; with `settings.port` 0 on a free port, see `address`."""

    def __init__(
        self,
        settings: config.Http,
        controls: Controls,
        *,
        boot: str,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._controls = controls
        self._clock = asyncio.get_running_loop().time
        self._devices_found: list[Any] | DeviceError = []
        self._devices_listed_at = float("-inf")
        self._devices_lock = asyncio.Lock()
        self._guard = Guard(settings)
        self._idle_connections = IdleConnections()
        self._limit: ConnectionLimit | None = None
        self._listener: asyncio.Server | None = None
        self._wall_clock = wall_clock
        self.events = EventStream(self, boot=boot, max_subscribers=settings.max_subscribers)
        self.metrics = Metrics(controls, self)
        self.address = ""

    def adjust(self, settings: config.Http) -> None:
        """Apply all settings but host and port; disconnect subscribers that they do not admit."""
        if self._settings.publish_transcripts and not settings.publish_transcripts:
            self.events.forget("transcript")
            self.events.forget("tool")
        self._settings = settings
        self._guard.adjust(settings)
        self.events.max_subscribers = settings.max_subscribers
        most = _allow_connections(settings.max_subscribers)
        if self._limit is not None:
            self._limit.most = most
        self.events.dismiss(lambda request: not self._guard.admits(request))

    def publish(self, notification: Notification) -> None:
        """Publish a notification as an event; transcripts only if the settings allow them."""
        self.metrics.notice(notification)
        event = payloads.as_event(
            notification,
            said=self._settings.publish_transcripts,
            asleep=lambda: self._controls.snapshot().connection.asleep,
        )
        if event is not None:
            self.events.publish(*event)

    def snapshot(self) -> dict[str, Any]:
        """The whole status as JSON, for the first event of a stream."""
        transcripts = self._settings.publish_transcripts
        return {**self._controls.snapshot().document(), "transcripts": transcripts}

    def now(self) -> float:
        """The time of day, in seconds since 1970."""
        return self._wall_clock()

    def counts(self) -> dict[str, float]:
        """Counters and gauges, by the names in `metrics.HTTP_COUNTS`."""
        now = self._controls.snapshot()
        return {
            "cost": now.usage.cost_total,
            "cost_today": now.usage.cost_today,
            "subscribers": self.events.subscribers,
            "subscribers_dropped": self.events.dropped,
            "requests_refused": self._guard.refused,
            "connections_closed": self._idle_connections.closed
            + (self._limit.closed if self._limit else 0),
            "uptime_seconds": now.uptime_s,
        }

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve while the context lasts; yields the address. Raises RTAudioError on failure."""
        runner = web.AppRunner(
            self.application(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=1.0,
            lingering_time=_LINGERING_S,
            logger=_WIRE_LOG,
        )
        await runner.setup()
        assert runner.server is not None
        most = _allow_connections(self._settings.max_subscribers)
        self._limit = ConnectionLimit(runner.server, most)
        tasks = [
            asyncio.create_task(coroutine, name=f"api {name}")
            for name, coroutine in (
                ("heartbeat", self.events.heartbeat()),
                ("idle connections", self._idle_connections.run(runner.server)),
                ("level", self._publish_levels()),
                ("loop lag", self.metrics.watch_loop()),
            )
        ]
        try:
            await self._bind(self._limit)
            yield self.address
        finally:
            for task in tasks:
                task.cancel()
            self.events.shut_down()
            if self._listener is not None:
                self._listener.close()
            await runner.cleanup()

    def application(self) -> web.Application:
        """The routes behind the guard."""
        app = web.Application(client_max_size=BODY_MAX, middlewares=[self._guarded])
        app.on_response_prepare.append(self._add_headers)
        for route in ROUTES:
            handler: Handler = getattr(self, f"_{route.name}")
            # What has a route of its own is no id.
            path = route.path.replace("{id}", "{id:(?!(?:dismiss|snooze)$)[^/]+}")
            if route.method == "GET":
                app.router.add_get(path, handler, allow_head=route.name != "events")
            else:
                app.router.add_route(route.method, path, handler)
        return app

    async def _bind(self, limit: ConnectionLimit) -> None:
        host, port = self._settings.host.strip("[]"), self._settings.port
        try:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(limit, host, port, backlog=_AT_ONCE)
            for each in self._listener.sockets:
                with each.dup() as queueing:
                    queueing.listen(_QUEUED)
        except OSError as error:
            raise RTAudioError("; ".join(complaint(host, port, error))) from error
        bound_host, bound_port = self._listener.sockets[0].getsockname()[:2]
        named = f"[{bound_host}]" if ":" in bound_host else bound_host
        self.address = f"http://{named}:{bound_port}"

    # ------------------------------------------------------------- every request

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._idle_connections.begin(request.protocol)
        try:
            await self._guard.admit(request)
            return await handler(request)
        except web.HTTPException as error:
            return _refusal(error)
        except NotConnectedError as error:
            return _error(503, "not_connected", str(error), {"Retry-After": "5"})
        except NotNowError as error:
            return _error(409, "not_now", str(error))
        except NotFoundError as error:
            return _error(404, "not_found", str(error))
        except WrongValueError as error:
            return _error(409, "wrong_value", str(error))
        except DeviceError as error:
            return _error(503, "device_error", str(error), {"Retry-After": "5"})
        except ConfigError as error:
            return _error(422, "config_error", str(error))
        except ConnectionError as error:
            _LOG.debug("the client left during %s: %s", request.path, error)
            return web.Response(status=400)
        except Exception:
            _LOG.exception("%s %s failed", request.method, request.path)
            return _error(500, "internal_error", "the daemon failed; its log has the details")
        finally:
            self._idle_connections.end(request.protocol)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers["Server"] = "rtaudio-daemon"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        if not self._guard.framing(request):
            headers["X-Frame-Options"] = "DENY"
        if not self._guard.origins:
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            return
        headers.setdefault("Vary", "Origin")
        if origin := self._guard.shared_with(request):
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE"
            headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Last-Event-ID"

    # ------------------------------------------------------------- reading

    async def _page(self, request: web.Request) -> web.Response:
        asked = request.query.get("lang", "")
        code = asked if asked in languages() else chosen(request.headers.get("Accept-Language", ""))
        status = None if self._guard.closed else self._controls.snapshot().document()
        headers = {
            "Content-Security-Policy": page.content_policy(self._guard.framing(request)),
            "Content-Language": code,
            "Permissions-Policy": "microphone=()",
            "Vary": "Accept-Language, Origin",
        }
        return web.Response(text=page.html(code, status), content_type="text/html", headers=headers)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        reasons = payloads.reasons_not_ready(self._controls.snapshot())
        status, headers = (503, {"Retry-After": "5"}) if reasons else (200, {})
        body = {"ready": not reasons, "reasons": reasons}
        return web.json_response(body, status=status, headers=headers)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self.metrics.text(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(openapi.openapi())

    async def _asyncapi(self, _request: web.Request) -> web.Response:
        return web.json_response(openapi.asyncapi())

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._controls.snapshot().document())

    async def _report_events(self, _request: web.Request) -> web.Response:
        return web.json_response(self._controls.recorded_events())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await self.events.serve(request)

    async def _devices(self, _request: web.Request) -> web.Response:
        async with self._devices_lock:
            if self._clock() - self._devices_listed_at > _DEVICES_FRESH_S:
                try:
                    self._devices_found = [dict(each) for each in await self._controls.devices()]
                except DeviceError as error:
                    self._devices_found = error
                self._devices_listed_at = self._clock()
        if isinstance(self._devices_found, DeviceError):
            raise self._devices_found
        return web.json_response(self._devices_found)

    async def _tools(self, _request: web.Request) -> web.Response:
        return web.json_response(self._controls.tools())

    async def _notes(self, _request: web.Request) -> web.Response:
        return web.json_response({"notes": list(self._controls.notes())})

    async def _actions(self, _request: web.Request) -> web.Response:
        said = self._settings.publish_transcripts
        found = self._controls.actions()
        return web.json_response({"actions": payloads.actions(found, said=said)})

    # ------------------------------------------------------------- controlling

    async def _say(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.SAY)
        said = self._controls.say(
            body["text"],
            body.get("mode", "prompt"),
            urgent=body.get("priority") == "high",
            remember=body.get("remember", False),
            said=body.get("id"),
            chime=body.get("chime", False),
        )
        return await self._receipt(said, _SAID_S if body.get("wait", False) else 0.0)

    async def _start_conversation(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.START_CONVERSATION)
        said = self._controls.say(
            body["text"],
            "verbatim",
            urgent=body.get("priority") == "high",
            remember=True,
            said=body.get("id"),
            chime=body.get("chime", False),
            listen=True,
            instructions=body.get("instructions", ""),
        )
        return await self._receipt(said, _SAID_S if body.get("wait", False) else 0.0)

    async def _ask(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.ASK)
        answer = await self._controls.ask(
            body["question"],
            body.get("answers", ()),
            timeout_s=float(body.get("timeout_s", 20.0)),
            chime=body.get("chime", True),
        )
        return web.json_response(answer)

    async def _broadcast(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.BROADCAST)
        found = await self._controls.broadcast(body["text"])
        said = {"said": {"id": found["id"]}} if found["id"] else {}
        more = {**said, "sent": found["sent"], "reason": found["reason"]}
        return web.json_response({**self._controls.snapshot().document(), **more})

    async def _play(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.PLAY)
        said = await self._controls.play(
            {name: body[name] for name in ("url", "file") if name in body},
            urgent=body.get("priority") == "high",
            said=body.get("id"),
        )
        return await self._receipt(said, _PLAYED_S if body.get("wait", False) else 0.0)

    async def _wake(self, _request: web.Request) -> web.Response:
        return web.json_response(dict(self._controls.wake_words()))

    async def _wake_teach(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.TEACH)
        answer = await self._controls.teach_wake_word(body["name"], body["step"])
        return web.json_response(dict(answer))

    async def _wake_forget(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        self._controls.forget_wake_word(_id(request))
        return await self._wake(request)

    async def _measure_echo(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        return web.json_response(dict(await self._controls.measure_echo()))

    async def _test_sound(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        return await self._receipt(self._controls.test_sound(), _PLAYED_S)

    async def _receipt(self, said: str, limit_s: float) -> web.Response:
        """The new status, with what became of a text or a sound, if that is known in time."""
        receipt = await self._controls.said(said, limit_s)
        found = asdict(receipt) if receipt else {"id": said}
        return web.json_response({**self._controls.snapshot().document(), "said": found})

    async def _interrupt(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        self._controls.interrupt()
        return await self._status(request)

    async def _mute(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.MUTE)
        self._controls.mute(body.get("muted", True))
        return await self._status(request)

    async def _unmute(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        self._controls.mute(False)
        return await self._status(request)

    async def _listen_start(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        self._controls.listen(True)
        return await self._status(request)

    async def _listen_stop(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        self._controls.listen(False)
        return await self._status(request)

    async def _volume(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.VOLUME)
        self._controls.set_volume(float(body["level"]))
        return await self._status(request)

    async def _persona(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.PERSONA)
        self._controls.choose_persona(body["name"])
        return await self._status(request)

    async def _timers(self, _request: web.Request) -> web.Response:
        return web.json_response(self._controls.timers())

    async def _timer_set(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.TIMER_SET)
        return self._with_timer(await self._controls.set_timer(body))

    async def _timer_change(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.TIMER_CHANGE)
        return self._with_timer(await self._controls.change_timer(_id(request), body))

    async def _timer_cancel(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        return self._with_timer(await self._controls.cancel_timer(_id(request)))

    def _with_timer(self, timer: Mapping[str, Any]) -> web.Response:
        """The new status, and the timer that was asked for."""
        return web.json_response({**self._controls.snapshot().document(), "timer": timer})

    async def _tool_call(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.TOOL_CALL)
        found = await self._controls.call_tool(
            _id(request),
            body.get("arguments", {}),
            confirmed=body.get("confirm", False),
        )
        return web.json_response(found)

    async def _note_forget(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        await self._controls.forget_note(_id(request))
        return await self._notes(request)

    async def _timers_dismiss(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        await self._controls.dismiss()
        return await self._status(request)

    async def _timers_snooze(self, request: web.Request) -> web.Response:
        body = await _body(request, body_schemas.SNOOZE)
        await self._controls.snooze(body.get("seconds"))
        return await self._status(request)

    async def _actions_forget(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        await self._controls.forget_actions()
        return await self._actions(request)

    async def _settings_list(self, _request: web.Request) -> web.Response:
        return web.json_response({"settings": list(await self._controls.settings())})

    async def _settings_choose(self, request: web.Request) -> web.Response:
        await self._controls.choose(await _body(request, body_schemas.SETTINGS_CHOICE))
        return await self._settings_list(request)

    async def _settings_reset(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        await self._controls.choose_nothing()
        return await self._settings_list(request)

    async def _reload(self, request: web.Request) -> web.Response:
        await _body(request, NOTHING)
        return web.json_response(await self._controls.reload())

    # ------------------------------------------------------------- background

    async def _publish_levels(self) -> None:
        while True:
            await self.events.until_wanted("level")
            self.events.publish_unkept("level", {"level_dbfs": self._controls.level_dbfs})
            await asyncio.sleep(_LEVEL_EVERY_S)


async def _body(request: web.Request, schema: Schema) -> dict[str, Any]:
    """The JSON object in the request; no body means an empty one."""
    text = await request.read() or b"{}"
    try:
        body = json.loads(text, parse_constant=_no_such_number)
        json.dumps(body, ensure_ascii=False).encode()  # halves of characters are no text
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise web.HTTPBadRequest(text=f"the body must be a JSON object; see {where}") from None
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="the body must be a JSON object") from None
    if wrong := check(schema, body):
        raise web.HTTPBadRequest(text=wrong)
    return dict(body)


def _id(request: web.Request) -> str:
    """The id in the path, which may be a name."""
    return request.match_info["id"][:200]


def _no_such_number(name: str) -> float:
    raise ValueError(name)


def _refusal(error: web.HTTPException) -> web.StreamResponse:
    if error.status < 400:
        raise error
    message = error.text if error.text and "\n" not in error.text else error.reason
    if isinstance(error, web.HTTPNotFound):
        message = "there is nothing at this address; /openapi.json lists what there is"
    if isinstance(error, web.HTTPMethodNotAllowed):
        message = f"send {' or '.join(sorted(error.allowed_methods))} here, not {error.method}"
    kept = ("Retry-After", "Allow", "WWW-Authenticate")
    headers = {key: error.headers[key] for key in kept if key in error.headers}
    if error.status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not waited for
    # Not the reason phrase: that differs between versions of Python.
    name = type(error).__name__.removeprefix("HTTP")
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return _error(error.status, code, message, headers)


def _error(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)


def _allow_connections(subscribers: int) -> int:
    """Raise the soft limit of open files to what the subscribers need and the system allows.

    Returns how many connections fit, so that other files can still be opened.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most, needed = subscribers + CONNECTIONS_MAX, subscribers + 1024
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return most
    files = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return min(most, max(_FEWEST_CONNECTIONS, files - _OTHER_FILES))
