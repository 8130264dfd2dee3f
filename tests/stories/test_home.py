"""A daemon in a home: what it says it did is what was seen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.config import OwnAction, OwnTool, Secret
from rtaudio_daemon.simulator.model.reply import Call
from rtaudio_daemon.tools.tool import SourceState
from tests.daemon.test_reload import Edit, with_
from tests.harness import Harness
from tests.stories.test_tools import SAID, calling, offer, outputs, phases
from tests.tools.fakes import FakeSource
from tests.tools.home_assistant.fake_home import TOKEN, FakeHome


async def soon(condition: Callable[[], bool]) -> None:
    """Wait for what no event reports."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.1)


LAMP = OwnTool(
    name="desk_lamp",
    description="Switches the desk lamp.",
    parameters={"to": {"type": "string", "enum": ["on", "off"]}},
    home_assistant=OwnAction(action="light.turn_{to}", target={"entity_id": "light.desk"}),
)


def at_home(home: FakeHome, **options: Any) -> Edit:
    return with_(
        home_assistant__url=home.settings.url,
        home_assistant__token=Secret(TOKEN),
        tools__own=(LAMP,),
        tools__home_assistant=False,
        **options,
    )


@pytest.mark.parametrize(
    ("obeys", "before", "as_asked", "changed"),
    [(True, "off", "yes", True), (True, "on", "yes", False), (False, "off", "no", False)],
)
async def test_the_model_and_the_event_have_what_was_seen(
    tmp_path: Path, obeys: bool, before: str, as_asked: str, changed: bool
) -> None:
    home = FakeHome()
    home.obeys = obeys
    home.add("light.desk", before, "Desk lamp")
    model = calling(Call("desk_lamp", '{"to": "on"}'))
    async with home, Harness(tmp_path, SAID, reply=model, change=at_home(home)) as harness:
        await harness.turns(1)
        assert phases(harness) == ["desk_lamp started", "desk_lamp done"]
        assert harness.named("tool")[-1]["as_asked"] == as_asked
        (output,) = outputs(harness)
        result = json.loads(output["output"])["result"]
        assert (result["as_asked"], result["changed"]) == (as_asked, changed)
        status = await harness.status()
        (source,) = [
            each for each in status["tools"]["sources"] if each["name"] == "home_assistant"
        ]
        assert source == {"name": "home_assistant", "state": "ok", "tools": 0, "note": ""}
        assert TOKEN not in json.dumps(status)


async def test_a_reload_tries_a_new_token_once(tmp_path: Path) -> None:
    home = FakeHome()
    home.token = "another"
    async with home, Harness(tmp_path, change=at_home(home)) as harness:
        await soon(lambda: home.statuses[401] == 1)
        await harness.post("/api/reload", {})
        await soon(lambda: home.statuses[401] == 2)
        home.token = TOKEN
        await harness.post("/api/reload", {})
        await soon(lambda: home.statuses[200] > 0)
        assert home.statuses[401] == 2


async def test_a_reload_of_other_tools_stays_in_touch_with_the_home(tmp_path: Path) -> None:
    """Case 50."""
    home = FakeHome()
    async with home, Harness(tmp_path, change=at_home(home)) as harness:
        await soon(lambda: home.asked["GET /api/"] == 1)
        harness.edit = at_home(home, tools__room="Hall")
        _, answer = await harness.post("/api/reload", {})
        assert [each["state"] for each in answer["changed"]] == ["applied"]
        status = await harness.status()
        assert [each["state"] for each in status["tools"]["sources"]][-1] == "ok"
        await harness.post("/api/reload", {})
        assert home.asked["GET /api/"] <= 2  # a reload looks again, over the same connection


class Talkative(FakeSource):
    """A source that has something to say to the model."""

    text = "The lamp is called Fred."

    def instructions_lines(self) -> list[str]:
        return [self.text]


async def test_what_a_source_has_to_say_stands_below_the_instructions(tmp_path: Path) -> None:
    change = with_(realtime__session__instructions="Be brief.", tools__built_in=())
    async with Harness(tmp_path, change=change) as harness:

        def instructions() -> str:
            text: str = harness.received("session.update")[-1]["session"]["instructions"]
            return text

        source = Talkative()
        box = offer(harness, source)
        await soon(lambda: instructions() == "Be brief.\n\nThe lamp is called Fred.")
        source.text = "The lamp is called Bob."
        box.tools_changed()
        await soon(lambda: instructions().endswith("Bob."))
        source.state = SourceState.UNREACHABLE
        updates = len(harness.received("session.update"))
        box.tools_changed()
        await harness.post("/api/say", {"text": "Hello."})
        await harness.until(lambda: "speaking" in harness.statuses)
        assert len(harness.received("session.update")) == updates
