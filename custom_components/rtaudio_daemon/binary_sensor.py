"""Whether something is wrong, whether there is a session, and whether sound is sent."""

from __future__ import annotations

from typing import Any

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import Json
from .coordinator import VoiceConfigEntry, VoiceCoordinator
from .entity import VoiceEntity

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: VoiceConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the binary sensors."""
    coordinator = entry.runtime_data
    async_add_entities([Problem(coordinator), Service(coordinator), Uplink(coordinator)])


class Problem(VoiceEntity, BinarySensorEntity):
    """A microphone or a loudspeaker is lost or deaf."""

    _attr_device_class = BinarySensorDeviceClass.PROBLEM

    def __init__(self, coordinator: VoiceCoordinator) -> None:
        super().__init__(coordinator, "problem")

    @property
    def is_on(self) -> bool:
        """Whether something is wrong."""
        return bool(_problems(self.status))

    @property
    def extra_state_attributes(self) -> dict[str, Any]:
        """Why."""
        return {"reason": "; ".join(_problems(self.status))}


class Service(VoiceEntity, BinarySensorEntity):
    """There is a session, or one is made as soon as somebody speaks."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, coordinator: VoiceCoordinator) -> None:
        super().__init__(coordinator, "service")

    @property
    def is_on(self) -> bool:
        """Whether it could answer."""
        connection = self.status.get("connection") or {}
        return connection.get("state") in ("open", "renewing") or bool(connection.get("asleep"))


class Uplink(VoiceEntity, BinarySensorEntity):
    """Sound is sent to the service now."""

    _attr_device_class = BinarySensorDeviceClass.RUNNING

    def __init__(self, coordinator: VoiceCoordinator) -> None:
        super().__init__(coordinator, "uplink")

    @property
    def is_on(self) -> bool:
        """Whether sound is being sent."""
        return bool((self.status.get("uplink") or {}).get("open"))


def _problems(status: Json) -> list[str]:
    found = []
    for part, bad in (("microphone", ("lost", "deaf")), ("speaker", ("lost",))):
        device = status.get(part) or {}
        if device.get("state") in bad:
            name = "loudspeaker" if part == "speaker" else part
            reason = device.get("reason") or "no reason"
            found.append(f"the {name} is {device['state']}: {reason}"[:200])
    return found
