"""What is exposed, and what the tools of Home Assistant concern and ask for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.tools.sources.home_assistant.asked_for import goal_of
from rtaudio_daemon.tools.sources.home_assistant.exposed import (
    LINES_CHARACTERS,
    Thing,
    brief,
    cut,
    find,
    things_in,
)
from rtaudio_daemon.tools.sources.home_assistant.intents import (
    action_of,
    answer_of,
    plain_result,
)
from rtaudio_daemon.tools.sources.home_assistant.states import State

TEXT = """You control a home.

Static Context: An overview:
- names: Desk lamp, Lamp
  domain: light
  areas: Kitchen
- names: 'on'
  domain: switch
  state: 'off'
- names: Door
  domain: cover
  areas: Garage, Yard
  attributes:
    device_class: garage
- names:
- domain: light
- names: Odd
  domain: [light]

Use the tools.
"""


def test_things_are_read_from_the_text() -> None:
    lamp, switch, door = things_in(TEXT)
    assert lamp == Thing(("Desk lamp", "Lamp", "Desk lamp, Lamp"), "light", ("Kitchen",))
    assert (switch.names, switch.state) == (("on",), "off")
    assert (door.areas[:2], door.device_class) == (("Garage", "Yard"), "garage")


@pytest.mark.parametrize(
    "text", ["", "No list.", "- names: [broken\n", "- names: a\n  b: - c: d\n"]
)
def test_a_text_without_a_list_has_no_things(text: str) -> None:
    assert things_in(text) == []


def test_names_are_replaced_by_numbers() -> None:
    text = brief(TEXT, things_in(TEXT))
    assert "There are 3 things" in text
    assert "light 1, switch 1, cover 1" in text
    assert text.startswith("You control a home.")
    assert text.endswith("\nUse the tools.\n")
    assert "Desk lamp" not in text


def test_a_text_that_is_too_long_is_cut_at_a_line() -> None:
    assert cut(" short\n") == ("short", False)
    text, is_cut = cut("word word\n" * 2000)
    assert is_cut
    assert LINES_CHARACTERS - 10 <= len(text) <= LINES_CHARACTERS
    assert text.endswith("word word")


@pytest.mark.parametrize(
    ("words", "area", "domain", "names"),
    [
        ("desk lamp", "", "", ["Desk lamp"]),
        ("the lamp at the door", "", "", ["Desk lamp", "Door"]),
        ("", "", "Switch", ["on"]),
        ("", "garage", "", ["Door"]),
        ("cellar", "", "", []),
        ("", "", "", ["Desk lamp", "on", "Door"]),
    ],
)
def test_things_are_found_by_words_areas_and_domains(
    words: str, area: str, domain: str, names: list[str]
) -> None:
    found = find(things_in(TEXT), words, area, domain)
    assert sorted(thing.names[0] for thing in found) == sorted(names)


def wanted(tool: str, before: State, after: State, **arguments: Any) -> str:
    action = action_of(tool, before.domain, arguments)
    goal = goal_of(*action, before) if action else None
    return goal.judge(after) if goal else "none"


def player(state: str, **attributes: Any) -> State:
    return State("media_player.a", state, attributes)


def cover(state: str, **attributes: Any) -> State:
    return State("cover.a", state, attributes)


@pytest.mark.parametrize(
    ("tool", "arguments", "before", "after", "expected"),
    [
        ("intent__HassTurnOn", {}, State("lock.a", "unlocked"), State("lock.a", "locked"), "yes"),
        ("intent__HassTurnOff", {}, State("lock.a", "locked"), State("lock.a", "locked"), "no"),
        ("intent__HassTurnOn", {}, State("valve.a", "closed"), State("valve.a", "open"), "yes"),
        ("x__HassToggle", {}, State("light.a", "on"), State("light.a", "off"), "yes"),
        (
            "light__HassLightSet",
            {"temperature": 2700, "brightness": 100},
            State("light.a", "off"),
            State("light.a", "on", {"brightness": 255, "color_temp_kelvin": 2700}),
            "yes",
        ),
        (
            "light__HassLightSet",
            {"color": "red"},
            State("light.a", "off"),
            State("light.a", "on", {"hs_color": [0, 100]}),
            "yes",
        ),
        ("todo__HassListAddItem", {}, State("todo.a", "1"), State("todo.a", "2"), "yes"),
        (
            "intent__HassSetPosition",
            {"position": 30},
            cover("closed"),
            cover("open", current_position=30),
            "yes",
        ),
        (
            "intent__HassSetPosition",
            {"position": 30},
            State("light.a", "on"),
            cover("open"),
            "none",
        ),
        ("intent__HassStopMoving", {}, cover("opening"), cover("open"), "yes"),
        (
            "climate__HassClimateSetTemperature",
            {"temperature": 21},
            State("climate.a", "heat"),
            State("climate.a", "heat", {"temperature": 19}),
            "no",
        ),
        (
            "media_player__HassSetVolume",
            {"volume_level": 30},
            player("playing"),
            player("playing", volume_level=0.3),
            "yes",
        ),
        ("media_player__HassSetVolume", {}, player("playing"), player("playing"), "none"),
        (
            "media_player__HassMediaPlayerMute",
            {},
            player("playing"),
            player("playing", is_volume_muted=True),
            "yes",
        ),
        (
            "media_player__HassMediaPlayerUnmute",
            {},
            player("playing"),
            player("playing", is_volume_muted=True),
            "no",
        ),
        ("media_player__HassMediaPause", {}, player("playing"), player("paused"), "yes"),
        ("media_player__HassMediaNext", {}, player("playing"), player("playing"), "none"),
        ("HassVacuumStart", {}, State("vacuum.a", "docked"), State("vacuum.a", "cleaning"), "yes"),
    ],
)
def test_what_a_tool_asks_for_is_held_against_the_state(
    tool: str, arguments: dict[str, Any], before: State, after: State, expected: str
) -> None:
    assert wanted(tool, before, after, **arguments) == expected


@pytest.mark.parametrize(
    ("result", "entities", "failed", "speech"),
    [
        ('{"data": {"success": [{"type": "entity", "id": "light.a"}]}}', ("light.a",), (), ""),
        ('{"data": {"success": [{"type": "area", "id": "hall"}, 1]}}', (), (), ""),
        ('{"data": {"success": [{"type": "entity"}], "failed": [{"name": "x"}]}}', (), ("x",), ""),
        ({"data": {}, "speech": {"plain": {"speech": "Done"}}}, (), (), "Done"),
        ({"data": {}, "speech": {"plain": "Done"}}, (), (), ""),
        ({"data": {}, "speech": "Done"}, (), (), ""),
    ],
)
def test_an_answer_names_what_was_acted_on(
    result: Any, entities: tuple[str, ...], failed: tuple[str, ...], speech: str
) -> None:
    answer = answer_of(result)
    assert answer is not None
    assert (answer.entities, answer.failed, answer.speech) == (entities, failed, speech)


@pytest.mark.parametrize("result", ["done", "[1]", '{"a": 1}', None, "[" * 100_000])
def test_other_results_are_no_such_answer(result: Any) -> None:
    assert answer_of(result) is None


def test_results_lose_their_wrapping() -> None:
    assert plain_result('{"result": "Live"}') == "Live"
    assert plain_result('{"result": 1, "more": 2}') == {"result": 1, "more": 2}
    assert plain_result("plain") == "plain"


@given(st.text(max_size=300))
def test_any_text_is_read_without_harm(text: str) -> None:
    things = things_in(f"- names: a\n  domain: light\n{text}")
    assert isinstance(find(things, text, text, text), list)
    assert len(cut(brief(text, things))[0]) <= LINES_CHARACTERS
