"""The entities show what the daemon is and does, and do what they say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry, entity_registry
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.rtaudio_daemon.client import Event as ClientEvent
from custom_components.rtaudio_daemon.client import NotAllowedError
from custom_components.rtaudio_daemon.diagnostics import async_get_config_entry_diagnostics

from .conftest import DOMAIN, TOKEN, Start, Wire, set_up, until, until_state

STATUS = "sensor.voice_status"
ENTITIES = {
    "assist_satellite.voice",
    "binary_sensor.voice_problem",
    "binary_sensor.voice_service",
    "binary_sensor.voice_uplink",
    "button.voice_dismiss",
    "button.voice_interrupt",
    "button.voice_snooze",
    "event.voice_event",
    "number.voice_volume",
    "sensor.voice_next_timer",
    STATUS,
    "switch.voice_microphone",
}


def state(hass: HomeAssistant, entity: str) -> str:
    found = hass.states.get(entity)
    assert found is not None, entity
    return found.state


async def act(hass: HomeAssistant, action: str, entity: str, **data: Any) -> None:
    domain, _, name = action.partition(".")
    await hass.services.async_call(domain, name, {"entity_id": entity, **data}, blocking=True)


def events(changes: list[Event[Any]]) -> list[dict[str, Any]]:
    """What the event entity fired."""
    new = [each.data["new_state"] for each in changes]
    return [
        dict(each.attributes)
        for each in new
        if each is not None and each.entity_id == "event.voice_event" and each.state[:1] == "2"
    ]


async def test_the_entities_and_their_device(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port)
    registry = entity_registry.async_get(hass)
    known = entity_registry.async_entries_for_config_entry(registry, entry.entry_id)
    assert {each.entity_id for each in known} == ENTITIES
    assert all(each.unique_id.startswith("kitchen_") for each in known)
    await until_state(hass, "binary_sensor.voice_service", "on")
    assert {name: state(hass, name) for name in ENTITIES if "button" not in name} == {
        "assist_satellite.voice": "idle",
        "binary_sensor.voice_problem": "off",
        "binary_sensor.voice_service": "on",
        "binary_sensor.voice_uplink": "off",
        "event.voice_event": "unknown",
        "number.voice_volume": "100",
        "sensor.voice_next_timer": "unknown",
        STATUS: "idle",
        "switch.voice_microphone": "on",
    }
    (device,) = device_registry.async_entries_for_config_entry(
        device_registry.async_get(hass), entry.entry_id
    )
    assert device.identifiers == {(DOMAIN, "kitchen")}
    version = (await daemon.get())["version"]
    assert (device.name, device.sw_version) == ("Voice", version)
    assert device.configuration_url == f"http://127.0.0.1:{daemon.port}"


async def test_microphone_volume_and_buttons(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    await set_up(hass, daemon.port)
    await act(hass, "switch.turn_off", "switch.voice_microphone")
    assert state(hass, "switch.voice_microphone") == "off"
    assert (await daemon.get())["muted"] is True
    await act(hass, "switch.turn_on", "switch.voice_microphone")
    assert (await daemon.get())["muted"] is False
    await act(hass, "number.set_value", "number.voice_volume", value=40)
    assert state(hass, "number.voice_volume") == "40"
    assert (await daemon.get())["volume"] == 0.4
    for button in ("interrupt", "dismiss", "snooze"):
        await act(hass, "button.press", f"button.voice_{button}")
    await daemon.post("/api/mute", muted=True)
    await until_state(hass, "switch.voice_microphone", "off")
    await daemon.post("/api/volume", level=0.7)
    await until_state(hass, "number.voice_volume", "70")


async def test_a_timer_is_shown_rings_and_is_an_event(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    await set_up(hass, daemon.port)
    changes = async_capture_events(hass, "state_changed")
    await daemon.post("/api/timers", kind="timer", seconds=2, name="pasta")
    await until(lambda: state(hass, "sensor.voice_next_timer")[:2] == "20")
    found = hass.states.get("sensor.voice_next_timer")
    assert found is not None
    (timer,) = found.attributes["timers"]
    assert (timer["name"], timer["state"]) == ("pasta", "running")
    assert "text" not in timer
    await until(lambda: events(changes))
    (event,) = events(changes)
    assert (event["event_type"], event["name"]) == ("timer_finished", "pasta")
    await act(hass, "button.press", "button.voice_dismiss")
    await until_state(hass, "sensor.voice_next_timer", "unknown")


async def test_what_it_does_is_its_state(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    await set_up(hass, daemon.port)
    changes = async_capture_events(hass, "state_changed")
    await until_state(hass, "binary_sensor.voice_service", "on")
    await daemon.post("/api/say", text="Dinner is ready.", mode="verbatim")
    await until_state(hass, STATUS, "speaking")
    assert state(hass, "assist_satellite.voice") == "responding"
    await act(hass, "button.press", "button.voice_interrupt")
    await until_state(hass, STATUS, "idle")
    await until(lambda: "said" in [each["event_type"] for each in events(changes)])
    (said,) = [each for each in events(changes) if each["event_type"] == "said"]
    assert said["outcome"] == "interrupted"


async def test_it_is_away_and_back_and_says_each_once(
    hass: HomeAssistant, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass, wire.port)
    wire.cut = True
    wire.break_off()
    await until_state(hass, STATUS, "unavailable")
    with pytest.raises(HomeAssistantError, match="did not do it"):
        await entry.runtime_data.do("/api/interrupt", {})
    await asyncio.sleep(3)
    wire.cut = False
    await until_state(hass, STATUS, "idle")
    lines = [each.getMessage() for each in caplog.records if each.name.endswith(DOMAIN)]
    assert len([each for each in lines if "Voice is unavailable" in each]) == 1
    assert len([each for each in lines if "Voice is available again" in each]) == 1


async def test_a_short_break_is_not_seen_and_loses_nothing(
    hass: HomeAssistant, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass, wire.port)
    changes = async_capture_events(hass, "state_changed")
    await until_state(hass, "binary_sensor.voice_service", "on")
    body = {"entity_id": "assist_satellite.voice", "message": "Dinner is ready."}
    saying = asyncio.create_task(
        hass.services.async_call(DOMAIN, "say", body, blocking=True, return_response=True)
    )
    await until_state(hass, STATUS, "speaking")
    for _ in range(3):
        wire.break_off()
        await asyncio.sleep(1.5)
    answer = await saying
    assert answer["assist_satellite.voice"]["outcome"] == "said"
    await until(lambda: "said" in [each["event_type"] for each in events(changes)])
    assert [each["event_type"] for each in events(changes)].count("said") == 1
    states = {each.data["new_state"].state for each in changes if each.data["entity_id"] == STATUS}
    assert "unavailable" not in states
    assert entry.runtime_data.reconnects >= 3


async def test_a_daemon_that_was_restarted_is_shown_as_it_is_now(
    hass: HomeAssistant, start: Start
) -> None:
    first = await start()
    await set_up(hass, first.port)
    await act(hass, "switch.turn_off", "switch.voice_microphone")
    await first.stop()
    await until_state(hass, STATUS, "unavailable")
    await start(port=first.port)
    await until_state(hass, STATUS, "idle")
    await until_state(hass, "switch.voice_microphone", "on")


async def test_another_daemon_at_this_address_is_not_taken_for_this_one(
    hass: HomeAssistant, start: Start
) -> None:
    first = await start()
    entry = await set_up(hass, first.port)
    await first.stop()
    await until_state(hass, STATUS, "unavailable")
    other = await start(id="bath", port=first.port)
    await asyncio.sleep(4)
    assert state(hass, STATUS) == "unavailable"
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert "Another daemon" in str(entry.reason)
    await other.stop()


async def test_a_token_that_is_changed_asks_for_the_new_one(
    hass: HomeAssistant, start: Start
) -> None:
    first = await start()
    await set_up(hass, first.port)
    await first.stop()
    await start(port=first.port, token="another-token-than-before")
    await until(lambda: hass.config_entries.flow.async_progress_by_handler(DOMAIN))
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH
    assert state(hass, STATUS) == "unavailable"


async def test_events_that_are_not_whole_change_nothing(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port)
    coordinator = entry.runtime_data
    before = coordinator.data
    for name in ("status", "mute", "volume", "uplink", "snapshot", "speech", "said", "unknown"):
        for data in ({}, {"status": 1}, {"muted": "no"}, {"level": None}, {"daemon": 3}):
            coordinator._take(ClientEvent("", name, data))
    assert coordinator.data == before
    assert state(hass, STATUS) == "idle"


async def test_a_token_that_is_refused_in_between_asks_for_a_new_one(
    hass: HomeAssistant, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port)
    first = entry.runtime_data.client

    async def refuses() -> dict[str, Any]:
        raise NotAllowedError("the token is refused")

    monkeypatch.setattr(first, "status", refuses)
    await daemon.stop()
    await start(port=daemon.port)
    await until(lambda: hass.config_entries.flow.async_progress_by_handler(DOMAIN))
    assert state(hass, STATUS) == "unavailable"


async def test_it_is_set_up_later_where_nobody_answers(hass: HomeAssistant) -> None:
    entry = await set_up(hass, 9)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert "cannot be used" in str(entry.reason)


async def test_it_is_taken_down(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert state(hass, STATUS) == "unavailable"
    await hass.config_entries.async_remove(entry.entry_id)
    assert hass.states.get(STATUS) is None


async def test_a_status_of_another_kind_leaves_no_entity_behind(
    hass: HomeAssistant, start: Start
) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port)
    status = {**await daemon.get(), "timers": [7], "status": "speaking"}
    for name in ("connection", "microphone", "speaker", "uplink"):
        status[name] = "as a newer daemon might say it"
    entry.runtime_data._take(ClientEvent("", "snapshot", status))
    assert state(hass, STATUS) == "speaking"
    assert state(hass, "binary_sensor.voice_problem") == "off"
    assert state(hass, "binary_sensor.voice_service") == "off"
    assert state(hass, "sensor.voice_next_timer") == "unknown"
    await daemon.post("/api/mute", muted=True)
    await until(lambda: state(hass, "switch.voice_microphone") == "off")


async def test_diagnostics_have_no_secrets_and_no_words(hass: HomeAssistant, start: Start) -> None:
    daemon = await start()
    entry = await set_up(hass, daemon.port)
    await daemon.post("/api/timers", kind="reminder", seconds=600, text="Call the doctor")
    await until(lambda: state(hass, "sensor.voice_next_timer")[:2] == "20")
    status = await daemon.get()
    why = "nas.home:1883 does not take the password of anna"
    status["mqtt"] = {"state": "refused", "notes": [why]}
    status["connection"]["last_error"] = "cannot reach anna.openai.azure.com"
    entry.runtime_data.async_set_updated_data(status)
    found = json.dumps(await async_get_config_entry_diagnostics(hass, entry))
    assert '"status": "idle"' in found
    assert '"state": "refused"' in found
    for secret in (TOKEN, "127.0.0.1", "doctor", "nas.home", "anna"):
        assert secret not in found
