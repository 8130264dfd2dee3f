"""The message that makes the daemon a device of Home Assistant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rtaudio_daemon.config import Mqtt
from rtaudio_daemon.mqtt import discovery
from rtaudio_daemon.mqtt.discovery import Json, Shown
from rtaudio_daemon.mqtt.topics import COMMANDS, Topics

TOPICS = Topics("rtaudio-daemon", "kitchen")
PLATFORMS = {
    "status": "sensor",
    "microphone": "switch",
    "volume": "number",
    "persona": "select",
    "listen": "button",
    "interrupt": "button",
    "dismiss": "button",
    "say": "notify",
    "prompt": "notify",
    "event": "event",
    "service": "binary_sensor",
    "uplink": "binary_sensor",
    "problem": "binary_sensor",
    "cost_today": "sensor",
    "first_sound": "sensor",
    "next_timer": "sensor",
    "last_said": "sensor",
    "last_heard": "sensor",
}


def entities(
    personas: tuple[str, ...] = ("mycroft",), /, *, priced: bool = True, **settings: Any
) -> Json:
    message = discovery.message(Mqtt(**settings), TOPICS, Shown("1.2.3", priced, personas))
    return dict(message["cmps"])


def test_every_entity_is_in_it_with_a_name_of_its_own() -> None:
    found = entities(said=True)
    assert {key: entity["p"] for key, entity in found.items()} == PLATFORMS
    assert len({entity["uniq_id"] for entity in found.values()}) == len(PLATFORMS)
    assert len({entity["name"] for entity in found.values()}) == len(PLATFORMS)


@pytest.mark.parametrize(
    ("settings", "priced", "gone"),
    [
        ({}, True, {"last_said", "last_heard"}),
        ({"said": True}, False, {"cost_today"}),
        ({"said": True, "commands": False}, True, set(COMMANDS)),
    ],
)
def test_what_is_switched_off_says_only_its_platform_which_removes_it(
    settings: dict[str, bool], priced: bool, gone: set[str]
) -> None:
    found = entities(priced=priced, **settings)
    assert found.keys() == PLATFORMS.keys()
    for key, entity in found.items():
        assert (entity == {"p": PLATFORMS[key]}) == (key in gone), key


def test_the_device_has_the_name_and_the_area_of_the_settings() -> None:
    message = discovery.message(Mqtt(area="Küche"), TOPICS, Shown("1.2.3", priced=False))
    assert message["dev"] == {
        "ids": ["rtaudio-daemon-kitchen"],
        "name": "Voice",
        "mf": "rtaudio-daemon",
        "mdl": "Voice assistant",
        "sw": "1.2.3",
        "sa": "Küche",
    }
    assert message["avty"] == [{"t": "rtaudio-daemon/kitchen/availability"}]
    unnamed = discovery.message(Mqtt(name=""), TOPICS, Shown("1", priced=False))
    assert unnamed["dev"]["name"] == "rtaudio-daemon-kitchen"
    assert "sa" not in unnamed["dev"]


def test_it_is_one_message_of_a_few_kilobytes_below_the_prefix() -> None:
    where = discovery.topic(Mqtt(discovery_prefix="ha"), TOPICS)
    assert where == "ha/device/rtaudio-daemon-kitchen/config"
    message = discovery.message(Mqtt(said=True), TOPICS, Shown("1", priced=True))
    assert len(json.dumps(message)) < 8 * 1024


def test_costs_have_the_currency_of_the_settings() -> None:
    assert entities(currency="EUR")["cost_today"]["unit_of_meas"] == "EUR"
    assert entities(currency="")["cost_today"]["unit_of_meas"] == "USD"


def test_templates_name_only_what_is_published() -> None:
    published = {
        TOPICS.state: {
            *("status", "previous", "since", "ha_state", "muted", "volume", "persona", "service"),
            *("uplink", "problem", "reason", "cost_today", "first_sound_ms"),
        },
        TOPICS.timers: {"next", "timers"},
        TOPICS.last_said: {"text", "whole"},
        TOPICS.last_heard: {"text", "whole"},
    }
    for key, entity in entities(said=True).items():
        for where, template in (("stat_t", "val_tpl"), ("json_attr_t", "json_attr_tpl")):
            fields = set(re.findall(r"value_json\.(\w+)", entity.get(template, "")))
            assert fields <= published.get(entity.get(where, ""), set()), key


def test_who_answers_can_be_selected_where_there_is_a_choice() -> None:
    persona = entities(("mycroft", "Frau Holle"))["persona"]
    assert persona["ops"] == ["(nobody special)", "mycroft", "Frau Holle"]
    assert persona["cmd_t"] == "rtaudio-daemon/kitchen/persona/set"
    assert entities(())["persona"] == {"p": "select"}
