"""The message that makes the daemon a device of Home Assistant, with all its entities.

An entity that is merely omitted from the message would stay in Home Assistant. Therefore every
entity is always included; one that is switched off states only its platform, which removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..config import Mqtt
from ..notifications import ModelStatus
from .states import EVENTS, NOBODY
from .topics import COMMANDS, Topics

Json = dict[str, Any]
_DIAGNOSTIC: Json = {"entity_category": "diagnostic"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What determines the entities, besides the settings."""

    version: str
    priced: bool
    """Whether the daemon knows the cost of its answers."""
    personas: tuple[str, ...] = ()
    """The available personas."""


def topic(settings: Mqtt, topics: Topics) -> str:
    """Return the topic where Home Assistant looks for the message."""
    return f"{settings.discovery_prefix}/device/{topics.device}/config"


def message(settings: Mqtt, topics: Topics, shown: Shown) -> Json:
    """Return the message, ready for JSON."""
    device: Json = {
        "ids": [topics.device],
        "name": settings.name or topics.device,
        "mf": "rtaudio-daemon",
        "mdl": "Voice assistant",
        "sw": shown.version,
    }
    if settings.area:
        device["sa"] = settings.area
    switched_off = _switched_off(settings, shown)
    return {
        "dev": device,
        "o": {"name": "rtaudio-daemon", "sw": shown.version},
        "avty": [{"t": topics.availability}],
        "qos": 1,
        "cmps": {
            key: {"p": entity["p"]}
            if key in switched_off
            else {"uniq_id": f"{topics.device}-{key}", **entity}
            for key, entity in _entities(settings, topics, shown).items()
        },
    }


def _switched_off(settings: Mqtt, shown: Shown) -> frozenset[str]:
    found = {"last_said", "last_heard"} if not settings.said else set()
    if not shown.priced:
        found.add("cost_today")
    if not shown.personas:
        found.add("persona")
    if not settings.commands:
        found |= set(COMMANDS)
    return frozenset(found)


def _entities(settings: Mqtt, topics: Topics, shown: Shown) -> Mapping[str, Json]:
    return {
        **_seen(settings, topics),
        **_controlled(topics),
        "persona": _persona(topics, shown.personas),
        **_said(topics),
    }


def _seen(settings: Mqtt, topics: Topics) -> Mapping[str, Json]:
    def of_state(platform: str, name: str, template: str, **more: Any) -> Json:
        return {"p": platform, "name": name, "stat_t": topics.state, "val_tpl": template, **more}

    def binary(name: str, field: str, **more: Any) -> Json:
        template = f"{{{{ 'ON' if value_json.{field} else 'OFF' }}}}"
        return of_state("binary_sensor", name, template, **more)

    return {
        "status": of_state(
            "sensor",
            "Status",
            "{{ value_json.status }}",
            dev_cla="enum",
            ops=[str(each) for each in ModelStatus],
            ic="mdi:account-voice",
            **_attributes(topics.state, "previous", "since", "ha_state"),
        ),
        "event": {
            "p": "event",
            "name": "Event",
            "stat_t": topics.event,
            "evt_typ": list(EVENTS),
            "ic": "mdi:bell-outline",
        },
        "service": binary("Service", "service", dev_cla="connectivity", **_DIAGNOSTIC),
        "uplink": binary("Uplink", "uplink", dev_cla="running", ic="mdi:cloud-upload-outline"),
        "problem": binary(
            "Problem",
            "problem",
            dev_cla="problem",
            **_attributes(topics.state, "reason"),
            **_DIAGNOSTIC,
        ),
        "cost_today": of_state(
            "sensor",
            "Cost today",
            "{{ value_json.cost_today }}",
            dev_cla="monetary",
            stat_cla="total",
            unit_of_meas=settings.currency or "USD",
        ),
        "first_sound": of_state(
            "sensor",
            "First sound",
            "{{ value_json.first_sound_ms }}",
            dev_cla="duration",
            unit_of_meas="ms",
            en=False,
            **_DIAGNOSTIC,
        ),
        "next_timer": {
            "p": "sensor",
            "name": "Next timer",
            "stat_t": topics.timers,
            "val_tpl": "{{ value_json.next }}",
            "dev_cla": "timestamp",
            **_attributes(topics.timers, "timers"),
        },
    }


def _controlled(topics: Topics) -> Mapping[str, Json]:
    def button(key: str, name: str, icon: str) -> Json:
        return {"p": "button", "name": name, "cmd_t": topics.command(key), "ic": icon}

    def notify(key: str, name: str, icon: str) -> Json:
        template = '{"text": {{ value | tojson }} }'
        found = {"p": "notify", "name": name, "cmd_t": topics.command(key), "ic": icon}
        return {**found, "cmd_tpl": template}

    return {
        "microphone": {
            "p": "switch",
            "name": "Microphone",
            "stat_t": topics.state,
            "val_tpl": "{{ 'OFF' if value_json.muted else 'ON' }}",
            "cmd_t": topics.command("microphone"),
            "ic": "mdi:microphone",
        },
        "volume": {
            "p": "number",
            "name": "Volume",
            "stat_t": topics.state,
            "val_tpl": "{{ (value_json.volume * 100) | round(0) | int }}",
            "cmd_t": topics.command("volume"),
            "min": 0,
            "max": 100,
            "step": 1,
            "unit_of_meas": "%",
            "ic": "mdi:volume-high",
        },
        "listen": button("listen", "Listen", "mdi:ear-hearing"),
        "interrupt": button("interrupt", "Interrupt", "mdi:hand-back-left"),
        "dismiss": button("dismiss", "Dismiss", "mdi:alarm-off"),
        "say": notify("say", "Say", "mdi:bullhorn"),
        "prompt": notify("prompt", "Prompt", "mdi:comment-question-outline"),
    }


def _persona(topics: Topics, names: tuple[str, ...]) -> Json:
    return {
        "p": "select",
        "name": "Persona",
        "stat_t": topics.state,
        "val_tpl": "{{ value_json.persona }}",
        "cmd_t": topics.command("persona"),
        "ops": [NOBODY, *names],
        "ic": "mdi:account-switch",
    }


def _said(topics: Topics) -> Mapping[str, Json]:
    def last(name: str, where: str) -> Json:
        found = {"p": "sensor", "name": name, "stat_t": where, "val_tpl": "{{ value_json.text }}"}
        return {**found, **_attributes(where, "whole"), "ic": "mdi:format-quote-close"}

    return {
        "last_said": last("Last said", topics.last_said),
        "last_heard": last("Last heard", topics.last_heard),
    }


def _attributes(where: str, *fields: str) -> Json:
    """Return which fields of the JSON at the topic `where` are the entity's attributes."""
    pairs = ", ".join(f"'{field}': value_json.{field}" for field in fields)
    return {"json_attr_t": where, "json_attr_tpl": f"{{{{ {{{pairs}}} | tojson }}}}"}
