"""How loud it speaks."""

from __future__ import annotations

from homeassistant.components.number import NumberEntity, NumberMode
from homeassistant.const import PERCENTAGE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import VoiceConfigEntry
from .entity import VoiceEntity

PARALLEL_UPDATES = 1


async def async_setup_entry(
    hass: HomeAssistant, entry: VoiceConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the number."""
    async_add_entities([Volume(entry.runtime_data, "volume")])


class Volume(VoiceEntity, NumberEntity):
    """0 to 100 %."""

    _attr_native_min_value = 0
    _attr_native_max_value = 100
    _attr_native_step = 1
    _attr_native_unit_of_measurement = PERCENTAGE
    _attr_mode = NumberMode.SLIDER

    @property
    def native_value(self) -> float | None:
        """The volume in percent."""
        volume = self.status.get("volume")
        return round(volume * 100) if isinstance(volume, int | float) else None

    async def async_set_native_value(self, value: float) -> None:
        """Set it."""
        await self.coordinator.do("/api/volume", {"level": value / 100})
