"""Actions of Home Assistant as tools of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rtaudio_daemon.config import OwnAction, OwnTool
from rtaudio_daemon.tools.sources.home_assistant.client import HomeClient
from rtaudio_daemon.tools.sources.home_assistant.source import HomeAssistantSource
from rtaudio_daemon.tools.sources.own_tools import OwnTools
from rtaudio_daemon.tools.tool import CallContext, Json, Outcome, SourceState, Target, ToolError

from .fake_home import FakeHome

DIM = OwnTool(
    name="dim",
    description="Dims a lamp.",
    parameters={
        "level": {"type": "integer"},
        "room": {"type": "string", "default": "desk"},
        "what": {"type": "string", "default": "turn_on"},
    },
    home_assistant=OwnAction(
        action="light.{what}",
        target={"entity_id": "light.{room}"},
        data={"brightness_pct": "{level}"},
    ),
)


@asynccontextmanager
async def tool_at(home: FakeHome, own: OwnTool = DIM) -> AsyncIterator[OwnTools]:
    async with home:
        client = HomeClient(home.settings)
        try:
            yield OwnTools([own], client)
        finally:
            await client.close()


async def call(source: OwnTools, **arguments: object) -> Outcome:
    (tool,) = source.tools()
    outcome = await tool.run(arguments, CallContext("a"))
    assert isinstance(outcome, Outcome)
    return outcome


async def targets(source: OwnTools, **arguments: object) -> list[Target]:
    (tool,) = source.tools()
    assert tool.targets is not None
    return list(await tool.targets(arguments))


async def test_an_argument_keeps_its_type_and_the_lamp_is_looked_at() -> None:
    home = FakeHome()
    home.add("light.desk", "off", "Desk lamp")
    async with tool_at(home) as source:
        outcome = await call(source, level=40, room="desk", what="turn_on")
        assert home.acted == [("light.turn_on", {"brightness_pct": 40, "entity_id": "light.desk"})]
        assert outcome.as_asked == "yes"
        assert outcome.value["states"] == {"Desk lamp": "on, brightness 40 %"}
        (target,) = await targets(source, level=40, room="desk", what="turn_on")
    assert target == Target("light", "none", "light.desk")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"what": "turn on", "room": "desk"}, "light.turn on is no action"),
        ({"what": "turn_on/../../states", "room": "desk"}, "is no action"),
        ({"room": "desk"}, r"light\.\{what\} is no action"),
        ({"what": "turn_on"}, "say what it concerns: entity_id"),
        ({"what": "turn_on", "room": "hall"}, r"Home Assistant has no light\.hall"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(arguments: Json, words: str) -> None:
    home = FakeHome()
    home.add("light.desk", "off")
    async with tool_at(home) as source:
        with pytest.raises(ToolError, match=words):
            await call(source, **arguments)
    assert home.acted == []


async def test_an_answer_is_given_back() -> None:
    forecast = OwnTool(
        name="forecast",
        description="Tells the weather.",
        home_assistant=OwnAction(
            action="weather.get_forecasts",
            target={"entity_id": "weather.home"},
            data={"type": "daily"},
            response=True,
        ),
        read_only=True,
    )
    async with tool_at(FakeHome(), forecast) as source:
        outcome = await call(source)
    assert outcome.value == {"rain": "no"}


def ready() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


class Listener:
    def __init__(self) -> None:
        self.changes = 0

    def tools_changed(self) -> None:
        self.changes += 1


async def test_the_source_comes_back_by_itself_and_closes_at_the_end() -> None:
    home, listener = FakeHome(), Listener()
    async with home:
        source = HomeAssistantSource(
            HomeClient(home.settings), home.settings, listener, ready(), exposes=False
        )
        await home.stop()
        running = asyncio.create_task(source.run())
        await asyncio.sleep(30)
        assert source.state is SourceState.UNREACHABLE
        assert "connection refused" in source.note
        await home.start()
        await asyncio.sleep(8)
        assert (str(source.state), source.note, listener.changes) == ("ok", "", 2)
        running.cancel()
        await asyncio.wait([running])


async def test_an_error_comes_at_once_while_the_home_is_away() -> None:
    home = FakeHome()
    async with tool_at(home) as source:
        await home.stop()
        with pytest.raises(ToolError, match="away"):
            await call(source, what="turn_on", room="desk")
        clock = asyncio.get_running_loop().time
        started_at = clock()
        with pytest.raises(ToolError, match="away"):
            await targets(source, what="turn_on", room="desk")
        assert clock() - started_at < 0.05
