"""Sets up a daemon: by its address, or found in the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import probatio as vol
from homeassistant.config_entries import ConfigEntry, ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from .client import DaemonError, Json, NotAllowedError, UnknownHostError, VoiceClient
from .const import DEFAULT_PORT, DOMAIN, LOGGER

_PASSWORD = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
_PORT = vol.All(
    NumberSelector(NumberSelectorConfig(min=1, max=65535, mode=NumberSelectorMode.BOX)),
    vol.Coerce(int),
)
_TOKEN_ONLY = vol.Schema({vol.Optional(CONF_TOKEN): _PASSWORD})
_ADDRESS = vol.Schema(
    {
        vol.Required(CONF_HOST): str,
        vol.Required(CONF_PORT, default=DEFAULT_PORT): _PORT,
        vol.Optional(CONF_TOKEN): _PASSWORD,
    }
)


class VoiceConfigFlow(ConfigFlow, domain=DOMAIN):
    """Every way ends with a daemon that answered and let us change something."""

    VERSION = 1

    def __init__(self) -> None:
        self._found: Json = {}
        self._name = ""

    async def async_step_user(self, user_input: Json | None = None) -> ConfigFlowResult:
        """By its address."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = _data(user_input)
            status, errors = await self._try(data)
            if status is not None:
                await self.async_set_unique_id(status["daemon"]["id"])
                self._abort_if_unique_id_configured(updates=data)
                return self.async_create_entry(title=_title(status), data=data)
        schema = self.add_suggested_values_to_schema(_ADDRESS, _shown(user_input))
        return self.async_show_form(step_id="user", data_schema=schema, errors=errors)

    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Found in the network."""
        about = discovery_info.properties
        if not about.get("id"):
            return self.async_abort(reason="no_daemon")
        self._found = {CONF_HOST: discovery_info.host, CONF_PORT: discovery_info.port}
        entry = await self.async_set_unique_id(about["id"])
        if entry is not None and await self._answers(entry):
            return self.async_abort(reason="already_configured")
        self._abort_if_unique_id_configured(updates=self._found)
        self._name = about.get("name") or about["id"]
        self.context["title_placeholders"] = {"name": self._name}
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: Json | None = None) -> ConfigFlowResult:
        """Whether it shall be set up, and with which token."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = _data({**self._found, **user_input})
            status, errors = await self._try(data)
            if status is not None:
                if status["daemon"]["id"] != self.unique_id:
                    return self.async_abort(reason="another_daemon")
                return self.async_create_entry(title=_title(status), data=data)
        return self.async_show_form(
            step_id="confirm",
            data_schema=_TOKEN_ONLY,
            errors=errors,
            description_placeholders={"name": self._name, "host": str(self._found[CONF_HOST])},
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """The token is not taken any more."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: Json | None = None) -> ConfigFlowResult:
        """Another token."""
        errors: dict[str, str] = {}
        entry = self._get_reauth_entry()
        if user_input is not None:
            data = _data({**entry.data, CONF_TOKEN: "", **user_input})
            status, errors = await self._try(data)
            if status is not None:
                await self.async_set_unique_id(status["daemon"]["id"])
                self._abort_if_unique_id_mismatch(reason="another_daemon")
                return self.async_update_reload_and_abort(entry, data=data)
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=_TOKEN_ONLY,
            errors=errors,
            description_placeholders={"name": entry.title},
        )

    async def async_step_reconfigure(self, user_input: Json | None = None) -> ConfigFlowResult:
        """Another address or token of the same daemon."""
        errors: dict[str, str] = {}
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            kept = entry.data.get(CONF_TOKEN, "")
            data = _data({CONF_TOKEN: kept, **user_input})
            status, errors = await self._try(data)
            if status is not None:
                await self.async_set_unique_id(status["daemon"]["id"])
                self._abort_if_unique_id_mismatch(reason="another_daemon")
                return self.async_update_reload_and_abort(entry, data=data)
        shown = _shown(user_input if user_input is not None else entry.data)
        schema = self.add_suggested_values_to_schema(_ADDRESS, shown)
        return self.async_show_form(step_id="reconfigure", data_schema=schema, errors=errors)

    async def _answers(self, entry: ConfigEntry) -> bool:
        """Whether the daemon is still where it was: then somebody else only has its id.

        Anybody in the network can announce an id, and would be given the token.
        """
        if all(entry.data.get(name) == value for name, value in self._found.items()):
            return False
        status, _ = await self._try(_data(entry.data))
        return status is not None and status["daemon"]["id"] == entry.unique_id

    async def _try(self, data: Json) -> tuple[Json | None, dict[str, str]]:
        """The status of the daemon, or what to show."""
        http = async_get_clientsession(self.hass)
        token = data.get(CONF_TOKEN, "")
        try:
            client = VoiceClient(http, data[CONF_HOST], data[CONF_PORT], token)
            status = await client.status()
            await client.check_control()
        except NotAllowedError:
            return None, {"base": "invalid_auth" if token else "token_needed"}
        except UnknownHostError:
            return None, {"base": "unknown_host"}
        except ValueError:
            return None, {CONF_HOST: "invalid_host"}
        except DaemonError as error:
            LOGGER.debug("%s cannot be used: %s", data[CONF_HOST], error)
            return None, {"base": "cannot_connect"}
        return status, {}


def _data(values: Mapping[str, Any]) -> Json:
    """What is kept: without an empty token."""
    data: Json = {CONF_HOST: values[CONF_HOST].strip(), CONF_PORT: int(values[CONF_PORT])}
    if token := (values.get(CONF_TOKEN) or "").strip():
        data[CONF_TOKEN] = token
    return data


def _shown(values: Mapping[str, Any] | None) -> Json:
    """What is shown again: no token."""
    return {name: value for name, value in (values or {}).items() if name != CONF_TOKEN}


def _title(status: Json) -> str:
    return str(status["daemon"].get("name") or status["daemon"]["id"])
