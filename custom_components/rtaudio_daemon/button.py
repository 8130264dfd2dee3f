"""Be silent, and stop what rings."""

from __future__ import annotations

from homeassistant.components.button import ButtonEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import VoiceConfigEntry, VoiceCoordinator
from .entity import VoiceEntity

PARALLEL_UPDATES = 1
_BUTTONS = {
    "interrupt": "/api/interrupt",
    "dismiss": "/api/timers/dismiss",
    "snooze": "/api/timers/snooze",
}


async def async_setup_entry(
    hass: HomeAssistant, entry: VoiceConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons."""
    async_add_entities(Button(entry.runtime_data, key, path) for key, path in _BUTTONS.items())


class Button(VoiceEntity, ButtonEntity):
    """One POST without a body."""

    def __init__(self, coordinator: VoiceCoordinator, key: str, path: str) -> None:
        super().__init__(coordinator, key)
        self._path = path

    async def async_press(self) -> None:
        """Do it."""
        await self.coordinator.do(self._path, {})
