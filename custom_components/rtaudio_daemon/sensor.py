"""What it does, and when the next timer ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .client import Json
from .coordinator import VoiceConfigEntry, VoiceCoordinator
from .entity import VoiceEntity

PARALLEL_UPDATES = 0
_STATUSES = ("idle", "listening", "thinking", "speaking")
_OF_A_TIMER = ("id", "kind", "name", "state", "ends_at", "days")


async def async_setup_entry(
    hass: HomeAssistant, entry: VoiceConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors."""
    async_add_entities([Status(entry.runtime_data), NextTimer(entry.runtime_data)])


class Status(VoiceEntity, SensorEntity):
    """idle, listening, thinking or speaking."""

    _attr_device_class = SensorDeviceClass.ENUM

    def __init__(self, coordinator: VoiceCoordinator) -> None:
        super().__init__(coordinator, "status")
        self._attr_options = list(_STATUSES)

    @property
    def native_value(self) -> str | None:
        """The status."""
        status = self.status.get("status")
        return status if status in _STATUSES else None

    @property
    def extra_state_attributes(self) -> dict[str, Any]:
        """What it was before."""
        return {"previous": self.status.get("previous")}


class NextTimer(VoiceEntity, SensorEntity):
    """When the next timer, alarm or reminder is due."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP

    def __init__(self, coordinator: VoiceCoordinator) -> None:
        super().__init__(coordinator, "next_timer")

    @property
    def native_value(self) -> datetime | None:
        """The time; None without a timer."""
        ends = [dt_util.parse_datetime(each.get("ends_at") or "") for each in self._timers()]
        return min((each for each in ends if each is not None), default=None)

    @property
    def extra_state_attributes(self) -> dict[str, Any]:
        """All of them, without what reminders say."""
        return {
            "timers": [
                {name: each[name] for name in _OF_A_TIMER if name in each}
                for each in self._timers()
            ]
        }

    def _timers(self) -> list[Json]:
        timers = self.status.get("timers")
        found = timers.get("timers") if isinstance(timers, dict) else timers
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
