"""States in Home Assistant: parsed once, bounded, and described in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....protocol.bounds import printable
from ...tool import Target

_TEXT_CHARACTERS = 255
_FULL = 255  # Home Assistant's brightness

_LOOKED_AT = (
    *("brightness", "color_temp_kelvin", "rgb_color", "effect"),
    *("current_position", "current_tilt_position"),
    *("percentage", "preset_mode", "oscillating", "direction"),
    *("temperature", "target_temp_high", "target_temp_low", "humidity", "fan_mode", "swing_mode"),
    *("volume_level", "is_volume_muted", "source", "sound_mode", "shuffle", "repeat"),
    *("media_title", "mode", "operation_mode"),
)
"""The attributes that actions may change and people would notice."""


@dataclass(frozen=True, slots=True)
class State:
    """One thing: its entity id (such as light.hall), its state, and its attributes as sent."""

    entity: str
    state: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """The kind of thing, such as light."""
        return self.entity.partition(".")[0]

    @property
    def name(self) -> str:
        """The name that people use."""
        name = self.attributes.get("friendly_name")
        return _text(name) if isinstance(name, str) and name.strip() else self.entity

    @property
    def device_class(self) -> str:
        """Its class, such as garage; "none" if it has none."""
        given = self.attributes.get("device_class")
        return _text(given) if isinstance(given, str) and given else "none"

    @property
    def members(self) -> list[str]:
        """The entity ids of the members of a group or scene, in lower case."""
        given = self.attributes.get("entity_id")
        texts = given if isinstance(given, list) else ()
        return [each.casefold() for each in texts if isinstance(each, str)]

    @property
    def target(self) -> Target:
        """Return it as a target for rules; its area is unknown."""
        return Target(self.domain, self.device_class, self.entity)

    def number(self, attribute: str) -> float | None:
        """Return a numeric attribute; None if it is not a number."""
        return number_of(self.attributes.get(attribute))


def state_of(value: Any) -> State | None:
    """Parse a state sent by Home Assistant; None if it is invalid."""
    if not isinstance(value, dict):
        return None
    entity, state, attributes = value.get("entity_id"), value.get("state"), value.get("attributes")
    if not isinstance(entity, str) or "." not in entity or not isinstance(state, str):
        return None
    known = attributes if isinstance(attributes, dict) else {}
    return State(_text(entity), _text(state), known)


def states_of(value: Any) -> dict[str, State]:
    """Parse a list of states, by entity id; invalid ones are skipped."""
    found = map(state_of, value if isinstance(value, list) else ())
    return {state.entity: state for state in found if state is not None}


def targets_inside(state: State, known: Mapping[str, State]) -> list[Target]:
    """Return the members of a group or scene; if one is not `known`, its id gives the domain."""
    return [
        known[each].target if each in known else Target(each.partition(".")[0], "", each)
        for each in state.members
    ]


def number_of(value: Any) -> float | None:
    """Return a finite number, which may be spelled as text; None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def differ(before: State, after: State) -> bool:
    """Return whether somebody would notice a difference."""
    return before.state != after.state or any(
        before.attributes.get(name) != after.attributes.get(name) for name in _LOOKED_AT
    )


def in_words(state: State) -> str:
    """Return a state in a few words, such as "on, brightness 40 %"."""
    unit = state.attributes.get("unit_of_measurement")
    first = f"{state.state} {_text(unit)}" if isinstance(unit, str) and unit else state.state
    return ", ".join([first, *_details(state)])


def _details(state: State) -> Iterable[str]:
    if state.state in ("off", "unavailable", "unknown"):
        return
    if (brightness := state.number("brightness")) is not None:
        yield f"brightness {round(brightness / _FULL * 100)} %"
    for attribute, words in (
        ("current_position", "position {} %"),
        ("percentage", "speed {} %"),
        ("temperature", "set to {} degrees"),
        ("current_temperature", "now {} degrees"),
    ):
        if (number := state.number(attribute)) is not None:
            yield words.format(f"{number:g}")
    if (volume := state.number("volume_level")) is not None:
        yield f"volume {round(volume * 100)} %"
    title = state.attributes.get("media_title")
    if isinstance(title, str) and title:
        yield _text(title)


def _text(value: str) -> str:
    return printable(value[:_TEXT_CHARACTERS].strip())
