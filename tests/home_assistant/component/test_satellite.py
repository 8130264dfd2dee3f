"""Assist's own actions and ours, in the daemon's voice; no engine for speech is set up."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from homeassistant.components.assist_satellite.entity import AssistSatelliteEntity
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from custom_components.rtaudio_daemon.assist_satellite import Satellite, plain_sentences

from .conftest import DOMAIN, Start, set_up, until_state

SATELLITE = "assist_satellite.voice"
LASTS_S = 5.0
"""What everything is said with."""
ANSWERS = [
    {"id": "open", "sentences": ["[please] open (it|the door) [please]", "yes"]},
    {"id": "wait", "sentences": ["no"]},
]


async def call(hass: HomeAssistant, action: str, answers: bool = False, **data: Any) -> Any:
    domain, _, name = action.partition(".")
    data = {"entity_id": SATELLITE, **data}
    return await hass.services.async_call(
        domain, name, data, blocking=True, return_response=answers
    )


async def ready(hass: HomeAssistant, start: Start, **about: Any) -> Any:
    daemon = await start(**about)
    await set_up(hass, daemon.port)
    await until_state(hass, "binary_sensor.voice_service", "on")
    return daemon


async def test_announce_returns_when_it_was_heard(hass: HomeAssistant, start: Start) -> None:
    await ready(hass, start)
    states: list[str] = []

    @callback
    def changed(event: Event[Any]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if event.data["entity_id"] == SATELLITE and old.state != new.state:
            states.append(new.state)

    hass.bus.async_listen("state_changed", changed)
    started_at = time.monotonic()
    await call(hass, "assist_satellite.announce", message="Dinner is ready.")
    assert time.monotonic() - started_at > LASTS_S
    await until_state(hass, SATELLITE, "idle")
    await hass.async_block_till_done()
    assert states == ["processing", "responding", "idle"]


async def test_two_announcements_are_said_one_after_the_other(
    hass: HomeAssistant, start: Start
) -> None:
    await ready(hass, start)
    started_at = time.monotonic()
    one = call(hass, "assist_satellite.announce", message="One.", preannounce=False)
    two = call(hass, "assist_satellite.announce", message="Two.", preannounce=False)
    await asyncio.gather(one, two)
    assert time.monotonic() - started_at > 2 * LASTS_S


async def test_what_nobody_heard_is_an_error(hass: HomeAssistant, start: Start) -> None:
    await ready(hass, start)
    first = asyncio.create_task(call(hass, "assist_satellite.announce", message="One."))
    await until_state(hass, SATELLITE, "responding")
    second = asyncio.create_task(call(hass, "assist_satellite.announce", message="Two."))
    await asyncio.sleep(0.5)
    await call(hass, "rtaudio_daemon.interrupt")
    await first  # somebody wanted silence
    with pytest.raises(HomeAssistantError, match="Nobody heard it"):
        await second


async def test_a_question_is_answered(hass: HomeAssistant, start: Start) -> None:
    await ready(hass, start, words=["Open the door, please"])
    answer = await call(
        hass,
        "assist_satellite.ask_question",
        answers=True,
        question="Somebody is at the door. Shall I open?",
    )
    assert answer == {"id": None, "sentence": "Open the door, please", "slots": {}}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Please open it", {"id": "open", "sentence": "Please open it", "slots": {}}),
        ("Who is it?", {"id": None, "sentence": "Who is it?", "slots": {}}),
        ("for 5 minutes", {"id": "later", "sentence": "for 5 minutes", "slots": {"n": "5"}}),
    ],
)
async def test_an_answer_is_one_of_those_offered(
    hass: HomeAssistant, start: Start, words: str, wanted: dict[str, Any]
) -> None:
    await ready(hass, start, words=[words])
    offered = [*ANSWERS, {"id": "later", "sentences": ["for {n} minutes"]}]
    found = await hass.services.async_call(
        "assist_satellite",
        "ask_question",
        {"entity_id": SATELLITE, "question": "Shall I open?", "answers": offered},
        blocking=True,
        return_response=True,
    )
    assert found is not None
    found["slots"] = {name: str(value).strip() for name, value in found["slots"].items()}
    assert found == wanted


async def test_a_conversation_is_begun(hass: HomeAssistant, start: Start) -> None:
    await ready(hass, start)
    started_at = time.monotonic()
    await call(
        hass,
        "assist_satellite.start_conversation",
        start_message="What shall I buy?",
        extra_system_prompt="The shopping list is: milk, bread.",
    )
    assert time.monotonic() - started_at > LASTS_S
    with pytest.raises(ServiceValidationError, match="need words"):
        await call(hass, "assist_satellite.start_conversation", start_media_id="http://nas/a.wav")


async def test_our_own_actions(hass: HomeAssistant, start: Start) -> None:
    await ready(hass, start, words=["Yes"])
    asked = await hass.services.async_call(
        DOMAIN,
        "ask",
        {"entity_id": SATELLITE, "question": "Shall I open?", "answers": ANSWERS, "timeout": 15},
        blocking=True,
        return_response=True,
    )
    assert asked is not None
    assert asked[SATELLITE] == {"outcome": "answered", "text": "Yes", "id": "open", "reason": ""}
    said = await call(hass, "rtaudio_daemon.say", True, message="Good night.", priority="high")
    assert said[SATELLITE]["outcome"] == "said"
    with pytest.raises(HomeAssistantError, match="did not do it"):
        await call(hass, "rtaudio_daemon.play", file="bell.wav")


async def test_a_sound_file_is_played(hass: HomeAssistant, start: Start) -> None:
    daemon = await ready(hass, start, folder="recordings")
    played = await call(hass, "rtaudio_daemon.play", True, file="stop.wav")
    assert played[SATELLITE]["outcome"] == "said"
    with pytest.raises(HomeAssistantError, match=r"audio\.play\.hosts"):
        await call(hass, "assist_satellite.announce", media_id="http://127.0.0.1:9/a.wav")
    with pytest.raises(HomeAssistantError, match=r"audio\.play\.hosts"):
        await call(
            hass,
            "assist_satellite.announce",
            message="One.",
            preannounce_media_id="http://127.0.0.1:9/a.wav",
        )
    assert (await daemon.get())["status"] == "idle"


def test_sentences_in_words() -> None:
    assert plain_sentences(["[please] open (it|the door)"]) == [
        "please open it",
        "please open the door",
        "open it",
        "open the door",
    ]
    assert plain_sentences(["for {n} minutes"]) == ["for n minutes"]
    assert len(plain_sentences(["(a|b|c) (a|b|c) (a|b|c) (a|b|c)"] * 3)) == 32


def test_what_we_override_is_there() -> None:
    """The names in Assist that leave out its speech; without them it would ask for an engine."""
    for name in ("announce", "start_conversation", "ask_question"):
        ours = getattr(Satellite, f"async_internal_{name}")
        assert ours is not getattr(AssistSatelliteEntity, f"async_internal_{name}")
    assert callable(AssistSatelliteEntity._question_response_to_answer)
    assert callable(AssistSatelliteEntity._set_state)
