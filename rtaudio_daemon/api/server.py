"""The HTTP server: routes behind the guard."""

from __future__ import annotations

import asyncio
import logging
import re
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
from ..notifications import Notification
from . import payloads
from .binding import complaint
from .connection_limit import ConnectionLimit
from .event_stream import EventStream
from .guard import BODY_MAX, Guard, Handler
from .handlers import Handlers
from .idle_connections import CONNECTIONS_MAX, IdleConnections
from .metrics import Metrics
from .routes import ROUTES

_LEVEL_EVERY_S = 0.1
_LINGERING_S = 1.0  # how long the rest of a refused body is read
_AT_ONCE = 16  # connections that asyncio accepts at once, before they are counted
_QUEUED = 1024  # connections that the kernel queues until they are accepted
_OTHER_FILES = 64 + 4 * _AT_ONCE  # other open files: of the daemon, and connections not yet counted
_FEWEST_CONNECTIONS = 16
_LOG = logging.getLogger(__name__)
_WIRE_LOG = logging.getLogger(f"{__name__}.wire")
# aiohttp logs a traceback for every malformed request.
_WIRE_LOG.addFilter(lambda _record: _LOG.isEnabledFor(logging.DEBUG))


class ApiServer:
    """Serves the HTTP API; if `settings.port` is 0, on a free port, see `address`."""

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
        self._guard = Guard(settings)
        self._idle_connections = IdleConnections()
        self._limit: ConnectionLimit | None = None
        self._listener: asyncio.Server | None = None
        self._wall_clock = wall_clock
        self.events = EventStream(self, boot=boot, max_subscribers=settings.max_subscribers)
        self.metrics = Metrics(controls, self)
        self._handlers = Handlers(settings, controls, self._guard, self.events, self.metrics)
        self.address = ""

    def adjust(self, settings: config.Http) -> None:
        """Apply all settings except host and port; disconnect subscribers no longer admitted."""
        if self._settings.publish_transcripts and not settings.publish_transcripts:
            self.events.forget("transcript")
            self.events.forget("tool")
        self._settings = settings
        self._guard.adjust(settings)
        self._handlers.adjust(settings)
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
        """Return the whole status as JSON, for the first event of a stream."""
        transcripts = self._settings.publish_transcripts
        return {**self._controls.snapshot().document(), "transcripts": transcripts}

    def now(self) -> float:
        """Return the time of day, in seconds since 1970."""
        return self._wall_clock()

    def counts(self) -> dict[str, float]:
        """Return counters and gauges, by the names in `metrics.HTTP_COUNTS`."""
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
        """Return the routes behind the guard."""
        app = web.Application(client_max_size=BODY_MAX, middlewares=[self._guarded])
        app.on_response_prepare.append(self._add_headers)
        for route in ROUTES:
            handler = self._handlers.of(route)
            # Paths with a route of their own are not ids.
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

    # ------------------------------------------------------------- background

    async def _publish_levels(self) -> None:
        while True:
            await self.events.until_wanted("level")
            self.events.publish_unkept("level", {"level_dbfs": self._controls.level_dbfs})
            await asyncio.sleep(_LEVEL_EVERY_S)


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
        headers["Connection"] = "close"  # do not wait for the rest of the body
    # Not the reason phrase, which differs between versions of Python.
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
