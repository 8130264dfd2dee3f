"""The state that an action asks for, as far as it can be observed afterwards.

Actions that affect no state (scenes, scripts, buttons, messages) ask for none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from colorsys import rgb_to_hsv
from dataclasses import replace
from math import inf
from typing import Any

from ...tool import Json
from .goals import Between, Colour, Equal, Goal
from .states import State, number_of

_BRIGHTNESS_SLACK = 3.0  # of 255: lamps have steps of their own
_PERCENT_SLACK = 2.0
_VOLUME_SLACK = 0.015
_KELVIN_SLACK = 0.05  # relative to the value
_FULL = 255

_COLOURS = ("rgb_color", "hs_color", "color_name")
_NAMED: Mapping[str, Colour] = {
    "red": Colour(0, 100),
    "orange": Colour(39, 100),
    "yellow": Colour(60, 100),
    "lime": Colour(120, 100),
    "green": Colour(120, 100),
    "cyan": Colour(180, 100),
    "turquoise": Colour(174, 71),
    "blue": Colour(240, 100),
    "purple": Colour(300, 100),
    "magenta": Colour(300, 100),
    "pink": Colour(350, 25),
    "white": Colour(0, 0),
}
"""Hue and saturation of CSS colour names, as Home Assistant defines them."""
_LIKE_SWITCHES = frozenset(
    {
        *("light", "switch", "input_boolean", "fan", "humidifier", "siren", "remote"),
        *("automation", "group"),
    }
)
_WITH_MODES = frozenset({"climate", "water_heater"})
"""Domains whose state is a mode: any but off counts as on."""
_IDLE = frozenset({"off", "standby"})

_Find = Callable[[Json, State], Goal | None]


def goal_of(action: str, data: Json, before: State) -> Goal | None:
    """Return what `action` (such as light.turn_on) with `data` asks of a thing in state `before`.

    None if that cannot be observed. The domain of the thing decides: homeassistant.turn_on has
    the same effect on a lamp as light.turn_on.
    """
    domain, _, service = action.casefold().partition(".")
    if domain not in (before.domain, "homeassistant", "group"):
        return None
    simple = _SIMPLE.get((before.domain, service))
    if simple is not None:
        return simple
    find = _BY_DATA.get((before.domain, service)) or _ANY.get(service)
    return find(data, before) if find else None


# ------------------------------------------------------------------ on and off


def _turn_on(data: Json, before: State) -> Goal | None:
    domain = before.domain
    if domain == "light":
        return _light(data)
    if domain == "fan":
        return _fan(data, before)
    if domain == "media_player" or domain in _WITH_MODES:
        return Goal(never=_IDLE)
    return Goal(_ON) if domain in _LIKE_SWITCHES else None


def _turn_off(data: Json, before: State) -> Goal | None:
    if before.domain == "media_player":
        return Goal(_IDLE)
    if before.domain in _WITH_MODES or before.domain in _LIKE_SWITCHES:
        return Goal(_OFF, takes_time=_has_transition(data))
    return None


def _toggle(data: Json, before: State) -> Goal | None:
    if before.state in ("unknown", "unavailable"):
        return None
    if before.domain in ("cover", "valve"):
        return {"open": _CLOSED, "closed": _OPEN}.get(before.state)
    return (_turn_on if before.state in _IDLE else _turn_off)(data, before)


def _light(data: Json) -> Goal:
    wanted = _brightness(data)
    if wanted is not None and wanted <= 0:
        return Goal(_OFF, takes_time=_has_transition(data))
    attributes: list[Between | Equal | Colour] = []
    if wanted is not None:
        attributes.append(_near("brightness", wanted, _BRIGHTNESS_SLACK))
    if (kelvin := number_of(data.get("color_temp_kelvin"))) is not None:
        attributes.append(_near("color_temp_kelvin", kelvin, kelvin * _KELVIN_SLACK))
    if isinstance(data.get("effect"), str):
        attributes.append(Equal("effect", data["effect"]))
    seen = {"brightness", "brightness_pct", "color_temp_kelvin", "effect", "transition"}
    for key in _COLOURS:
        if key in data and (colour := _colour(key, data[key])):
            attributes.append(colour)
            seen.add(key)
    whole = not _unseen(data, seen)
    return Goal(_ON, attributes=tuple(attributes), takes_time=_has_transition(data), whole=whole)


def _brightness(data: Json) -> float | None:
    percent = number_of(data.get("brightness_pct"))
    return number_of(data.get("brightness")) if percent is None else percent * _FULL / 100


def _colour(key: str, value: Any) -> Colour | None:
    """Return the colour asked for; None if it is unknown, as most of the 140 names are."""
    if key == "color_name":
        return _NAMED.get(value.casefold().strip()) if isinstance(value, str) else None
    numbers = [number_of(each) for each in value] if isinstance(value, list | tuple) else []
    given = [each for each in numbers if each is not None]
    if key == "hs_color":
        return Colour(*given) if len(given) == 2 else None
    if len(given) != 3 or not all(0 <= each <= _FULL for each in given):
        return None
    hue, saturation, _ = rgb_to_hsv(*(each / _FULL for each in given))
    return Colour(hue * 360, saturation * 100)


def _fan(data: Json, before: State) -> Goal:
    goal = _percentage(data, before) or Goal(_ON)
    if isinstance(data.get("preset_mode"), str):
        preset = Equal("preset_mode", data["preset_mode"])
        goal = replace(goal, attributes=(*goal.attributes, preset))
    return replace(goal, whole=not _unseen(data, {"percentage", "preset_mode"}))


def _percentage(data: Json, before: State) -> Goal | None:
    percent = number_of(data.get("percentage"))
    if percent is None:
        return None
    # A fan with three speeds uses the nearest.
    step = before.number("percentage_step") or _PERCENT_SLACK
    near = _near("percentage", percent, max(step, _PERCENT_SLACK))
    return Goal(_ON, attributes=(near,)) if percent > 0 else Goal(_OFF)


# ------------------------------------------------------------ values of all kinds


def _position(attribute: str, key: str) -> _Find:
    def find(data: Json, _before: State) -> Goal | None:
        wanted = number_of(data.get(key))
        if wanted is None:
            return None
        near = _near(attribute, wanted, _PERCENT_SLACK)
        return Goal(attributes=(near,), on_the_way=_MOVING)

    return find


def _numbers(slack: float, **attributes: str) -> _Find:
    """Return a function for attributes that should equal values in the data, by name."""

    def find(data: Json, _before: State) -> Goal | None:
        given = {attribute: number_of(data.get(key)) for attribute, key in attributes.items()}
        near = [_near(name, each, slack) for name, each in given.items() if each is not None]
        return Goal(attributes=tuple(near)) if near else None

    return find


def _equal(attribute: str, key: str) -> _Find:
    def find(data: Json, _before: State) -> Goal | None:
        return Goal(attributes=(Equal(attribute, data[key]),)) if key in data else None

    return find


def _state(key: str) -> _Find:
    """Return a function for a state that should equal a value in the data."""

    def find(data: Json, _before: State) -> Goal | None:
        value = data.get(key)
        return Goal(frozenset({value.casefold()})) if isinstance(value, str) else None

    return find


def _temperature(data: Json, before: State) -> Goal | None:
    step = before.number("target_temp_step") or 0.5
    near = _numbers(
        max(step / 2, 0.05) + 1e-6,
        temperature="temperature",
        target_temp_high="target_temp_high",
        target_temp_low="target_temp_low",
    )(data, before)
    mode = _state("hvac_mode")(data, before)
    if near is None or mode is None:
        return near or mode
    return replace(near, states=mode.states)


def _number(data: Json, before: State) -> Goal | None:
    wanted = number_of(data.get("value"))
    return None if wanted is None else _number_near(wanted, before)


def _one_more(_data: Json, before: State) -> Goal | None:
    """Return the goal for a to-do list, whose state is the number of items."""
    now = number_of(before.state)
    return None if now is None else Goal(number=(now + 1, inf))


def _step(sign: int) -> _Find:
    def find(_data: Json, before: State) -> Goal | None:
        now, step = number_of(before.state), before.number("step") or 1.0
        if now is None:
            return None
        low, high = before.number("min"), before.number("max")
        wanted = now + sign * step
        wanted = wanted if low is None else max(low, wanted)
        return _number_near(wanted if high is None else min(high, wanted), before)

    return find


def _number_near(wanted: float, before: State) -> Goal:
    slack = (before.number("step") or 0.0) / 2 + 1e-6
    return Goal(number=(wanted - slack, wanted + slack))


def _volume(sign: int) -> _Find:
    def find(_data: Json, before: State) -> Goal | None:
        now = before.number("volume_level")
        if now is None:
            return None
        edge = 1.0 if sign > 0 else 0.0
        if sign * (edge - now) <= _VOLUME_SLACK:  # it is already at the limit
            return Goal(attributes=(_near("volume_level", edge, _VOLUME_SLACK),))
        moved = now + sign * 0.001
        low, high = (moved, inf) if sign > 0 else (-inf, moved)
        return Goal(attributes=(Between("volume_level", low, high),))

    return find


def _play_pause(_data: Json, before: State) -> Goal | None:
    return _PAUSED if before.state == "playing" else _PLAYING


def _near(attribute: str, wanted: float, slack: float) -> Between:
    return Between(attribute, wanted - slack, wanted + slack)


def _unseen(data: Json, seen: Iterable[str]) -> bool:
    """Return whether the data ask for something that is not checked."""
    return bool(data.keys() - set(seen) - {"entity_id", "area_id", "device_id"})


def _has_transition(data: Json) -> bool:
    return (number_of(data.get("transition")) or 0) > 0


_ON, _OFF = frozenset({"on"}), frozenset({"off"})
_MOVING = frozenset({"opening", "closing"})
_OPEN = Goal(frozenset({"open"}), on_the_way=_MOVING)
_CLOSED = Goal(frozenset({"closed"}), on_the_way=_MOVING)
_STILL = Goal(never=_MOVING)
_PLAYING = Goal(frozenset({"playing"}), on_the_way=frozenset({"buffering"}))
_PAUSED = Goal(frozenset({"paused", "idle"}))
_RETURNS = frozenset({"returning"})


def _armed(mode: str) -> Goal:
    return Goal(frozenset({f"armed_{mode}"}), on_the_way=frozenset({"arming", "pending"}))


_SIMPLE: Mapping[tuple[str, str], Goal] = {
    ("lock", "lock"): Goal(frozenset({"locked"}), on_the_way=frozenset({"locking"})),
    ("lock", "unlock"): Goal(
        frozenset({"unlocked", "open"}), on_the_way=frozenset({"unlocking", "opening"})
    ),
    ("lock", "open"): Goal(
        frozenset({"open"}), on_the_way=frozenset({"unlocking", "opening", "unlocked"})
    ),
    ("cover", "open_cover"): _OPEN,
    ("cover", "close_cover"): _CLOSED,
    ("cover", "stop_cover"): _STILL,
    ("cover", "open_cover_tilt"): Goal(attributes=(Between("current_tilt_position", 98),)),
    ("cover", "close_cover_tilt"): Goal(attributes=(Between("current_tilt_position", 0, 2),)),
    ("valve", "open_valve"): _OPEN,
    ("valve", "close_valve"): _CLOSED,
    ("valve", "stop_valve"): _STILL,
    ("media_player", "media_play"): _PLAYING,
    ("media_player", "media_pause"): _PAUSED,
    ("media_player", "media_stop"): Goal(frozenset({"idle", "off", "standby", "paused"})),
    ("vacuum", "start"): Goal(frozenset({"cleaning"})),
    ("vacuum", "pause"): Goal(frozenset({"paused", "idle"})),
    ("vacuum", "stop"): Goal(frozenset({"idle", "paused", "docked"})),
    ("vacuum", "return_to_base"): Goal(frozenset({"docked"}), on_the_way=_RETURNS),
    ("lawn_mower", "start_mowing"): Goal(frozenset({"mowing"})),
    ("lawn_mower", "pause"): Goal(frozenset({"paused"})),
    ("lawn_mower", "dock"): Goal(frozenset({"docked"}), on_the_way=_RETURNS),
    ("timer", "start"): Goal(frozenset({"active"})),
    ("timer", "pause"): Goal(frozenset({"paused"})),
    ("timer", "cancel"): Goal(frozenset({"idle"})),
    ("alarm_control_panel", "alarm_disarm"): Goal(frozenset({"disarmed"})),
    **{
        ("alarm_control_panel", f"alarm_arm_{mode}"): _armed(mode)
        for mode in ("home", "away", "night", "vacation", "custom_bypass")
    },
}

_ANY: Mapping[str, _Find] = {"turn_on": _turn_on, "turn_off": _turn_off, "toggle": _toggle}

_BY_DATA: Mapping[tuple[str, str], _Find] = {
    ("cover", "set_cover_position"): _position("current_position", "position"),
    ("cover", "set_cover_tilt_position"): _position("current_tilt_position", "tilt_position"),
    ("valve", "set_valve_position"): _position("current_position", "position"),
    ("fan", "set_percentage"): _percentage,
    ("fan", "set_preset_mode"): _equal("preset_mode", "preset_mode"),
    ("fan", "oscillate"): _equal("oscillating", "oscillating"),
    ("fan", "set_direction"): _equal("direction", "direction"),
    ("climate", "set_temperature"): _temperature,
    ("climate", "set_hvac_mode"): _state("hvac_mode"),
    ("climate", "set_preset_mode"): _equal("preset_mode", "preset_mode"),
    ("climate", "set_fan_mode"): _equal("fan_mode", "fan_mode"),
    ("climate", "set_swing_mode"): _equal("swing_mode", "swing_mode"),
    ("climate", "set_humidity"): _numbers(_PERCENT_SLACK, humidity="humidity"),
    ("water_heater", "set_temperature"): _temperature,
    ("water_heater", "set_operation_mode"): _equal("operation_mode", "operation_mode"),
    ("humidifier", "set_humidity"): _numbers(_PERCENT_SLACK, humidity="humidity"),
    ("humidifier", "set_mode"): _equal("mode", "mode"),
    ("media_player", "volume_set"): _numbers(_VOLUME_SLACK, volume_level="volume_level"),
    ("media_player", "volume_mute"): _equal("is_volume_muted", "is_volume_muted"),
    ("media_player", "volume_up"): _volume(1),
    ("media_player", "volume_down"): _volume(-1),
    ("media_player", "media_play_pause"): _play_pause,
    ("media_player", "select_source"): _equal("source", "source"),
    ("media_player", "select_sound_mode"): _equal("sound_mode", "sound_mode"),
    ("media_player", "shuffle_set"): _equal("shuffle", "shuffle"),
    ("media_player", "repeat_set"): _equal("repeat", "repeat"),
    **{
        (domain, service): find
        for domain in ("number", "input_number")
        for service, find in (
            ("set_value", _number),
            ("increment", _step(1)),
            ("decrement", _step(-1)),
        )
    },
    ("todo", "add_item"): _one_more,
    **{(domain, "select_option"): _state("option") for domain in ("select", "input_select")},
    **{(domain, "set_value"): _state("value") for domain in ("text", "input_text")},
}
