"""Whether it hears."""

from __future__ import annotations

from typing import Any

from homeassistant.components.switch import SwitchEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import VoiceConfigEntry
from .entity import VoiceEntity

PARALLEL_UPDATES = 1


async def async_setup_entry(
    hass: HomeAssistant, entry: VoiceConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the switch."""
    async_add_entities([Microphone(entry.runtime_data, "microphone")])


class Microphone(VoiceEntity, SwitchEntity):
    """On: it hears; off: it is muted."""

    @property
    def is_on(self) -> bool:
        """Whether it hears."""
        return not self.status.get("muted")

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Open the microphone."""
        await self.coordinator.do("/api/mute", {"muted": False})

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Close the microphone."""
        await self.coordinator.do("/api/mute", {"muted": True})
