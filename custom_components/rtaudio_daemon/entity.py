"""What all entities of a daemon have in common."""

from __future__ import annotations

from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .client import Json
from .const import DOMAIN
from .coordinator import VoiceCoordinator


class VoiceEntity(CoordinatorEntity[VoiceCoordinator]):
    """`key` names it among the entities of its daemon, and its translation."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: VoiceCoordinator, key: str) -> None:
        super().__init__(coordinator)
        daemon = coordinator.config_entry.unique_id
        self._attr_unique_id = f"{daemon}_{key}"
        self._attr_translation_key = key
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, str(daemon))},
            name=self.status["daemon"].get("name") or coordinator.config_entry.title,
            manufacturer="rtaudio-daemon",
            model="Realtime voice",
            sw_version=self.status.get("version"),
            configuration_url=str(coordinator.client.url),
        )

    @property
    def status(self) -> Json:
        """The newest status of the daemon."""
        return self.coordinator.data
