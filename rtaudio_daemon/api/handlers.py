"""The handlers of the HTTP API: read the body, call the controls, write the response."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from .. import config
from ..controls import Controls
from ..errors import DeviceError
from ..language import chosen, languages
from . import body_schemas, openapi, page, payloads
from .event_stream import EventStream
from .guard import Guard, Handler
from .metrics import Metrics
from .routes import Route
from .schema_check import check
from .schema_parts import NOTHING, Schema

_SAID_S = 120.0  # maximum time that a client waits for the outcome of a text
_PLAYED_S = 420.0  # the longest sound, and some others before it
_DEVICES_FRESH_S = 5.0  # listing devices starts a process, so not for every request


class Handlers:
    """The handlers of all routes."""

    def __init__(
        self,
        settings: config.Http,
        controls: Controls,
        guard: Guard,
        events: EventStream,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._controls = controls
        self._guard = guard
        self._event_stream = events
        self._all_metrics = metrics
        self._clock = asyncio.get_running_loop().time
        self._devices_found: list[Any] | DeviceError = []
        self._devices_listed_at = float("-inf")
        self._devices_lock = asyncio.Lock()

    def adjust(self, settings: config.Http) -> None:
        """Apply these settings."""
        self._settings = settings

    def of(self, route: Route) -> Handler:
        """Return the handler of this route."""
        handler: Handler = getattr(self, f"_{route.name}")
        return handler

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
            body=self._all_metrics.text(),
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
        return await self._event_stream.serve(request)

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
        """Return the new status, with the outcome of a text or sound if known in time."""
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
        """Return the new status and the timer."""
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


async def _body(request: web.Request, schema: Schema) -> dict[str, Any]:
    """Return the JSON object in the request; no body means an empty object."""
    text = await request.read() or b"{}"
    try:
        body = json.loads(text, parse_constant=_no_such_number)
        json.dumps(body, ensure_ascii=False).encode()  # lone surrogates are invalid
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise web.HTTPBadRequest(text=f"the body must be a JSON object; see {where}") from None
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="the body must be a JSON object") from None
    if wrong := check(schema, body):
        raise web.HTTPBadRequest(text=wrong)
    return dict(body)


def _id(request: web.Request) -> str:
    """Return the id in the path, which may be a name."""
    return request.match_info["id"][:200]


def _no_such_number(name: str) -> float:
    raise ValueError(name)
