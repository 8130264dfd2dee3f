"""Which calls are carried out, which need a yes, and which are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.config import parse
from rtaudio_daemon.config.tool_sections import ToolRule, Tools
from rtaudio_daemon.tools.permissions import TARGETS_MOST, Decision, Permissions, targets_in
from rtaudio_daemon.tools.tool import CallContext, Json, Target, Tool, ToolError


async def nothing(_arguments: Json, _context: CallContext) -> Any:
    """Stand in for what a tool does."""


TOOL = Tool(
    name="intent__HassTurnOff",
    description="",
    run=nothing,
    source="home_assistant",
    parameters={"type": "object"},
)
DEFAULT = Permissions(Tools().confirm, Tools().deny)


def by_default(arguments: Mapping[str, Any]) -> Decision:
    return DEFAULT.decide(TOOL, targets_in(dict(arguments)))


@pytest.mark.parametrize(
    ("arguments", "decision"),
    [
        # what is known
        ({"domain": "lock"}, "confirm"),
        ({"domain": "LOCK"}, "confirm"),
        ({"domain": ["light", "Lock"]}, "confirm"),
        ({"domain": ["light", "switch"]}, "allow"),
        ({"entity_id": "lock.front_door"}, "confirm"),
        ({"Entity_ID": ["light.hall", "LOCK.front_door"]}, "confirm"),
        ({"entity_id": "light.hall, lock.front_door"}, "confirm"),
        ({"entity_id": "light.hall"}, "allow"),
        ({"target": {"entity_id": "lock.front_door"}}, "confirm"),
        ({"target": {"entity_id": "light.hall"}}, "allow"),
        ({"target": [{"entity_id": "light.hall"}, {"entity_id": "lock.front"}]}, "confirm"),
        ({"data": {"entity_id": "lock.front_door"}}, "confirm"),
        ({"action": "lock.unlock"}, "confirm"),
        ({"action": "light.turn_on", "target": {"area_id": "hall"}}, "allow"),
        ({"action": "next"}, "allow"),
        ({"domain": "alarm_control_panel"}, "confirm"),
        ({"domain": "cover", "device_class": "garage"}, "confirm"),
        ({"domain": "cover", "device_class": ["blind", "garage"]}, "confirm"),
        ({"domain": "cover", "device_class": "blind"}, "allow"),
        # nothing is said at all
        ({}, "allow"),
        ({"minutes": 5, "name": "eggs"}, "allow"),
        ({"domain": "", "entity_id": [], "area": None, "target": {}}, "allow"),
        # what is not known weakens no rule
        ({"area": "hall"}, "confirm"),
        ({"target": {"area_id": ["hall"]}}, "confirm"),
        ({"area": "hall", "domain": "light"}, "allow"),
        ({"floor": "ground"}, "confirm"),
        ({"target": {"device_id": "1a2b"}}, "confirm"),
        ({"entity_id": "all"}, "confirm"),
        ({"entity_id": "all", "domain": "light"}, "allow"),
        ({"entity_id": "group.doors"}, "confirm"),
        ({"entity_id": "the front door"}, "confirm"),
        ({"domain": "homeassistant", "target": {"entity_id": "light.hall"}}, "confirm"),
        ({"domain": "cover"}, "confirm"),
        ({"entity_id": "cover.left"}, "confirm"),
        ({"device_class": "garage"}, "confirm"),
        ({"entity_id": 7}, "confirm"),
        ({"domain": {"is": "lock"}}, "confirm"),
        # two words that contradict each other: both count
        ({"domain": "light", "entity_id": "lock.front_door"}, "confirm"),
        ({"domain": "light", "target": {"domain": "lock"}}, "confirm"),
    ],
)
def test_locks_alarms_and_garage_doors_need_a_yes(
    arguments: dict[str, Any], decision: Decision
) -> None:
    assert by_default(arguments) == decision


@pytest.mark.parametrize(
    ("rule", "target", "decision"),
    [
        (ToolRule(tool="intent__hass*"), Target(), "confirm"),
        (ToolRule(tool="HassTurnOff"), Target(), "allow"),
        (ToolRule(tool="turn_off"), Target(), "confirm"),
        (ToolRule(entity="lock.front_door"), Target(entity="lock.Front_Door"), "confirm"),
        (ToolRule(entity="lock.*"), Target(domain="lock"), "confirm"),
        (ToolRule(entity="lock.front_door"), Target(entity="lock.shed"), "allow"),
        (ToolRule(entity="lock.front_door"), Target(domain="light"), "allow"),
        (ToolRule(entity="*"), Target(entity="light.hall"), "confirm"),
        (ToolRule(area="Kinderzimmer"), Target("light", area="KINDERZIMMER"), "confirm"),
        (ToolRule(area="Kinderzimmer"), Target("light", area="Bad"), "allow"),
        (ToolRule(area="Kinderzimmer"), Target("light"), "confirm"),
        (ToolRule(domain="light", area="bad"), Target("cover", area="bad"), "allow"),
        (ToolRule(domain="light", area="bad"), Target("light", area="bad"), "confirm"),
        (ToolRule(tool="turn_off", domain="lock"), Target("light"), "allow"),
        (ToolRule(tool="turn_on", domain="lock"), Target("lock"), "allow"),
        (ToolRule(tool="turn_off", domain="lock"), Target("lock"), "confirm"),
    ],
)
def test_a_rule_matches_when_all_that_it_gives_fits(
    rule: ToolRule, target: Target, decision: Decision
) -> None:
    assert Permissions([rule], []).decide(TOOL, [target], "turn_off") == decision
    denied = Permissions([], [rule]).decide(TOOL, [target], "turn_off")
    assert denied == ("deny" if decision == "confirm" else "allow")


def test_a_named_tool_that_does_not_say_what_it_concerns_may_concern_what_the_rule_is_about() -> (
    None
):
    assert Permissions([ToolRule(tool="intent*", domain="lock")], []).decide(TOOL, []) == "confirm"
    assert Permissions([ToolRule(tool="*", domain="lock")], []).decide(TOOL, []) == "allow"
    assert Permissions([ToolRule(domain="lock")], []).decide(TOOL, []) == "allow"


def test_one_target_of_several_is_enough() -> None:
    targets = [Target("light", area="hall"), Target("lock", area="bath")]
    assert Permissions([ToolRule(domain="lock")], []).decide(TOOL, targets) == "confirm"
    mixed = ToolRule(domain="lock", area="hall")
    assert Permissions([mixed], []).decide(TOOL, targets) == "allow", "no target has both"


def test_reading_needs_no_yes_but_can_be_denied() -> None:
    reading = replace(TOOL, read_only=True)
    lock = [Target("lock")]
    assert DEFAULT.decide(reading, lock) == "allow"
    assert DEFAULT.decide(replace(reading, confirm=True), lock) == "confirm"
    assert Permissions([], [ToolRule(domain="lock")]).decide(reading, lock) == "deny"


def test_a_tool_that_wants_a_yes_gets_one_and_denial_is_stronger() -> None:
    asking = replace(TOOL, confirm=True)
    assert Permissions([], []).decide(asking, []) == "confirm"
    assert Permissions([], [ToolRule(tool="*")]).decide(asking, []) == "deny"


def test_too_many_things_are_refused() -> None:
    entities = [f"light.{number}" for number in range(TARGETS_MOST)]
    assert len(targets_in({"entity_id": entities})) == TARGETS_MOST
    with pytest.raises(ToolError, match="too many things"):
        targets_in({"entity_id": entities, "area": ["hall", "bath"]})


def test_the_example_in_the_document_is_a_configuration_and_does_what_it_says() -> None:
    document = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()
    section = document.partition("## Permissions")[2]
    (example,) = re.findall(r"```yaml\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    config = parse(example)
    assert config.warnings == ()
    assert config.tools.confirm[:3] == Tools().confirm
    permissions = Permissions(config.tools.confirm, config.tools.deny)

    def decide(name: str, **arguments: Any) -> Decision:
        return permissions.decide(replace(TOOL, name=name), targets_in(arguments))

    assert decide("turn_on", entity_id="switch.oven") == "confirm"
    assert decide("turn_on", entity_id="switch.radio") == "allow"
    assert decide("order_pizza", size="large") == "confirm"
    assert decide("open_gate", area="garden", domain="gate") == "deny"
    assert decide("turn_off", entity_id="camera.hall") == "deny"


@pytest.mark.parametrize(
    ("arguments", "decision"),
    [
        ({"name": "Front door"}, "confirm"),
        ({"name": "Lamp", "domain": ["light"]}, "allow"),
        ({"name": "Lamp", "domain": []}, "confirm"),
        ({"name": ""}, "allow"),
        ({}, "allow"),
    ],
)
def test_a_thing_that_is_only_named_may_be_a_lock(
    arguments: dict[str, Any], decision: Decision
) -> None:
    switch: Json = {"type": "object", "properties": {"name": {}, "domain": {}}}
    timer: Json = {"type": "object", "properties": {"name": {}, "minutes": {}}}
    assert DEFAULT.decide(TOOL, targets_in(arguments, switch)) == decision
    others: list[Json] = [timer, {"type": "object"}, {"properties": []}]
    for schema in others:
        named = {"name": arguments.get("name", "")}
        assert DEFAULT.decide(TOOL, targets_in(named, schema)) == "allow", "a timer has one, too"


def test_targets_carry_all_that_is_said() -> None:
    arguments = {"device_class": "garage", "target": {"entity_id": "cover.left", "area": "yard"}}
    assert targets_in(arguments) == (Target("cover", "garage", "cover.left", "yard"),)


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["domain", "entity_id", "area", "device_class", "target", "name"]),
        st.recursive(
            st.none()
            | st.integers()
            | st.sampled_from(["", "light.b", "light", "all", "?"])
            | st.just("lock.a"),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["entity_id", "domain"]), inner, max_size=2)
            ),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_whatever_the_arguments_are_a_lock_that_is_named_needs_a_yes(
    arguments: dict[str, Any],
) -> None:
    assert by_default({**arguments, "entity_id": "lock.front_door"}) == "confirm"
    both = {**arguments, "entity_id": ["light.hall", "lock.front_door"]}
    assert by_default(both) == "confirm"


def test_names_in_rules_that_no_tool_has_are_found() -> None:
    known = replace(TOOL, name="Küche an")
    rules = [ToolRule(tool=name) for name in ("opn_gate", "Küche*", "KUCHE_AN_1", "opn_gate")]
    permissions = Permissions([*rules, ToolRule(domain="lock")], [ToolRule(tool="gone_*")])
    assert permissions.unknown_names({"kuche_an_1": known}) == ["gone_*", "opn_gate"]


def test_what_is_only_looked_at_needs_no_yes_but_may_be_denied() -> None:
    lock, lamp = ToolRule(domain="lock"), Target("light")
    seen = Target("lock", "none", "lock.door", reading=True)
    assert Permissions((lock,), ()).decide(TOOL, (seen,)) == "allow"
    assert Permissions((lock,), ()).decide(TOOL, (seen, lamp)) == "allow"
    assert Permissions((lock,), ()).decide(TOOL, (seen, Target("lock"))) == "confirm"
    assert Permissions((), (lock,)).decide(TOOL, (seen,)) == "deny"
