"""What the fake home exposes to Assist, as its MCP server offers it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rtaudio_daemon.config import McpServer
from rtaudio_daemon.tools.sources.mcp_link import Link, LinkError, OfferedTool
from rtaudio_daemon.tools.tool import ToolError

from .fake_home import FakeHome, Json

_STRINGS = {key: {"type": "string"} for key in ("name", "area", "floor")}
_LISTS = {key: {"type": "array", "items": {"type": "string"}} for key in ("domain", "device_class")}
_CONTROL: Json = {"type": "object", "properties": {**_STRINGS, **_LISTS}}
INTENTS = {
    "intent__HassTurnOn": "Turns on, opens or locks.",
    "intent__HassTurnOff": "Turns off, closes or unlocks.",
    "light__HassLightSet": "Sets the brightness of a light.",
    "todo__HassListAddItem": "Adds an item to a list.",
    "script__good_night": "Good night",
}
_READING = {"homeassistant__GetLiveContext": "Tells states.", "llm__GetDateTime": "Tells the time."}


class FakeAssist:
    """Connections to the MCP server of `home`, one after the other.

    `areas`: by entity id. `aliases`: names that stand in place of the name. `status`: refuses
    connections so, if set; `ways`: the addresses that were asked.
    """

    def __init__(self, home: FakeHome) -> None:
        self.home = home
        self.areas: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.status: dict[str, int] = {}
        self.left_out: set[str] = set()
        self.failed: list[str] = []
        self.ways: list[str] = []
        self.lists = 0
        self.called: list[tuple[str, Json]] = []
        self.link: FakeLink | None = None
        self.meta: Mapping[str, Any] | None = None

    @asynccontextmanager
    async def connect(
        self, name: str, server: McpServer, meta: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Link]:
        way = server.url.partition("/api")[2]
        self.ways.append(way)
        self.meta = meta
        assert server.headers is not None
        if self.home.port == 0 or self.status.get(way):
            raise LinkError("there is none", self.status.get(way, 0))
        self.link = FakeLink(self)
        yield self.link

    def listing(self, *, live: bool = False) -> str:
        lines = []
        for entity, state in self.home.states.items():
            name = self.aliases.get(entity, state["attributes"].get("friendly_name", entity))
            lines += [f"- names: {name}", f"  domain: {entity.partition('.')[0]}"]
            if live:
                lines.append(f"  state: '{state['state']}'")
            if entity in self.areas:
                lines.append(f"  areas: {self.areas[entity]}")
        return "\n".join(lines)


class FakeLink:
    """One connection."""

    def __init__(self, assist: FakeAssist) -> None:
        self.changed = asyncio.Event()
        self.broken = asyncio.Event()
        self.failure = LinkError("it ended")
        self.hangs_up = False
        self.hold: asyncio.Event | None = None
        self._assist = assist
        self._home = assist.home

    async def tools(self) -> Sequence[OfferedTool]:
        if self.broken.is_set():
            raise self.failure
        self._assist.lists += 1
        reading = [OfferedTool(*each, {"type": "object"}, True) for each in _READING.items()]
        acting = [OfferedTool(*each, _CONTROL, False) for each in INTENTS.items()]
        return [each for each in reading + acting if each.name not in self._assist.left_out]

    async def prompt_names(self) -> Sequence[str]:
        return ["Device control"]

    async def prompt(self, name: str, _arguments: Mapping[str, str] | None = None) -> str:
        assert name == "Device control"
        start = "Static Context: An overview of the areas and the devices in this smart home:"
        return f"You control a home.\n\n{start}\n{self._assist.listing()}\n\nUse the tools."

    async def call(self, name: str, arguments: Json) -> Any:
        if self.hangs_up or self.broken.is_set():
            raise LinkError("it hung up")
        if name in self._assist.left_out:
            raise ToolError(f"Tool {name} not found")
        self._assist.called.append((name, arguments))
        if self.hold is not None:
            await self.hold.wait()
        short = name.partition("__")[2]
        if short == "GetLiveContext":
            return json.dumps({"result": f"Live Context:\n{self._assist.listing(live=True)}\n"})
        if short == "HassListAddItem" and "todo.list" in self._home.states:
            return json.dumps(self._add_item())
        if short.startswith(("HassTurn", "HassLight")):
            return json.dumps(self._act(short, arguments))
        return json.dumps({"speech": {}, "response_type": "action_done", "data": {"success": []}})

    def _add_item(self) -> Json:
        state = self._home.states["todo.list"]
        if self._home.obeys:
            state["state"] = str(int(state["state"]) + 1)
        return {"data": {"success": [{"name": "List", "type": "entity", "id": "todo.list"}]}}

    def _act(self, short: str, arguments: Json) -> Json:
        ids = [entity for entity in self._home.states if self._is_meant(entity, arguments)]
        for entity in ids:
            self._do(short, entity, arguments)
        success = [{"name": each, "type": "entity", "id": each} for each in ids]
        failed = [{"name": each} for each in self._assist.failed]
        return {"speech": {}, "data": {"success": success, "failed": failed}}

    def _is_meant(self, entity: str, arguments: Json) -> bool:
        state = self._home.states[entity]
        name = self._assist.aliases.get(entity, state["attributes"].get("friendly_name"))
        tests: list[Callable[[], bool]] = [
            lambda: arguments.get("name", name) == name,
            lambda: arguments.get("area") in (None, self._assist.areas.get(entity)),
            lambda: entity.partition(".")[0] in arguments.get("domain", [entity.partition(".")[0]]),
        ]
        return all(test() for test in tests)

    def _do(self, short: str, entity: str, arguments: Json) -> None:
        if not self._home.obeys:
            return
        domain = entity.partition(".")[0]
        on = {"lock": "lock", "cover": "open_cover"}.get(domain, "turn_on")
        off = {"lock": "unlock", "cover": "close_cover"}.get(domain, "turn_off")
        service = off if short == "HassTurnOff" else on
        data = {"brightness_pct": arguments["brightness"]} if "brightness" in arguments else {}
        self._home.change([entity], f"{domain}.{service}", data)
