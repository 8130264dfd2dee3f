"""A tool that sends one message over MQTT."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.config import OwnMqtt
from rtaudio_daemon.errors import NotConnectedError
from rtaudio_daemon.tools.sources.mqtt_tool import MqttTool
from rtaudio_daemon.tools.tool import CallContext, ToolError

CONTEXT = CallContext("call")


class Broker:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bool]] = []
        self.away = False

    async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        if self.away:
            raise NotConnectedError("the MQTT broker is away")
        self.sent.append((topic, payload, retain))


@pytest.mark.parametrize(
    ("payload", "arguments", "sent"),
    [
        ("open", {}, "open"),
        ("", {}, ""),
        ("{level}", {"level": 20.0}, "20"),
        ('{"state": "{state}"}', {"state": "on"}, '{"state": "on"}'),
        ("{{state}}", {}, "{state}"),
        ("{text}", {"text": "a/../#+\n"}, "a/../#+\n"),
    ],
)
async def test_the_arguments_stand_in_the_payload_and_never_in_the_topic(
    payload: str, arguments: dict[str, Any], sent: str
) -> None:
    broker = Broker()
    tool = MqttTool(OwnMqtt("garden/gate/set", payload, retain=True), broker)
    assert await tool.run(arguments, CONTEXT) == "sent"
    assert broker.sent == [("garden/gate/set", sent, True)]


async def test_what_is_missing_is_asked_for_and_nothing_is_sent() -> None:
    broker = Broker()
    tool = MqttTool(OwnMqtt("garden/gate/set", "{who} {what}"), broker)
    with pytest.raises(ToolError, match="say also: what, who"):
        await tool.run({}, CONTEXT)
    assert broker.sent == []


async def test_a_broker_that_is_away_is_an_error_at_once() -> None:
    broker = Broker()
    broker.away = True
    with pytest.raises(ToolError, match="the MQTT broker is away"):
        await MqttTool(OwnMqtt("garden/gate/set"), broker).run({}, CONTEXT)
