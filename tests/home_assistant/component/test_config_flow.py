"""A daemon is set up, by hand and found, with the right token and no other."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER, SOURCE_ZEROCONF, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from .conftest import DOMAIN, TOKEN, Start, Wire, set_up

WRONG = "not-the-token-at-all"


def address(port: int, token: str = TOKEN) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, **({"token": token} if token else {})}


async def user_step(hass: HomeAssistant, data: dict[str, Any]) -> Any:
    flow = hass.config_entries.flow
    shown = await flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert (shown["type"], shown["step_id"]) == ("form", "user")
    return await flow.async_configure(shown["flow_id"], data)


async def test_by_its_address(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    made = await user_step(hass, address(daemon.port))
    assert (made["type"], made["title"]) == ("create_entry", "Voice")
    assert made["data"] == address(daemon.port)
    assert made["result"].unique_id == "kitchen"
    await hass.async_block_till_done()
    assert made["result"].state is ConfigEntryState.LOADED


async def test_without_a_token_where_none_is_needed(hass: HomeAssistant, start: Start) -> None:
    daemon = await start(token="")
    made = await user_step(hass, address(daemon.port, ""))
    assert (made["type"], "token" in made["data"]) == ("create_entry", False)
    await hass.async_block_till_done()


@pytest.mark.parametrize(
    ("change", "where", "error"),
    [
        ({"token": WRONG}, "base", "invalid_auth"),
        ({"token": "read-this-and-no-more"}, "base", "invalid_auth"),
        ({"token": " "}, "base", "token_needed"),
        ({"host": "::bad::/x"}, "host", "invalid_host"),
        ({"port": 9}, "base", "cannot_connect"),
    ],
)
async def test_what_is_wrong_is_named_and_can_be_put_right(
    hass: HomeAssistant, start: Start, change: dict[str, Any], where: str, error: str
) -> None:
    daemon = await start(read_token="read-this-and-no-more")
    shown = await user_step(hass, address(daemon.port) | change)
    assert (shown["type"], shown["errors"]) == ("form", {where: error})
    assert TOKEN not in str(shown["data_schema"].schema)
    made = await hass.config_entries.flow.async_configure(shown["flow_id"], address(daemon.port))
    assert made["type"] == "create_entry"
    await hass.async_block_till_done()


async def test_one_daemon_is_set_up_once(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port)
    again = await user_step(hass, address(daemon.port))
    assert (again["type"], again["reason"]) == ("abort", "already_configured")
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


def found(port: int, **properties: str) -> ZeroconfServiceInfo:
    here = ip_address("127.0.0.1")
    return ZeroconfServiceInfo(
        ip_address=here,
        ip_addresses=[here],
        port=port,
        hostname="voice.local.",
        type="_rtaudio._tcp.local.",
        name="Voice._rtaudio._tcp.local.",
        properties=properties,
    )


async def zeroconf_step(hass: HomeAssistant, info: ZeroconfServiceInfo) -> Any:
    source = {"source": SOURCE_ZEROCONF}
    return await hass.config_entries.flow.async_init(DOMAIN, context=source, data=info)


async def test_found_in_the_network(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    flow = hass.config_entries.flow
    shown = await zeroconf_step(hass, found(daemon.port, id="kitchen", name="Kitchen"))
    assert (shown["type"], shown["step_id"]) == ("form", "confirm")
    assert shown["description_placeholders"] == {"name": "Kitchen", "host": "127.0.0.1"}
    shown = await flow.async_configure(shown["flow_id"], {})
    assert shown["errors"] == {"base": "token_needed"}
    made = await flow.async_configure(shown["flow_id"], {"token": TOKEN})
    assert (made["type"], made["data"]) == ("create_entry", address(daemon.port))
    await hass.async_block_till_done()


async def test_found_again_at_another_address(hass: HomeAssistant, start: Start) -> None:
    entry = await set_up(hass, 9)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    daemon = await start()
    done = await zeroconf_step(hass, found(daemon.port, id="kitchen"))
    assert (done["type"], done["reason"]) == ("abort", "already_configured")
    await hass.async_block_till_done()
    assert entry.data["port"] == daemon.port
    assert entry.state is ConfigEntryState.LOADED


async def test_a_stranger_with_the_id_of_a_daemon_that_answers_gets_no_token(
    hass: HomeAssistant, start: Start
) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port)
    other = await start()  # by accident, or to be given the token
    done = await zeroconf_step(hass, found(other.port, id="kitchen"))
    assert (done["type"], done["reason"]) == ("abort", "already_configured")
    await hass.async_block_till_done()
    assert entry.data["port"] == daemon.port
    await daemon.stop()
    done = await zeroconf_step(hass, found(other.port, id="kitchen"))
    assert (done["type"], done["reason"]) == ("abort", "already_configured")
    assert entry.data["port"] == other.port, "now it is elsewhere"


async def test_what_is_found_and_is_none_or_another(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    done = await zeroconf_step(hass, found(daemon.port))
    assert (done["type"], done["reason"]) == ("abort", "no_daemon")
    shown = await zeroconf_step(hass, found(daemon.port, id="bath"))
    done = await hass.config_entries.flow.async_configure(shown["flow_id"], {"token": TOKEN})
    assert (done["type"], done["reason"]) == ("abort", "another_daemon")


async def test_a_new_token_after_the_old_one_is_refused(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port, token=WRONG)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["step_id"] == "reauth_confirm"
    configure = hass.config_entries.flow.async_configure
    shown = await configure(flow["flow_id"], {"token": WRONG})
    assert shown["errors"] == {"base": "invalid_auth"}
    done = await configure(flow["flow_id"], {"token": TOKEN})
    assert (done["type"], done["reason"]) == ("abort", "reauth_successful")
    await hass.async_block_till_done()
    assert (entry.data["token"], entry.state) == (TOKEN, ConfigEntryState.LOADED)


async def test_another_address_of_the_same_daemon(
    hass: HomeAssistant, start: Start, wire: Wire
) -> None:
    other = await start(id="bath")
    entry = await set_up(hass, wire.port)
    shown = await entry.start_reconfigure_flow(hass)
    assert shown["step_id"] == "reconfigure"
    configure = hass.config_entries.flow.async_configure
    shown = await configure(shown["flow_id"], {"host": "127.0.0.1", "port": 9})
    assert shown["errors"] == {"base": "cannot_connect"}
    done = await configure(shown["flow_id"], {"host": "127.0.0.1", "port": wire.to})
    assert (done["type"], done["reason"]) == ("abort", "reconfigure_successful")
    await hass.async_block_till_done()
    assert entry.data == address(wire.to)
    shown = await entry.start_reconfigure_flow(hass)
    done = await configure(shown["flow_id"], {"host": "127.0.0.1", "port": other.port})
    assert (done["type"], done["reason"]) == ("abort", "another_daemon")
