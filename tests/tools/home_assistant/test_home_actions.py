"""Done means done: what is reported is what was seen."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from rtaudio_daemon.config.tool_sections import ToolRule, Tools
from rtaudio_daemon.tools.permissions import Permissions
from rtaudio_daemon.tools.sources.home_assistant.actions import perform, targets_of
from rtaudio_daemon.tools.sources.home_assistant.client import HomeClient
from rtaudio_daemon.tools.tool import CallContext, Json, Outcome, Target, Tool, ToolError

from .fake_home import FakeHome


async def done(home: FakeHome, action: str, entity: Any = "light.desk", **data: Any) -> Outcome:
    async with home:
        client = HomeClient(home.settings)
        try:
            return await perform(client, action, {"entity_id": entity} if entity else {}, data)
        finally:
            await client.close()


def furnished() -> FakeHome:
    home = FakeHome()
    home.add("light.desk", "off", "Desk lamp")
    home.add("lock.door", "locked", "Front door")
    home.add("cover.garage", "closed", "Garage door", device_class="garage")
    home.add("cover.shutter", "closed", "Shutter")
    home.add("scene.cosy", "unknown", "Cosy")
    home.add("light.all", "off", "All", entity_id=["light.desk", "light.hall"])
    home.add("light.hall", "off", "Hall lamp")
    home.add("group.doors", "off", "Doors", entity_id=["lock.door", "cover.garage"])
    home.add("group.lamps", "off", "Lamps", entity_id=["light.desk"])
    return home


async def test_a_lamp_that_was_off_is_on() -> None:
    outcome = await done(furnished(), "light.turn_on", brightness_pct=40)
    assert outcome.as_asked == "yes"
    assert outcome.value == {
        "as_asked": "yes",
        "changed": True,
        "states": {"Desk lamp": "on, brightness 40 %"},
    }


async def test_a_lamp_that_was_on_already_is_no_failure() -> None:
    home = furnished()
    home.states["light.desk"]["state"] = "on"
    outcome = await done(home, "light.turn_on")
    assert (outcome.as_asked, outcome.value["changed"]) == ("yes", False)
    assert "no failure" in outcome.value["note"]


@pytest.mark.parametrize("number", range(50))
async def test_a_home_that_says_ok_and_does_nothing_is_never_reported_as_done(number: int) -> None:
    home = furnished()
    home.obeys = False
    entities = ["light.desk", "lock.door", "cover.garage", "light.all", "scene.cosy"]
    entity = entities[number % len(entities)]
    actions = {
        "light": ["light.turn_on", "homeassistant.turn_on", "light.toggle"],
        "lock": ["lock.unlock"],
        "cover": ["cover.open_cover", "cover.toggle"],
        "scene": ["scene.turn_on"],
    }[entity.partition(".")[0]]
    outcome = await done(home, actions[number % len(actions)], entity)
    assert outcome.as_asked == ("unknown" if entity == "scene.cosy" else "no")
    assert outcome.value["changed"] is False
    assert "not" in outcome.value["note"]


async def test_what_takes_a_second_is_waited_for() -> None:
    home = furnished()
    home.after_s = 1.0
    started_at = asyncio.get_running_loop().time()
    outcome = await done(home, "light.turn_on")
    assert outcome.as_asked == "yes"
    assert 1.0 <= asyncio.get_running_loop().time() - started_at < 1.5


async def test_what_takes_longer_than_two_seconds_is_not_as_asked() -> None:
    home = furnished()
    home.after_s = 5.0
    started_at = asyncio.get_running_loop().time()
    outcome = await done(home, "light.turn_on")
    assert outcome.as_asked == "no"
    assert 1.5 < asyncio.get_running_loop().time() - started_at <= 2.1


async def test_of_several_things_the_worst_counts_and_comes_first() -> None:
    home = furnished()
    home.states["light.hall"]["state"] = "unavailable"
    home.change = lambda ids, action, data: None
    home.states["light.desk"]["state"] = "on"
    outcome = await done(home, "light.turn_on", ["light.desk", "light.hall"])
    assert outcome.as_asked == "no"
    assert list(outcome.value["states"]) == ["Hall lamp", "Desk lamp"]


async def test_a_group_is_as_asked_when_its_members_are() -> None:
    home = furnished()
    outcome = await done(home, "light.turn_on", "light.all")
    assert outcome.as_asked == "no"  # the fake home leaves the members as they are
    assert set(outcome.value["states"]) == {"All", "Desk lamp", "Hall lamp"}


async def test_what_there_is_not_is_named_and_nothing_is_done() -> None:
    home = furnished()
    with pytest.raises(ToolError, match=r"Home Assistant has no light\.kitchen"):
        await done(home, "light.turn_on", "light.kitchen, light.desk")
    assert home.acted == []


async def test_a_thing_that_is_gone_afterwards_is_not_as_asked() -> None:
    home = furnished()
    home.change = lambda ids, action, data: home.states.pop("light.desk")
    outcome = await done(home, "light.turn_on")
    assert (outcome.as_asked, outcome.value["states"]) == ("no", {})


async def test_many_things_are_read_at_once_and_shown_in_part() -> None:
    home = FakeHome()
    for number in range(20):
        home.add(f"light.lamp_{number}", "off", f"Lamp {number}")
    outcome = await done(home, "light.turn_on", list(home.states))
    assert outcome.as_asked == "yes"
    assert (len(outcome.value["states"]), outcome.value["more_states"]) == (12, 8)
    assert home.asked["GET /api/states"] == 2


async def test_too_many_things_are_refused() -> None:
    with pytest.raises(ToolError, match="at most 64"):
        await done(furnished(), "light.turn_on", [f"light.{number}" for number in range(65)])


async def test_an_action_in_an_area_shows_what_changed_and_claims_nothing() -> None:
    outcome = await done(furnished(), "light.turn_on", None, area_id="kitchen")
    assert (outcome.as_asked, outcome.value["changed"]) == ("unknown", False)
    assert "cannot be seen" in outcome.value["note"]


@pytest.mark.parametrize(
    ("obeys", "as_asked", "action"),
    [
        (True, "yes", "light.turn_on"),
        (False, "no", "light.turn_on"),
        (True, "no", "light.turn_off"),
    ],
)
async def test_what_is_in_an_area_is_looked_at(obeys: bool, as_asked: str, action: str) -> None:
    home = furnished()
    home.areas = {"kitchen": ["light.desk", "lock.door"]}
    home.obeys = obeys
    if action == "light.turn_off":
        home.states["light.desk"]["state"] = "on"
        home.change = lambda *_: None
    outcome = await done(home, action, None, area_id="kitchen")
    assert outcome.as_asked == as_asked
    assert list(outcome.value["states"]) == ["Desk lamp"]  # the lock is no lamp


async def test_what_is_named_beside_an_area_that_is_not_known_claims_nothing() -> None:
    outcome = await done(furnished(), "light.turn_on", ["light.desk"], area_id="kitchen")
    assert outcome.as_asked == "unknown"


async def test_an_action_that_answers_gives_its_answer() -> None:
    home = furnished()
    async with home:
        client = HomeClient(home.settings)
        outcome = await perform(
            client, "weather.get_forecasts", {"entity_id": "weather.home"}, {}, response=True
        )
        await client.close()
    assert outcome.value == {"rain": "no"}


# Case 29: a lock, and a cover that may be the garage door.


def decided(targets: list[Target]) -> str:
    async def run(_arguments: Json, _context: CallContext) -> None:
        pass

    tool = Tool(name="own", description="", run=run, source="own", parameters={})
    return Permissions(Tools().confirm, ()).decide(tool, targets)


@pytest.mark.parametrize(
    ("action", "target", "decision"),
    [
        ("lock.unlock", {"entity_id": "lock.door"}, "confirm"),
        ("lock.unlock", {"area_id": "hall"}, "confirm"),
        ("homeassistant.turn_off", {"entity_id": "lock.door"}, "confirm"),
        ("homeassistant.turn_off", {"entity_id": "light.desk"}, "allow"),
        ("homeassistant.turn_off", {"area_id": "hall"}, "confirm"),
        ("cover.open_cover", {"entity_id": "cover.garage"}, "confirm"),
        ("cover.open_cover", {"entity_id": "cover.shutter"}, "allow"),
        ("cover.open_cover", {"entity_id": ["cover.shutter", "cover.garage"]}, "confirm"),
        ("cover.open_cover", {"area_id": "garage"}, "confirm"),
        ("cover.open_cover", {"entity_id": "all"}, "confirm"),
        ("homeassistant.turn_on", {"entity_id": "group.doors"}, "confirm"),
        ("homeassistant.turn_on", {"entity_id": "group.lamps"}, "allow"),
        ("light.turn_on", {"area_id": "hall"}, "allow"),
        ("light.turn_on", {"entity_id": "light.all"}, "allow"),
    ],
)
async def test_29_the_thing_itself_decides_whether_a_yes_is_needed(
    action: str, target: Json, decision: str
) -> None:
    home = furnished()
    async with home:
        client = HomeClient(home.settings)
        targets = await targets_of(client, action, target, {})
        await client.close()
    assert decided(targets) == decision, json.dumps([str(each) for each in targets])


async def test_29_what_a_group_consists_of_counts_also_where_it_has_no_state() -> None:
    home = furnished()
    home.add("group.mixed", "on", entity_id=["light.desk", "Lock.Cellar"])
    async with home:
        client = HomeClient(home.settings)
        both = {"entity_id": ["group.lamps", "group.mixed"]}
        assert decided(await targets_of(client, "homeassistant.turn_on", both, {})) == "confirm"
        await client.close()


async def test_29_a_class_that_cannot_be_read_is_no_permission() -> None:
    home = furnished()
    async with home:
        client = HomeClient(home.settings)
        await home.stop()
        with pytest.raises(ToolError, match="away"):
            await targets_of(client, "cover.open_cover", {"entity_id": "cover.shutter"}, {})
        await client.close()


async def test_rules_about_one_thing_are_kept() -> None:
    home = furnished()
    async with home:
        client = HomeClient(home.settings)
        (target,) = await targets_of(client, "light.turn_on", {"entity_id": "light.desk"}, {})
        await client.close()
    rule = ToolRule(entity="light.desk")

    async def run(_arguments: Json, _context: CallContext) -> None:
        pass

    tool = Tool(name="own", description="", run=run, source="own", parameters={})
    assert Permissions((), (rule,)).decide(tool, [target]) == "deny"
