"""What happens, for automations."""

from __future__ import annotations

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import Json
from .const import EVENT_TYPES
from .coordinator import VoiceConfigEntry
from .entity import VoiceEntity

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: VoiceConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the event entity."""
    async_add_entities([Happening(entry.runtime_data, "event")])


class Happening(VoiceEntity, EventEntity):
    """The newest thing that happened, with what is known of it as attributes."""

    _attr_event_types = EVENT_TYPES

    async def async_added_to_hass(self) -> None:
        """Listen."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.listen(self._happened))

    @callback
    def _happened(self, kind: str, data: Json) -> None:
        self._trigger_event(kind, data)
        self.async_write_ha_state()
