"""What an action asks for, and whether a thing is so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtaudio_daemon.tools.sources.home_assistant.asked_for import goal_of
from rtaudio_daemon.tools.sources.home_assistant.states import (
    State,
    differ,
    in_words,
    number_of,
    states_of,
)


def verdict(action: str, data: dict[str, Any], before: State, after: State) -> str:
    goal = goal_of(action, data, before)
    return "none" if goal is None else goal.judge(after)


def lamp(state: str, **attributes: Any) -> State:
    return State("light.desk", state, attributes)


def cover(state: str, **attributes: Any) -> State:
    return State("cover.shutter", state, attributes)


def player(state: str, **attributes: Any) -> State:
    return State("media_player.kitchen", state, attributes)


def thing(entity: str, state: str, **attributes: Any) -> State:
    return State(entity, state, attributes)


OFF, ON = lamp("off"), lamp("on", brightness=255)
LOCKED, UNLOCKED = thing("lock.door", "locked"), thing("lock.door", "unlocked")


@pytest.mark.parametrize(
    ("action", "data", "before", "after", "expected"),
    [
        # on and off
        ("light.turn_on", {}, OFF, ON, "yes"),
        ("light.turn_on", {}, ON, ON, "yes"),
        ("light.turn_on", {}, OFF, OFF, "no"),
        ("homeassistant.turn_on", {}, OFF, ON, "yes"),
        ("light.turn_on", {}, OFF, lamp("unavailable"), "no"),
        ("light.turn_on", {}, OFF, lamp("unknown"), "unknown"),
        ("light.turn_on", {}, OFF, lamp("on", assumed_state=True), "unknown"),
        ("light.turn_off", {}, ON, OFF, "yes"),
        ("light.turn_off", {}, ON, ON, "no"),
        ("light.turn_off", {"transition": 5}, ON, ON, "unknown"),
        ("light.toggle", {}, ON, OFF, "yes"),
        ("light.toggle", {}, OFF, ON, "yes"),
        ("light.toggle", {}, OFF, OFF, "no"),
        ("light.toggle", {}, lamp("unavailable"), ON, "none"),
        ("switch.turn_on", {}, thing("switch.a", "off"), thing("switch.a", "on"), "yes"),
        ("switch.turn_on", {}, OFF, ON, "none"),  # an action of another domain
        ("group.turn_off", {}, thing("group.all", "on"), thing("group.all", "off"), "yes"),
        ("light.flash", {}, OFF, ON, "none"),
        # brightness, with what rounding makes of it
        ("light.turn_on", {"brightness_pct": 40}, OFF, lamp("on", brightness=102), "yes"),
        ("light.turn_on", {"brightness_pct": 40}, OFF, lamp("on", brightness=100), "yes"),
        ("light.turn_on", {"brightness_pct": 40}, OFF, lamp("on", brightness=128), "no"),
        ("light.turn_on", {"brightness_pct": 40}, OFF, lamp("on"), "no"),
        ("light.turn_on", {"brightness": "128"}, OFF, lamp("on", brightness=128), "yes"),
        ("light.turn_on", {"brightness_pct": 0}, ON, OFF, "yes"),
        (
            "light.turn_on",
            {"brightness_pct": 40, "transition": 9},
            OFF,
            lamp("on", brightness=9),
            "unknown",
        ),
        (
            "light.turn_on",
            {"color_temp_kelvin": 2700},
            OFF,
            lamp("on", color_temp_kelvin=2702),
            "yes",
        ),
        (
            "light.turn_on",
            {"color_temp_kelvin": 2700},
            OFF,
            lamp("on", color_temp_kelvin=4000),
            "no",
        ),
        ("light.turn_on", {"effect": "rainbow"}, OFF, lamp("on", effect="Rainbow"), "yes"),
        ("light.turn_on", {"effect": "rainbow"}, OFF, lamp("on", effect="off"), "no"),
        # colours: as lamps can, like it, other ones, and such as are not known here
        ("light.turn_on", {"color_name": "red"}, OFF, lamp("on", hs_color=[356, 97]), "yes"),
        ("light.turn_on", {"color_name": " Red"}, OFF, lamp("on", hs_color=[4, 100]), "yes"),
        ("light.turn_on", {"color_name": "red"}, OFF, lamp("on", hs_color=(20, 90)), "unknown"),
        ("light.turn_on", {"color_name": "red"}, OFF, lamp("on", hs_color=[240, 100]), "no"),
        ("light.turn_on", {"color_name": "red"}, OFF, lamp("on", hs_color=[0, 5]), "no"),
        ("light.turn_on", {"color_name": "red"}, OFF, ON, "no"),
        ("light.turn_on", {"color_name": "red"}, OFF, OFF, "no"),
        ("light.turn_on", {"color_name": "red"}, OFF, lamp("on", hs_color=[None, 5]), "no"),
        ("light.turn_on", {"color_name": "red"}, OFF, lamp("on", hs_color="red"), "no"),
        ("light.turn_on", {"color_name": "white"}, OFF, lamp("on", hs_color=[30, 4]), "yes"),
        ("light.turn_on", {"color_name": "mauve"}, OFF, lamp("on", hs_color=[9, 9]), "unknown"),
        ("light.turn_on", {"color_name": 5}, OFF, lamp("on", hs_color=[9, 9]), "unknown"),
        ("light.turn_on", {"rgb_color": [0, 0, 255]}, OFF, lamp("on", hs_color=[240, 99]), "yes"),
        ("light.turn_on", {"rgb_color": [0, 0, 255]}, OFF, lamp("on", hs_color=[120, 99]), "no"),
        ("light.turn_on", {"rgb_color": [0, 0, 999]}, OFF, lamp("on", hs_color=[1, 1]), "unknown"),
        ("light.turn_on", {"hs_color": [240, 90]}, OFF, lamp("on", hs_color=[244, 95]), "yes"),
        ("light.turn_on", {"hs_color": [240]}, OFF, lamp("on", hs_color=[244, 95]), "unknown"),
        ("light.turn_on", {"xy_color": [0.1, 0.1]}, OFF, lamp("on"), "unknown"),
        (
            "light.turn_on",
            {"color_name": "red", "brightness_pct": 100},
            OFF,
            lamp("on", hs_color=[20, 90], brightness=3),
            "no",
        ),
        # a list has one thing more to do
        ("todo.add_item", {"item": "milk"}, thing("todo.a", "2"), thing("todo.a", "3"), "yes"),
        ("todo.add_item", {"item": "milk"}, thing("todo.a", "2"), thing("todo.a", "2"), "no"),
        ("todo.add_item", {"item": "milk"}, thing("todo.a", "unknown"), ON, "none"),
        ("light.turn_on", {"entity_id": "light.desk"}, OFF, ON, "yes"),
        # locks
        ("lock.unlock", {}, LOCKED, UNLOCKED, "yes"),
        ("lock.unlock", {}, LOCKED, LOCKED, "no"),
        ("lock.unlock", {}, LOCKED, thing("lock.door", "unlocking"), "unknown"),
        ("lock.lock", {}, UNLOCKED, LOCKED, "yes"),
        ("lock.lock", {}, UNLOCKED, thing("lock.door", "jammed"), "no"),
        ("homeassistant.turn_off", {}, LOCKED, UNLOCKED, "none"),
        ("homeassistant.turn_on", {}, LOCKED, LOCKED, "none"),
        # covers and valves
        ("cover.open_cover", {}, cover("closed"), cover("open"), "yes"),
        ("cover.open_cover", {}, cover("closed"), cover("opening"), "unknown"),
        ("cover.close_cover", {}, cover("open"), cover("open"), "no"),
        ("cover.toggle", {}, cover("open"), cover("closed"), "yes"),
        ("cover.toggle", {}, cover("opening"), cover("closed"), "none"),
        ("cover.stop_cover", {}, cover("opening"), cover("open"), "yes"),
        ("cover.stop_cover", {}, cover("opening"), cover("opening"), "no"),
        (
            "cover.set_cover_position",
            {"position": 50},
            cover("closed"),
            cover("open", current_position=49),
            "yes",
        ),
        (
            "cover.set_cover_position",
            {"position": 50},
            cover("closed"),
            cover("opening", current_position=9),
            "unknown",
        ),
        ("cover.set_cover_position", {}, cover("closed"), cover("open"), "none"),
        (
            "cover.close_cover_tilt",
            {},
            cover("open"),
            cover("open", current_tilt_position=0),
            "yes",
        ),
        # climate
        (
            "climate.set_temperature",
            {"temperature": 21},
            thing("climate.a", "heat"),
            thing("climate.a", "heat", temperature=21.0),
            "yes",
        ),
        (
            "climate.set_temperature",
            {"temperature": 21},
            thing("climate.a", "heat", target_temp_step=0.5),
            thing("climate.a", "heat", temperature=19),
            "no",
        ),
        (
            "climate.set_temperature",
            {"temperature": 21, "hvac_mode": "heat"},
            thing("climate.a", "off"),
            thing("climate.a", "off", temperature=21),
            "no",
        ),
        (
            "climate.set_temperature",
            {"hvac_mode": "heat"},
            thing("climate.a", "off"),
            thing("climate.a", "heat"),
            "yes",
        ),
        ("climate.set_temperature", {}, thing("climate.a", "off"), ON, "none"),
        (
            "climate.turn_on",
            {},
            thing("climate.a", "off"),
            thing("climate.a", "heat_cool"),
            "yes",
        ),
        ("climate.turn_off", {}, thing("climate.a", "heat"), thing("climate.a", "off"), "yes"),
        # fans
        (
            "fan.set_percentage",
            {"percentage": 50},
            thing("fan.a", "off", percentage_step=33.3),
            thing("fan.a", "on", percentage=66),
            "yes",
        ),
        (
            "fan.set_percentage",
            {"percentage": 0},
            thing("fan.a", "on"),
            thing("fan.a", "off"),
            "yes",
        ),
        ("fan.set_percentage", {}, thing("fan.a", "on"), thing("fan.a", "off"), "none"),
        ("fan.turn_on", {}, thing("fan.a", "off"), thing("fan.a", "on"), "yes"),
        (
            "fan.turn_on",
            {"percentage": 20, "preset_mode": "quiet"},
            thing("fan.a", "off"),
            thing("fan.a", "on", percentage=20, preset_mode="quiet"),
            "yes",
        ),
        ("fan.turn_on", {"speed": "low"}, thing("fan.a", "off"), thing("fan.a", "on"), "unknown"),
        (
            "fan.oscillate",
            {"oscillating": True},
            thing("fan.a", "on"),
            thing("fan.a", "on", oscillating=False),
            "no",
        ),
        ("fan.oscillate", {}, thing("fan.a", "on"), thing("fan.a", "on"), "none"),
        # media players
        ("media_player.media_play", {}, player("paused"), player("playing"), "yes"),
        ("media_player.media_play", {}, player("paused"), player("buffering"), "unknown"),
        ("media_player.media_pause", {}, player("playing"), player("playing"), "no"),
        ("media_player.media_play_pause", {}, player("playing"), player("paused"), "yes"),
        ("media_player.media_play_pause", {}, player("idle"), player("playing"), "yes"),
        ("media_player.turn_on", {}, player("off"), player("idle"), "yes"),
        ("media_player.turn_on", {}, player("off"), player("standby"), "no"),
        ("media_player.turn_off", {}, player("on"), player("standby"), "yes"),
        ("media_player.toggle", {}, player("standby"), player("on"), "yes"),
        (
            "media_player.volume_set",
            {"volume_level": 0.3},
            player("on"),
            player("on", volume_level=0.31),
            "yes",
        ),
        ("media_player.volume_set", {}, player("on"), player("on", volume_level=0.31), "none"),
        (
            "media_player.volume_up",
            {},
            player("on", volume_level=0.3),
            player("on", volume_level=0.4),
            "yes",
        ),
        (
            "media_player.volume_down",
            {},
            player("on", volume_level=0.3),
            player("on", volume_level=0.3),
            "no",
        ),
        (
            "media_player.volume_up",
            {},
            player("on", volume_level=1.0),
            player("on", volume_level=1.0),
            "yes",
        ),
        ("media_player.volume_up", {}, player("on"), player("on", volume_level=1.0), "none"),
        # numbers, choices, texts
        ("number.set_value", {"value": 5}, thing("number.a", "1"), thing("number.a", "5.0"), "yes"),
        ("number.set_value", {"value": 5}, thing("number.a", "1"), thing("number.a", "1"), "no"),
        ("number.set_value", {"value": 5}, thing("number.a", "1"), thing("number.a", "?"), "no"),
        ("number.set_value", {}, thing("number.a", "1"), thing("number.a", "5.0"), "none"),
        (
            "input_number.increment",
            {},
            thing("input_number.a", "9", step=2, min=0, max=10),
            thing("input_number.a", "10", step=2),
            "yes",
        ),
        (
            "input_number.decrement",
            {},
            thing("input_number.a", "9"),
            thing("input_number.a", "8"),
            "yes",
        ),
        ("input_number.decrement", {}, thing("input_number.a", "unknown"), ON, "none"),
        (
            "input_select.select_option",
            {"option": "Night"},
            thing("input_select.a", "home"),
            thing("input_select.a", "night"),
            "yes",
        ),
        (
            "select.select_option",
            {"option": 3},
            thing("select.a", "home"),
            thing("select.a", "night"),
            "none",
        ),
        # others
        (
            "alarm_control_panel.alarm_arm_away",
            {},
            thing("alarm_control_panel.a", "disarmed"),
            thing("alarm_control_panel.a", "arming"),
            "unknown",
        ),
        ("vacuum.start", {}, thing("vacuum.a", "docked"), thing("vacuum.a", "cleaning"), "yes"),
        ("scene.turn_on", {}, thing("scene.a", "unknown"), thing("scene.a", "now"), "none"),
        ("scene.turn_off", {}, thing("scene.a", "unknown"), thing("scene.a", "now"), "none"),
        ("script.turn_on", {}, thing("script.a", "off"), thing("script.a", "on"), "none"),
        ("button.press", {}, thing("button.a", "unknown"), thing("button.a", "now"), "none"),
    ],
)
def test_a_thing_is_held_against_what_was_asked(
    action: str, data: dict[str, Any], before: State, after: State, expected: str
) -> None:
    assert verdict(action, data, before, after) == expected


def test_a_state_is_read_and_what_is_none_is_left_out() -> None:
    good = {"entity_id": "light.a", "state": "on", "attributes": {"friendly_name": " Lamp\n"}}
    bad = [None, {}, {"entity_id": "light", "state": "on"}, {"entity_id": "light.b", "state": 1}]
    found = states_of([good, *bad, {"entity_id": "light.c", "state": "x" * 999, "attributes": 1}])
    assert list(found) == ["light.a", "light.c"]
    assert (found["light.a"].name, found["light.a"].device_class) == ("Lamp", "none")
    assert (found["light.c"].name, len(found["light.c"].state)) == ("light.c", 255)
    assert states_of("none of them") == {}
    assert thing("cover.a", "open", device_class="garage").device_class == "garage"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (lamp("on", brightness=102), "on, brightness 40 %"),
        (lamp("off", brightness=102), "off"),
        (cover("open", current_position=50), "open, position 50 %"),
        (thing("climate.a", "heat", temperature=21.5), "heat, set to 21.5 degrees"),
        (player("playing", volume_level=0.3, media_title="Song"), "playing, volume 30 %, Song"),
        (player("playing", media_title=3), "playing"),
        (thing("sensor.a", "21", unit_of_measurement="°C"), "21 °C"),
    ],
)
def test_a_state_is_said_in_a_few_words(state: State, words: str) -> None:
    assert in_words(state) == words


def test_a_difference_is_one_that_somebody_would_notice() -> None:
    assert differ(lamp("off"), lamp("on"))
    assert differ(lamp("on", brightness=3), lamp("on", brightness=200))
    assert not differ(lamp("on", icon="a"), lamp("on", icon="b"))


def test_numbers_are_finite() -> None:
    found = [number_of(each) for each in (1, "2.5", True, None, "x", float("inf"), "nan", 10**999)]
    assert found == [1.0, 2.5, None, None, None, None, None, None]


ENTITIES = st.sampled_from(
    ["light.a", "cover.a", "fan.a", "climate.a", "media_player.a", "number.a"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=3
)
SERVICES = st.sampled_from(
    ["turn_on", "turn_off", "toggle", "set_temperature", "set_percentage", "volume_up", "set_value"]
)
NAMES = st.sampled_from(
    ["brightness", "percentage", "temperature", "volume_level", "value", "effect", "step"]
)


@given(ENTITIES, SERVICES, st.dictionaries(NAMES, VALUES), st.dictionaries(NAMES, VALUES))
@example("light.lamp", "turn_on", {}, {"brightness": 1e307})
def test_whatever_is_sent_there_is_a_verdict(
    entity: str, service: str, data: dict[str, Any], attributes: dict[str, Any]
) -> None:
    state = State(entity, "on", attributes)
    action = f"{state.domain}.{service}"
    assert verdict(action, data, state, state) in ("yes", "no", "unknown", "none")
    assert in_words(state)
