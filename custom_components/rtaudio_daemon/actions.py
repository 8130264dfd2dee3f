"""The actions say, ask, play and interrupt, for satellites of this integration."""

from __future__ import annotations

from typing import cast

import probatio as vol
from homeassistant.components.assist_satellite import DOMAIN as SATELLITE
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.service import async_register_platform_entity_service

from .assist_satellite import Satellite, plain_sentences
from .client import Json
from .const import DOMAIN

_PRIORITY = vol.In(["normal", "high"])
_ANSWERS = vol.All(
    cv.ensure_list,
    [
        vol.Schema(
            {
                vol.Required("id"): cv.string,
                vol.Required("sentences"): vol.All(cv.ensure_list, [cv.string]),
            }
        )
    ],
)


@callback
def register_actions(hass: HomeAssistant) -> None:
    """Register them; they are there as long as Home Assistant runs."""
    async_register_platform_entity_service(
        hass,
        DOMAIN,
        "say",
        entity_domain=SATELLITE,
        func=_say,
        schema={
            vol.Required("message"): cv.string,
            vol.Optional("mode", default="verbatim"): vol.In(["verbatim", "prompt"]),
            vol.Optional("priority", default="normal"): _PRIORITY,
            vol.Optional("chime", default=False): cv.boolean,
            vol.Optional("remember", default=False): cv.boolean,
        },
        supports_response=SupportsResponse.OPTIONAL,
    )
    async_register_platform_entity_service(
        hass,
        DOMAIN,
        "ask",
        entity_domain=SATELLITE,
        func=_ask,
        schema={
            vol.Required("question"): cv.string,
            vol.Optional("answers", default=list): _ANSWERS,
            vol.Optional("timeout", default=20): vol.All(
                vol.Coerce(float), vol.Range(min=1, max=120)
            ),
            vol.Optional("chime", default=True): cv.boolean,
        },
        supports_response=SupportsResponse.ONLY,
    )
    async_register_platform_entity_service(
        hass,
        DOMAIN,
        "play",
        entity_domain=SATELLITE,
        func=_play,
        schema={
            vol.Exclusive("url", "sound"): cv.string,
            vol.Exclusive("file", "sound"): cv.string,
            vol.Optional("priority", default="normal"): _PRIORITY,
        },
        supports_response=SupportsResponse.OPTIONAL,
    )
    async_register_platform_entity_service(
        hass, DOMAIN, "interrupt", entity_domain=SATELLITE, func=_interrupt, schema={}
    )


async def _say(entity: Entity, call: ServiceCall) -> Json:
    body = {name: call.data[name] for name in ("mode", "priority", "chime", "remember")}
    body["text"] = call.data["message"]
    return await cast(Satellite, entity).say("/api/say", body)


async def _ask(entity: Entity, call: ServiceCall) -> Json:
    answers = [
        {"id": each["id"], "sentences": plain_sentences(each["sentences"])}
        for each in call.data["answers"]
    ]
    body = {"question": call.data["question"], "answers": answers, "chime": call.data["chime"]}
    return await cast(Satellite, entity).ask({**body, "timeout_s": call.data["timeout"]})


async def _play(entity: Entity, call: ServiceCall) -> Json:
    names = ("url", "file", "priority")
    body = {name: call.data[name] for name in names if name in call.data}
    return await cast(Satellite, entity).say("/api/play", body)


async def _interrupt(entity: Entity, call: ServiceCall) -> None:
    await cast(Satellite, entity).coordinator.do("/api/interrupt", {})
