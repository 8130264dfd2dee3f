"""A Home Assistant for tests: things with states, and what may go wrong with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from rtaudio_daemon.config import HomeAssistant, Secret

TOKEN = "long-lived-token-of-a-person"
Json = dict[str, Any]

_SETS = {
    "turn_on": "on",
    "turn_off": "off",
    "lock": "locked",
    "unlock": "unlocked",
    "open_cover": "open",
    "close_cover": "closed",
}


class FakeHome:
    """Listens on loopback with ``async with``; the port stays the same when it starts again.

    `states`: by entity id, as `/api/states` shows them. `obeys`: whether actions change anything;
    `after_s`: how much later they do. `status`: answers every request so, if set. `understands`:
    what its agent makes of sentences, by them. `on_sentence`: does what it is asked for. `areas`:
    what is in them.
    """

    def __init__(self) -> None:
        self.states: dict[str, Json] = {}
        self.obeys = True
        self.after_s = 0.0
        self.token = TOKEN
        self.forbidden: set[str] = set()
        self.broken: dict[str, str] = {}
        self.status = 0
        self.body: str | bytes = ""
        self.headers: dict[str, str] = {}
        self.hangs = False
        self.agent: Json | None = None
        self.understands: dict[str, Json] = {}
        self.areas: dict[str, list[str]] = {}
        self.commands: list[Json] = []
        self.broken_socket = False
        self.on_sentence: Callable[[], object] = lambda: None
        self.change: Callable[[list[str], str, Json], object] = self._obey
        self.acted: list[tuple[str, Json]] = []
        self.asked = Counter[str]()
        self.statuses = Counter[int]()
        self.port = 0
        self._later: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def settings(self) -> HomeAssistant:
        return HomeAssistant(f"http://127.0.0.1:{self.port}", Secret(TOKEN))

    def add(self, entity: str, state: str, name: str = "", **attributes: Any) -> None:
        if name:
            attributes["friendly_name"] = name
        self.states[entity] = {"entity_id": entity, "state": state, "attributes": attributes}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._later:
            task.cancel()
        await self.stop()

    async def start(self) -> None:
        app = web.Application(middlewares=[self._look])
        app.router.add_get("/api/", self._ping)
        app.router.add_get("/api/config", self._config)
        app.router.add_get("/api/states", self._states)
        app.router.add_get("/api/states/{entity}", self._state)
        app.router.add_post("/api/services/{domain}/{service}", self._act)
        app.router.add_post("/api/conversation/process", self._converse)
        app.router.add_get("/api/websocket", self._websocket)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _look(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked[f"{request.method} {request.path}"] += 1
        response = await self._judged(request, handler)
        self.statuses[response.status] += 1
        return response

    async def _judged(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.hangs:
            await asyncio.sleep(3600)
        if self.status:
            body = self.body.encode() if isinstance(self.body, str) else self.body
            return web.Response(status=self.status, body=body, headers=self.headers)
        known = request.headers.get("Authorization") == f"Bearer {self.token}"
        if not known and request.path != "/api/websocket":
            return web.Response(status=401, text="401: Unauthorized")
        try:
            found: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=f"{error.status}: {error.reason}")
        return found

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.json_response({"message": "API running."})

    async def _config(self, _request: web.Request) -> web.Response:
        return web.json_response({"language": "de"})

    async def _states(self, _request: web.Request) -> web.Response:
        return web.json_response(list(self.states.values()))

    async def _state(self, request: web.Request) -> web.Response:
        state = self.states.get(request.match_info["entity"])
        if state is None:
            return web.json_response({"message": "Entity not found."}, status=404)
        return web.json_response(state)

    async def _act(self, request: web.Request) -> web.Response:
        action = f"{request.match_info['domain']}.{request.match_info['service']}"
        data = await request.json()
        self.acted.append((action, data))
        if action in self.forbidden:
            return web.Response(status=401, text="401: Unauthorized")
        if action in self.broken:
            return web.json_response({"message": self.broken[action]}, status=500)
        if "return_response" in request.query:
            return web.json_response({"changed_states": [], "service_response": {"rain": "no"}})
        given = data.get("entity_id", [])
        ids = given if isinstance(given, list) else [given]
        ids = [*ids, *self.areas.get(data.get("area_id", ""), [])]
        if self.obeys and self.after_s:
            task = asyncio.create_task(self._change_later(ids, action, data))
            self._later.add(task)
        elif self.obeys:
            self.change(ids, action, data)
        found = [self.states[each] for each in ids if each in self.states]
        return web.json_response(found if self.obeys else [])

    async def _change_later(self, ids: list[str], action: str, data: Json) -> None:
        await asyncio.sleep(self.after_s)
        self.change(ids, action, data)

    def _obey(self, ids: list[str], action: str, data: Json) -> None:
        for each in ids:
            if each in self.states:
                service = action.partition(".")[2]
                self.states[each]["state"] = _SETS.get(service, self.states[each]["state"])
                if "brightness_pct" in data:
                    level = round(data["brightness_pct"] * 2.55)
                    self.states[each]["attributes"]["brightness"] = level

    async def _converse(self, request: web.Request) -> web.Response:
        if self.agent is None:
            raise web.HTTPNotFound
        self.acted.append(("converse", await request.json()))
        self.on_sentence()
        return web.json_response({"response": self.agent})

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "auth_required"})
        token = (await socket.receive_json())["access_token"]
        if token != self.token or self.broken_socket:
            await socket.send_json({"type": "auth_invalid"})
            await socket.close()
            return socket
        await socket.send_json({"type": "auth_ok"})
        command = await socket.receive_json()
        self.commands.append(command)
        result = self._result(command)
        await socket.send_json({"id": command["id"], "type": "result", "result": result})
        await socket.close()
        return socket

    def _result(self, command: Json) -> Json | None:
        if command["type"] == "extract_from_target" and self.areas:
            return {"referenced_entities": self.areas.get(command["target"]["area_id"], [])}
        if command["type"] == "conversation/agent/homeassistant/debug" and self.understands:
            return {"results": [self.understands.get(each) for each in command["sentences"]]}
        return None
