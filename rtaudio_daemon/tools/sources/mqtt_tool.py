"""A tool that publishes one MQTT message, configured by `mqtt` in an entry of `tools.own`."""

from __future__ import annotations

from typing import Protocol

from ...config import OwnMqtt
from ...config.placeholders import fill, names_in
from ...errors import NotConnectedError
from ..tool import CallContext, Json, ToolError


class Publisher(Protocol):
    """Publishes over MQTT."""

    async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish, and wait for the broker. Raises NotConnectedError, at once without a broker."""


class MqttTool:
    """Publishes the message of `own` with the arguments of a call; the topic is fixed."""

    def __init__(self, own: OwnMqtt, publisher: Publisher) -> None:
        self._own = own
        self._publisher = publisher

    async def run(self, arguments: Json, _context: CallContext) -> str:
        """Publish it. Raises ToolError."""
        payload = fill(self._own.payload, arguments)
        if payload is None:  # some parameters are optional
            missing = {each for _, each in names_in(self._own.payload)} - arguments.keys()
            raise ToolError(f"say also: {', '.join(sorted(missing))}")
        try:
            await self._publisher.publish(self._own.topic, payload, retain=self._own.retain)
        except NotConnectedError as error:
            raise ToolError(str(error)) from error
        return "sent"
