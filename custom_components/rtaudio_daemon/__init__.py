"""A voice for a home: a rtaudio-daemon in Home Assistant."""

from __future__ import annotations

from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.typing import ConfigType

from .actions import register_actions
from .client import VoiceClient
from .const import DOMAIN
from .coordinator import VoiceConfigEntry, VoiceCoordinator

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = [
    Platform.ASSIST_SATELLITE,
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SENSOR,
    Platform.SWITCH,
]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Offer the actions."""
    register_actions(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: VoiceConfigEntry) -> bool:
    """Connect to the daemon, and follow it."""
    data = entry.data
    client = VoiceClient(
        async_get_clientsession(hass), data[CONF_HOST], data[CONF_PORT], data.get(CONF_TOKEN, "")
    )
    coordinator = VoiceCoordinator(hass, entry, client)
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    entry.async_on_unload(coordinator.stop)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_create_background_task(hass, coordinator.follow(), f"{DOMAIN} events")
    return True


async def async_unload_entry(hass: HomeAssistant, entry: VoiceConfigEntry) -> bool:
    """Take down its entities; the task that follows ends with the entry."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
