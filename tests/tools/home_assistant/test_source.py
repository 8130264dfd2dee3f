"""What Home Assistant exposes: offered, judged by what it concerns, and looked at afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from rtaudio_daemon.config import McpServer
from rtaudio_daemon.config.tool_sections import Tools
from rtaudio_daemon.tools.permissions import Permissions
from rtaudio_daemon.tools.registry import Registry
from rtaudio_daemon.tools.sources.home_assistant.client import HomeClient
from rtaudio_daemon.tools.sources.home_assistant.source import HomeAssistantSource
from rtaudio_daemon.tools.sources.mcp_link import Link, LinkError, RefusedLinkError
from rtaudio_daemon.tools.tool import CallContext, Outcome, Tool, ToolError

from .fake_assist import FakeAssist
from .fake_home import FakeHome
from .test_own_action import Listener, ready


class House:
    """A fake home, what it exposes, and the source that keeps in touch with it."""

    def __init__(self, home: FakeHome, assist: FakeAssist, listener: Listener) -> None:
        self.home, self.assist, self.listener = home, assist, listener
        self.source = HomeAssistantSource(
            HomeClient(home.settings),
            home.settings,
            listener,
            ready(),
            connect=assist.connect,
        )

    def tool(self, name: str) -> Tool:
        (found,) = [tool for tool in self.source.tools() if tool.name.endswith(name)]
        return found

    async def call(self, name: str, /, **arguments: Any) -> Any:
        return await self.tool(name).run(arguments, CallContext("a"))

    async def decision(self, name: str, /, **arguments: Any) -> str:
        tool = self.tool(name)
        assert tool.targets is not None
        return Permissions(Tools().confirm, ()).decide(tool, await tool.targets(arguments))


def furnished() -> FakeHome:
    home = FakeHome()
    home.add("light.desk", "off", "Desk lamp")
    home.add("lock.door", "locked", "Front door")
    home.add("cover.garage", "closed", "Garage door", device_class="garage")
    home.add("cover.shutter", "closed", "Shutter", device_class="shutter")
    home.add("scene.cosy", "unknown", "Cosy")
    return home


@asynccontextmanager
async def house(home: FakeHome | None = None, *, settle_s: float = 3.0) -> AsyncIterator[House]:
    home = home or furnished()
    assist = FakeAssist(home)
    assist.areas = {
        "light.desk": "Hall",
        "lock.door": "Hall",
        "cover.garage": "Garage",
        "cover.shutter": "Hall",
    }
    async with home:
        found = House(home, assist, Listener())
        running = asyncio.create_task(found.source.run())
        try:
            await asyncio.sleep(settle_s)
            yield found
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_what_is_exposed_is_offered_and_the_model_knows_the_names() -> None:
    async with house() as at:
        assert str(at.source.state) == "ok"
        assert at.source.note == ""
        names = [tool.name for tool in at.source.tools()]
        assert names[0] == "homeassistant__GetLiveContext"
        assert "intent__HassTurnOn" in names
        (text,) = at.source.instructions_lines()
        assert "- names: Desk lamp" in text
        assert [tool.read_only for tool in at.source.tools()][:3] == [True, True, False]
        assert at.assist.ways == ["/mcp/assist"]


async def test_a_lamp_is_switched_and_seen() -> None:
    async with house() as at:
        outcome = await at.call("HassTurnOn", name="Desk lamp")
        assert isinstance(outcome, Outcome)
        assert outcome.as_asked == "yes"
        assert outcome.value == {"as_asked": "yes", "changed": True, "states": {"Desk lamp": "on"}}
        again = await at.call("HassTurnOn", name="Desk lamp")
        assert (again.as_asked, again.value["changed"]) == ("yes", False)
        dimmed = await at.call("HassLightSet", name="Desk lamp", brightness=40)
        assert dimmed.value["states"] == {"Desk lamp": "on, brightness 40 %"}


@pytest.mark.parametrize("name", ["Desk lamp", "Front door", "Garage door", "Shutter", "Cosy"] * 10)
async def test_a_home_that_does_nothing_is_never_reported_as_done(name: str) -> None:
    async with house() as at:
        at.home.obeys = False
        tool = "HassTurnOff" if name == "Front door" else "HassTurnOn"
        outcome = await at.call(tool, name=name)
        assert outcome.as_asked == ("unknown" if name == "Cosy" else "no")


async def test_what_failed_is_named() -> None:
    async with house() as at:
        at.assist.failed = ["Shutter"]
        outcome = await at.call("HassTurnOn", name="Desk lamp")
        assert (outcome.as_asked, outcome.value["failed"]) == ("no", ["Shutter"])


async def test_what_shows_in_no_state_is_not_claimed() -> None:
    async with house() as at:
        outcome = await at.call("HassListAddItem", name="Shopping list", item="milk")
        assert outcome.as_asked == "unknown"


@pytest.mark.parametrize(("obeys", "as_asked"), [(True, "yes"), (False, "no")])
async def test_a_list_with_one_thing_more_is_seen(obeys: bool, as_asked: str) -> None:
    async with house() as at:
        at.home.add("todo.list", "2", "Shopping list")
        at.home.obeys = obeys
        outcome = await at.call("HassListAddItem", name="Shopping list", item="milk")
        assert outcome.as_asked == as_asked


@pytest.mark.parametrize("device", ["", "0123456789abcdef" * 2])
async def test_the_device_that_stands_for_us_is_named(device: str) -> None:
    home = furnished()
    assist = FakeAssist(home)
    async with home:
        settings = replace(home.settings, device_id=device)
        source = HomeAssistantSource(
            HomeClient(settings), settings, Listener(), ready(), connect=assist.connect
        )
        running = asyncio.create_task(source.run())
        await asyncio.sleep(3)
        assert assist.meta == ({"io.home-assistant/device_id": device} if device else None)
        running.cancel()
        await asyncio.wait([running])


async def test_the_live_context_is_given_without_its_wrapping() -> None:
    async with house() as at:
        assert (await at.call("GetLiveContext")).startswith("Live Context:\n- names: Desk lamp\n")


# Case 29: a lock by HassTurnOff, a cover by its area.


@pytest.mark.parametrize(
    ("tool", "arguments", "decision"),
    [
        ("HassTurnOff", {"name": "Front door"}, "confirm"),
        ("HassTurnOff", {"name": " front DOOR"}, "confirm"),
        ("HassTurnOn", {"name": "Desk lamp"}, "allow"),
        ("HassTurnOn", {"area": "Garage"}, "confirm"),
        ("HassTurnOn", {"area": "Hall", "domain": ["cover"]}, "allow"),
        ("HassTurnOn", {"area": "Hall", "domain": ["light"]}, "allow"),
        ("HassTurnOff", {"area": "Hall"}, "confirm"),
        ("HassTurnOn", {"domain": ["cover"]}, "confirm"),
        ("HassTurnOn", {"domain": ["cover"], "device_class": ["shutter"]}, "allow"),
        ("HassTurnOn", {"domain": ["cover"], "device_class": ["garage"]}, "confirm"),
        ("HassTurnOn", {"floor": "Ground"}, "confirm"),
        ("HassTurnOn", {}, "confirm"),
        ("HassLightSet", {"area": "Hall", "brightness": 1}, "allow"),
        ("HassListAddItem", {"name": "Shopping list", "item": "milk"}, "allow"),
        ("script__good_night", {}, "allow"),
        ("GetLiveContext", {"domain": "lock"}, "allow"),
    ],
)
async def test_29_the_thing_itself_decides_whether_a_yes_is_needed(
    tool: str, arguments: dict[str, Any], decision: str
) -> None:
    async with house() as at:
        assert await at.decision(tool, **arguments) == decision


async def test_29_an_alias_hides_no_lock() -> None:
    async with house() as at:
        at.assist.aliases = {"lock.door": "Main entrance", "cover.garage": "Big gate"}
        assert await at.decision("HassTurnOff", name="main entrance") == "confirm"
        assert await at.decision("HassTurnOn", name="Big gate") == "confirm"


async def test_29_a_scene_hides_no_lock() -> None:
    home = furnished()
    home.add("scene.leave", "unknown", "Leave", entity_id=["light.desk", "lock.door"])
    home.add("scene.air", "unknown", "Air", entity_id=["light.desk", "cover.of_a_neighbour"])
    home.add("scene.read", "unknown", "Read", entity_id=["light.desk", "cover.shutter", 5])
    async with house(home) as at:
        at.assist.areas |= {"scene.leave": "Hall", "scene.air": "Hall", "scene.read": "Hall"}
        await at.source._list_again()
        assert await at.decision("HassTurnOn", name="Leave") == "confirm"
        assert await at.decision("HassTurnOn", name="Air") == "confirm", "its class is not known"
        assert await at.decision("HassTurnOn", name="Read") == "allow"


async def test_29_a_class_that_nothing_has_hides_no_lock() -> None:
    async with house() as at:
        hides = {"name": "Front door", "device_class": ["curtain"]}
        assert await at.decision("HassTurnOff", **hides) == "confirm"


async def test_29_names_that_cannot_be_read_need_a_yes() -> None:
    home = FakeHome()
    async with house(home) as at:
        assert await at.decision("HassTurnOff", name="Front door") == "confirm"
        assert await at.decision("HassTurnOff", name="Lamp", domain=["light"]) == "allow"


async def test_what_is_not_exposed_is_named_with_what_is_like_it() -> None:
    async with house() as at:
        with pytest.raises(ToolError, match=r"nothing is exposed as Desklamp; did you mean Desk"):
            await at.decision("HassTurnOn", name="Desklamp")
        at.home.add("light.new", "off", "New lamp")
        assert await at.decision("HassTurnOn", name="New lamp") == "allow"  # exposed just now
        with pytest.raises(ToolError, match="nothing is exposed as Cellar"):
            await at.decision("HassTurnOn", area="Cellar")


async def test_a_thing_of_another_kind_is_called_what_it_is() -> None:
    async with house() as at:
        with pytest.raises(ToolError, match="Desk lamp has no switch, only light"):
            await at.decision("HassTurnOn", name="Desk lamp", domain=["switch"])
        with pytest.raises(ToolError, match="Garage has no light or fan, only cover"):
            await at.decision("HassTurnOn", area="Garage", domain=["light", "fan"])


async def test_a_connection_that_fails_in_any_way_is_tried_again() -> None:
    home = furnished()
    assist, tries = FakeAssist(home), 0

    @asynccontextmanager
    async def connect(
        name: str, server: McpServer, meta: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Link]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError("a mistake of the package")
        if tries == 2:
            raise LinkError("it does not answer")
        async with assist.connect(name, server) as link:
            yield link

    async with home:
        source = HomeAssistantSource(
            HomeClient(home.settings), home.settings, Listener(), ready(), connect=connect
        )
        running = asyncio.create_task(source.run())
        await asyncio.sleep(30)
        assert (tries, len(source.tools())) == (3, 7)
        running.cancel()
        await asyncio.wait([running])


async def test_a_list_that_cannot_be_asked_for_begins_anew() -> None:
    async with house() as at:
        first = at.assist.link
        assert first is not None
        first.broken.set()
        with pytest.raises(ToolError, match="nothing is exposed as Cellar"):
            await at.decision("HassTurnOn", name="Cellar")
        await asyncio.sleep(100)
        assert at.assist.link is not first
        assert (await at.call("HassTurnOn", name="Desk lamp")).as_asked == "yes"


# Case 20: restarts, and lists that are not complete yet.


async def test_20_a_list_that_lacks_something_is_asked_for_again() -> None:
    home = furnished()
    async with home:
        assist = FakeAssist(home)
        assist.left_out = {"intent__HassTurnOn"}
        listener = Listener()
        source = HomeAssistantSource(
            HomeClient(home.settings),
            home.settings,
            listener,
            ready(),
            connect=assist.connect,
        )
        running = asyncio.create_task(source.run())
        await asyncio.sleep(2)
        assert len(source.tools()) == 6
        assist.left_out = set()
        await asyncio.sleep(5)
        assert (len(source.tools()), assist.lists) == (7, 2)
        await asyncio.sleep(60)
        assert assist.lists == 3
        await asyncio.sleep(1000)
        assert assist.lists == 6
        running.cancel()
        await asyncio.wait([running])


async def test_20_a_restart_is_survived_and_calls_fail_at_once_meanwhile() -> None:
    async with house() as at:
        await at.home.stop()
        clock = asyncio.get_running_loop().time
        with pytest.raises(ToolError, match="away"):
            await at.call("HassTurnOn", name="Desk lamp")
        for _ in range(20):
            started_at = clock()
            with pytest.raises(ToolError, match="Home Assistant is away"):
                await at.call("HassTurnOn", name="Desk lamp")
            assert clock() - started_at < 0.05
            await asyncio.sleep(0.5)
        assert at.source.tools()  # the session keeps them
        at.home.status, at.home.body = 404, "404: Not Found"
        await at.home.start()
        await asyncio.sleep(10)
        assert str(at.source.state) == "starting"
        at.home.status = 0
        await asyncio.sleep(10)
        outcome = await at.call("HassTurnOn", name="Desk lamp")
        assert outcome.as_asked == "yes"
        assert len(at.assist.ways) == 2


async def test_20_a_call_whose_connection_breaks_is_not_repeated() -> None:
    async with house() as at:
        assert at.assist.link is not None
        at.assist.link.hangs_up = True
        with pytest.raises(ToolError, match="it is not known whether this was done"):
            await at.call("HassTurnOn", name="Desk lamp")
        assert at.assist.called == []
        await asyncio.sleep(5)
        assert (await at.call("HassTurnOn", name="Desk lamp")).as_asked == "yes"


async def test_20_without_an_mcp_server_it_is_asked_in_sentences() -> None:
    home = furnished()
    home.agent = {
        "response_type": "action_done",
        "speech": {"plain": {"speech": "Turned on"}},
        "data": {"success": [], "failed": []},
    }
    async with home:
        assist, listener = FakeAssist(home), Listener()
        assist.status = {"/mcp/assist": 404, "/mcp": 404}
        source = HomeAssistantSource(
            HomeClient(home.settings),
            home.settings,
            listener,
            ready(),
            connect=assist.connect,
        )
        running = asyncio.create_task(source.run())
        await asyncio.sleep(20)
        assert source.tools() == []  # it may be starting
        await asyncio.sleep(30)
        (tool,) = source.tools()
        assert tool.name == "ask_home_assistant"
        assert "Model Context Protocol Server" in source.note
        outcome = await tool.run({"sentence": "Turn on the lamp."}, CallContext("a"))
        assert (outcome.value["result"], outcome.as_asked) == ("Turned on", "unknown")
        body = {"text": "Turn on the lamp.", "language": "de"}
        assert home.acted == [("converse", {**body, "agent_id": "conversation.home_assistant"})]
        assert tool.targets is not None
        targets = await tool.targets({"sentence": "Unlock the door."})
        assert Permissions(Tools().confirm, ()).decide(tool, targets) == "confirm"
        home.agent = {
            "response_type": "error",
            "speech": {"plain": {"speech": "Sorry"}},
            "data": {},
        }
        with pytest.raises(ToolError, match="Sorry"):
            await tool.run({"sentence": "Blah."}, CallContext("a"))
        assist.status = {}
        await asyncio.sleep(400)
        assert len(source.tools()) == 7
        assert source.note == ""
        running.cancel()
        await asyncio.wait([running])


async def test_an_older_home_assistant_offers_its_tools_elsewhere() -> None:
    home = furnished()
    async with home:
        assist = FakeAssist(home)
        assist.status = {"/mcp/assist": 404}
        source = HomeAssistantSource(
            HomeClient(home.settings),
            home.settings,
            Listener(),
            ready(),
            connect=assist.connect,
        )
        running = asyncio.create_task(source.run())
        await asyncio.sleep(60)
        assert len(source.tools()) == 7
        running.cancel()
        await asyncio.wait([running])


# Cases 21 and 22: the token.


async def test_21_a_revoked_token_is_noted_and_tried_again_after_a_reload() -> None:
    async with house() as at:
        at.home.token = "another"
        await asyncio.sleep(3000)
        assert str(at.source.state) == "refused"
        assert "make a new long-lived token" in at.source.note
        assert at.home.statuses[401] <= 4  # one in fifteen minutes
        with pytest.raises(ToolError, match=r"refuses the token|away"):
            await at.call("HassTurnOn", name="Desk lamp")
        at.home.token = at.home.settings.token.reveal()
        at.source.try_again()
        await asyncio.sleep(2)
        assert str(at.source.state) == "ok"


async def test_21_a_token_that_is_refused_over_mcp_is_not_sent_again() -> None:
    async with house() as at:
        link, asked = at.assist.link, at.home.asked["GET /api/"]
        assert link is not None
        link.failure = RefusedLinkError("it does not know us", 401)
        link.broken.set()
        await asyncio.sleep(800)
        assert str(at.source.state) == "refused"
        assert at.home.asked["GET /api/"] == asked
        await asyncio.sleep(200)
        assert str(at.source.state) == "ok"
        assert len(at.assist.ways) == 2


async def test_23_a_tool_that_is_gone_is_an_error_and_the_next_list_lacks_it() -> None:
    async with house() as at:
        at.assist.left_out = {"light__HassLightSet"}
        with pytest.raises(ToolError, match="Tool light__HassLightSet not found"):
            await at.call("HassLightSet", name="Desk lamp", brightness=40)
        changes = at.listener.changes
        await asyncio.sleep(400)
        assert "light__HassLightSet" not in [tool.name for tool in at.source.tools()]
        assert at.listener.changes == changes + 1


async def test_50_a_call_under_way_ends_before_its_source_does() -> None:
    home = furnished()
    assist = FakeAssist(home)
    async with home:
        at = House(home, assist, Listener())
        running = asyncio.create_task(at.source.run())
        await asyncio.sleep(3)
        assert assist.link is not None
        assist.link.hold = asyncio.Event()
        calling = asyncio.ensure_future(at.call("HassTurnOn", name="Desk lamp"))
        await asyncio.sleep(1)
        running.cancel()
        asyncio.get_running_loop().call_later(3, assist.link.hold.set)
        await asyncio.wait([running])
        assert (await calling).as_asked == "yes"


async def test_22_a_server_that_is_for_administrators_leaves_sentences() -> None:
    home = furnished()
    async with home:
        assist = FakeAssist(home)

        @asynccontextmanager
        async def refuse(
            name: str, server: McpServer, meta: Mapping[str, Any] | None = None
        ) -> AsyncIterator[Any]:
            assist.ways.append("refused")
            raise RefusedLinkError("it is for administrators", 403)
            yield

        source = HomeAssistantSource(
            HomeClient(home.settings), home.settings, Listener(), ready(), connect=refuse
        )
        running = asyncio.create_task(source.run())
        await asyncio.sleep(250)
        assert [tool.name for tool in source.tools()] == ["ask_home_assistant"]
        assert source.note == (
            "it is asked in whole sentences: its MCP server refuses this user (status 403): see "
            "its settings there"
        )
        assert assist.ways == ["refused"]
        running.cancel()
        await asyncio.wait([running])


# ------------------------------------------------------------------- large homes


def of_size(number: int) -> FakeHome:
    home = FakeHome()
    kinds = ("light", "switch", "cover", "sensor", "climate")
    for index in range(number):
        kind = kinds[index % len(kinds)]
        home.add(f"{kind}.thing_{index}", "off", f"{kind.title()} number {index}")
    return home


@pytest.mark.parametrize("number", [10, 100, 500])
async def test_a_large_home_costs_few_tokens(number: int) -> None:
    home = of_size(number)
    assist = FakeAssist(home)
    assist.areas = {entity: f"Room {index % 12}" for index, entity in enumerate(home.states)}
    async with home:
        source = HomeAssistantSource(
            HomeClient(home.settings),
            home.settings,
            Listener(),
            ready(),
            connect=assist.connect,
        )
        running = asyncio.create_task(source.run())
        await asyncio.sleep(3)
        text = "\n".join(source.instructions_lines())
        tokens = Registry([source]).tokens + len(text.encode()) // 4
        all_names = len(assist.listing().encode()) // 4
        print(f"\n{number} things: {tokens} tokens with every answer; the names alone: {all_names}")
        assert tokens < 2_600
        names = [tool.name for tool in source.tools()]
        if number < 500:
            assert "homeassistant__GetLiveContext" in names
        else:
            assert names[0] == "find_in_home"
            assert "homeassistant__GetLiveContext" not in names
            assert "too many to list them here" in text
            assert "- names:" not in text
            found = await source.tools()[0].run({"words": "number 250"}, CallContext("a"))
            assert found["found"][0] == {
                "name": "Light number 250",
                "domain": "light",
                "state": "off",
                "area": "Room 10",
            }
            assert len(json.dumps(found)) < 2_500
        running.cancel()
        await asyncio.wait([running])
