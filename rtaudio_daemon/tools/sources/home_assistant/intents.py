"""What the tools of Home Assistant concern, and what they ask for.

Tool names look like `intent__HassTurnOn`: the part before `__` is an integration and may change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...tool import Json, Target
from .exposed import Thing, same
from .states import State, number_of, targets_inside

_ENTITIES_MOST = 64
_DOMAINS: Mapping[str, str] = {
    "HassLightSet": "light",
    "HassClimateSetTemperature": "climate",
    "HassSetVolume": "media_player",
    "HassMedia": "media_player",
    "HassVacuum": "vacuum",
    "HassLawnMower": "lawn_mower",
    "HassFan": "fan",
    "HassHumidifier": "humidifier",
    "HassOpenCover": "cover",
    "HassCloseCover": "cover",
}
"""The domain implied by the beginning of a name."""
_ELSEWHERE: Mapping[str, str] = {
    "HassList": "todo",
    "HassShoppingList": "todo",
    "HassBroadcast": "assist_satellite",
    "HassCancelAllTimers": "timer",
}
"""Tools that act on nothing that could be checked, and their domains."""
_WAYS: Mapping[str, Mapping[str, str]] = {
    "HassTurnOn": {"lock": "lock", "cover": "open_cover", "valve": "open_valve", "": "turn_on"},
    "HassTurnOff": {
        "lock": "unlock",
        "cover": "close_cover",
        "valve": "close_valve",
        "": "turn_off",
    },
    "HassToggle": {"": "toggle"},
    "HassOpenCover": {"": "open_cover"},
    "HassCloseCover": {"": "close_cover"},
    "HassLightSet": {"": "turn_on"},
    "HassSetPosition": {"cover": "set_cover_position", "valve": "set_valve_position"},
    "HassStopMoving": {"cover": "stop_cover", "valve": "stop_valve"},
    "HassClimateSetTemperature": {"": "set_temperature"},
    "HassSetVolume": {"": "volume_set"},
    "HassMediaPause": {"": "media_pause"},
    "HassMediaUnpause": {"": "media_play"},
    "HassMediaPlayerMute": {"": "volume_mute"},
    "HassMediaPlayerUnmute": {"": "volume_mute"},
    "HassFanSetSpeed": {"": "set_percentage"},
    "HassHumidifierSetpoint": {"": "set_humidity"},
    "HassVacuumStart": {"": "start"},
    "HassVacuumReturnToBase": {"": "return_to_base"},
    "HassLawnMowerStartMowing": {"": "start_mowing"},
    "HassLawnMowerDock": {"": "dock"},
    "HassListAddItem": {"todo": "add_item"},
    "HassShoppingListAddItem": {"todo": "add_item"},
}
"""The service equivalent to a tool, by the domain of the thing."""


def short_name(tool: str) -> str:
    """Return a tool's name without its integration."""
    return tool.rpartition("__")[2]


def action_of(tool: str, domain: str, arguments: Json) -> tuple[str, Json] | None:
    """Return the action and data equivalent to a call for things of `domain`; None if unknown."""
    name = short_name(tool)
    ways = _WAYS.get(name, {})
    service = ways.get(domain) or ways.get("")
    if not service:
        return None
    return f"{domain}.{service}", dict(_data(name, arguments))


def _data(name: str, arguments: Json) -> Iterator[tuple[str, Any]]:
    same_name = ("position", "temperature", "percentage", "humidity")
    if name == "HassLightSet":
        keys = {"brightness": "brightness_pct", "temperature": "color_temp_kelvin"}
        yield from ((keys[key], arguments[key]) for key in keys if key in arguments)
        if "color" in arguments:
            yield "color_name", arguments["color"]
    elif name == "HassSetVolume":
        if (level := number_of(arguments.get("volume_level"))) is not None:
            yield "volume_level", level / 100
    elif name in ("HassMediaPlayerMute", "HassMediaPlayerUnmute"):
        yield "is_volume_muted", name == "HassMediaPlayerMute"
    else:
        yield from ((key, arguments[key]) for key in same_name if key in arguments)


# ------------------------------------------------------------------ what they concern


@dataclass(frozen=True, slots=True)
class Asked:
    """What the arguments of a call refer to."""

    name: str
    area: str
    floor: str
    domains: tuple[str, ...]
    device_classes: tuple[str, ...]


def asked_in(tool: str, arguments: Json) -> Asked:
    """Return the arguments that say what a call concerns, with the domain that the tool implies."""
    name = short_name(tool)
    implied = _by_beginning(_DOMAINS, name)
    domains = _texts(arguments.get("domain")) or ((implied,) if implied else ())
    return Asked(
        _text(arguments.get("name")),
        _text(arguments.get("area")),
        _text(arguments.get("floor")),
        domains,
        _texts(arguments.get("device_class")),
    )


def is_control(tool: str) -> bool:
    """Return whether a tool acts on exposed things."""
    name = short_name(tool)
    return name.startswith("Hass") and not _by_beginning(_ELSEWHERE, name)


def is_seen(tool: str) -> bool:
    """Return whether the effect of a tool can be visible in a state."""
    return is_control(tool) or short_name(tool) in _WAYS


def other_targets(tool: str) -> list[Target]:
    """Return the targets of a tool that does not act on exposed things; [] if unknown."""
    integration, _, name = tool.partition("__")
    if integration == "script" and name:
        return [Target("script", "none", f"script.{name}")]
    domain = _by_beginning(_ELSEWHERE, short_name(tool))
    return [Target(domain)] if domain else []


def chosen(asked: Asked, things: Sequence[Thing]) -> list[Thing]:
    """Return the things that a call acts on."""
    return [thing for thing in things if _is_meant(asked, thing)]


def targets_of_things(
    asked: Asked, things: Iterable[Thing], states: Mapping[str, State]
) -> list[Target]:
    """Return targets with the class from the state; unknown properties stay empty.

    The members of groups and scenes are included.
    """
    found: dict[Target, None] = {}
    for thing in things:
        known = [
            state
            for state in states.values()
            if state.domain == thing.domain and any(same(state.name, each) for each in thing.names)
        ]
        for state in known:
            found.update(dict.fromkeys(targets_inside(state, states)))
        for area in thing.areas or ("",):
            for state in known:
                if _has_class(asked, state):
                    found[Target(thing.domain, state.device_class, state.entity, area)] = None
            if not known:
                found[Target(thing.domain, thing.device_class, "", area)] = None
    return list(found)


def unknown_targets(asked: Asked) -> list[Target]:
    """Return the targets of a call if only its arguments are known."""
    classes = asked.device_classes or ("",)
    return [
        Target(domain, device_class, "", asked.area)
        for domain in asked.domains or ("",)
        for device_class in classes
    ]


def _is_meant(asked: Asked, thing: Thing) -> bool:
    if asked.domains and thing.domain not in asked.domains:
        return False
    if asked.area and not any(same(asked.area, area) for area in thing.areas):
        return False
    return not asked.name or any(same(asked.name, name) for name in thing.names)


def _has_class(asked: Asked, state: State) -> bool:
    return not asked.device_classes or state.device_class in asked.device_classes


# ------------------------------------------------------------------ what they answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What Home Assistant reports to have done. `entities`: those that it acted on."""

    entities: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    speech: str = ""


def answer_of(result: Any) -> Answer | None:
    """Return the answer of a tool that acts; None for any other result."""
    value = _json(result)
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, dict):
        return None
    entities = tuple(
        each["id"]
        for each in _dicts(data.get("success"))
        if each.get("type") == "entity" and isinstance(each.get("id"), str)
    )
    failed = tuple(str(each.get("name", ""))[:255] for each in _dicts(data.get("failed")))
    return Answer(entities[:_ENTITIES_MOST], failed[:_ENTITIES_MOST], _speech(value))


def plain_result(result: Any) -> Any:
    """Return a result with the JSON inside a text parsed."""
    value = _json(result)
    if isinstance(value, dict) and set(value) == {"result"}:
        return value["result"]
    return value


def _speech(value: Any) -> str:
    speech = value.get("speech")
    plain = speech.get("plain") if isinstance(speech, dict) else None
    words = plain.get("speech") if isinstance(plain, dict) else None
    return words[:1000] if isinstance(words, str) else ""


def _json(result: Any) -> Any:
    if not isinstance(result, str):
        return result
    try:
        return json.loads(result)
    except (ValueError, RecursionError):
        return result


def _dicts(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _by_beginning(table: Mapping[str, str], name: str) -> str:
    return next((domain for start, domain in table.items() if name.startswith(start)), "")


def _texts(value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value]
    return tuple(_text(each).casefold() for each in given if _text(each))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
