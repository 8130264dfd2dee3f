"""What a person may attach to a report: no token, no address, nobody's words."""

from __future__ import annotations

from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_HOST, CONF_TOKEN
from homeassistant.core import HomeAssistant

from .coordinator import VoiceConfigEntry

_HIDDEN = {CONF_TOKEN, CONF_HOST, "session_id", "text", "name", "broker", "topic", "id"}
_HIDDEN |= {"notes", "last_error"}  # sentences, which name addresses and users


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: VoiceConfigEntry
) -> dict[str, Any]:
    """The entry and the newest status."""
    coordinator = entry.runtime_data
    return {
        "entry": async_redact_data(dict(entry.data), _HIDDEN),
        "available": coordinator.last_update_success,
        "reconnects": coordinator.reconnects,
        "status": async_redact_data(coordinator.data, _HIDDEN),
    }
