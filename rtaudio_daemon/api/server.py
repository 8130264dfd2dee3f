"""The HTTP server: its routes, and the verbs it needs from whoever runs the conversation."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, Protocol

from aiohttp import web

from .. import config
from ..errors import NotConnectedError, RTAudioError
from ..events import News, Transcript
from .documents import describe
from .stream import EventStream

_BODY_MAX = 64 * 1024
_TEXT_MAX = 4000  # characters that may be said at once
_LOG = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Controls(Protocol):
    """What the window can do to the daemon, and see of it."""

    def snapshot(self) -> dict[str, Any]:
        """The whole state, as `/api/status` shows it."""

    def say(self, text: str, mode: Literal["verbatim", "prompt"]) -> None:
        """Let `text` be spoken or answered; raises NotConnectedError."""

    def interrupt(self) -> None:
        """Be silent now."""

    def mute(self, muted: bool) -> None:
        """Stop or start listening."""


class ApiServer:
    """The local window; `settings.port` 0 takes any free port, told by `address`."""

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
        self.events = EventStream(controls.snapshot, boot=boot, wall_clock=wall_clock)
        self.address = ""

    def publish(self, news: News) -> None:
        """Tell the subscribers; what was said stays in the house unless the settings allow it."""
        if isinstance(news, Transcript) and not self._settings.publish_transcripts:
            return
        self.events.publish(*describe(news))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve while the context lasts; gives the address. Raises RTAudioError if it cannot."""
        runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await runner.setup()
        heartbeat = asyncio.create_task(self.events.heartbeat(), name="api heartbeat")
        try:
            host, port = self._settings.host, self._settings.port
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                why = error.strerror or str(error)
                raise RTAudioError(
                    f"cannot listen on {host}:{port}: {why}; another daemon may be running, "
                    "or change http.port"
                ) from error
            bound_host, bound_port = runner.addresses[0][:2]
            named = f"[{bound_host}]" if ":" in bound_host else bound_host
            self.address = f"http://{named}:{bound_port}"
            yield self.address
        finally:
            heartbeat.cancel()
            self.events.shut_down()
            await runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=_BODY_MAX, middlewares=[_errors_as_json])
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/api/status", self._status),
                web.get("/api/events", self.events.serve),
                web.post("/api/say", self._say),
                web.post("/api/interrupt", self._interrupt),
                web.post("/api/mute", self._mute),
                web.post("/api/unmute", self._unmute),
            ]
        )
        return app

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._controls.snapshot(), headers={"Cache-Control": "no-store"})

    async def _say(self, request: web.Request) -> web.Response:
        body = await _json_object(request)
        text, mode = body.get("text"), body.get("mode", "prompt")
        if not isinstance(text, str) or not text.strip() or len(text) > _TEXT_MAX:
            raise _bad_request(f"text: words to say, 1 to {_TEXT_MAX} characters")
        if mode not in ("verbatim", "prompt"):
            raise _bad_request("mode: verbatim or prompt")
        self._controls.say(text, mode)
        return await self._status(request)

    async def _interrupt(self, request: web.Request) -> web.Response:
        self._controls.interrupt()
        return await self._status(request)

    async def _mute(self, request: web.Request) -> web.Response:
        self._controls.mute(True)
        return await self._status(request)

    async def _unmute(self, request: web.Request) -> web.Response:
        self._controls.mute(False)
        return await self._status(request)


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except (ValueError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        raise _bad_request("the body must be a JSON object")
    return body


def _bad_request(message: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=message)


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        message = error.text if error.text and "\n" not in error.text else error.reason
        kept = {key: error.headers[key] for key in ("Retry-After", "Allow") if key in error.headers}
        return _error(error.status, _code(error), message or error.reason, kept)
    except NotConnectedError as error:
        return _error(503, "not_connected", str(error), {"Retry-After": "5"})
    except Exception:
        _LOG.exception("%s %s failed", request.method, request.path)
        return _error(500, "internal_error", "something went wrong here; the log says what", {})


def _code(error: web.HTTPException) -> str:
    return error.reason.lower().replace(" ", "_")


def _error(status: int, code: str, message: str, headers: dict[str, str]) -> web.Response:
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)
