"""The daemon's MQTT broker: which one is in use, and whether there is one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .. import config
from ..controls import Controls
from ..emitter import Emitter
from ..errors import NotConnectedError
from ..version import VERSION
from . import identity

if TYPE_CHECKING:
    from ..mqtt.bridge import Bridge
    from ..mqtt.discovery import Shown


class Broker:
    """Outlives changes by reload to another broker, or to none."""

    def __init__(self, controls: Controls, notifications: Emitter) -> None:
        self._controls = controls
        self._notifications = notifications
        self._bridge: Bridge | None = None

    def use(self, settings: config.Config, ready: asyncio.Event) -> Bridge | None:
        """Return the bridge to the broker of these settings, which the caller must run."""
        self._bridge = None
        if settings.mqtt.host:
            from ..mqtt.bridge import Bridge  # only here, as it takes memory

            self._bridge = Bridge(
                settings.mqtt,
                identity.topics(settings),
                _shown(settings),
                self._controls,
                lambda notification: self._notifications.emit("notification", notification),
                ready,
            )
        return self._bridge

    def leave(self, settings: config.Config) -> None:
        """Prepare for the end of the bridge, and for another one, or none, by these settings."""
        topics = identity.topics(settings)
        if self._bridge is not None and not self._bridge.stays(settings.mqtt, topics):
            self._bridge.forget_device()

    def show(self, settings: config.Config) -> None:
        """Show states according to these settings from now on."""
        if self._bridge is not None:
            self._bridge.show(_shown(settings))

    def try_again(self) -> None:
        """Connect at once if it is waiting for that."""
        if self._bridge is not None:
            self._bridge.try_again()

    async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish, and wait for the broker. Raises NotConnectedError, at once without a broker."""
        if self._bridge is None:
            raise NotConnectedError("there is no MQTT broker here")
        await self._bridge.publish(topic, payload, retain=retain)

    async def broadcast(self, said: str, text: str) -> None:
        """Let all other daemons say `text` under this id. Raises NotConnectedError."""
        if self._bridge is None:
            raise NotConnectedError("nothing was sent: there is no MQTT broker here")
        await self._bridge.broadcast(said, text)

    def document(self) -> dict[str, Any]:
        """Return its state for `/api/status`."""
        return self._bridge.document() if self._bridge else {"state": "off", "notes": []}

    def counts(self) -> dict[str, float]:
        """Return counters and gauges, by the names in `api.metrics.COUNTS`."""
        bridge = self._bridge
        if bridge is None:
            return {}
        return {
            "mqtt_connected": bridge.connected,
            "mqtt_losses": bridge.losses,
            "mqtt_commands": bridge.command_runner.taken,
            "mqtt_refused": bridge.command_runner.refused,
            "mqtt_yielded": bridge.answering.yielded,
        }


def _shown(settings: config.Config) -> Shown:
    from ..mqtt.discovery import Shown

    priced = any(settings.realtime.budget.in_effect().values())
    return Shown(VERSION, priced, tuple(settings.personas or ()))
