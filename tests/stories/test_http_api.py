"""Conversations steered from the window: push to talk, announcements, privacy, true events."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.api import answer_schemas, event_schemas
from rtaudio_daemon.api.schema_parts import Schema
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, SILENCE_DBFS
from rtaudio_daemon.notifications import DeviceChanged, DeviceCode, DeviceState
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, find, samples, speech
from tests.strict import Dialect
from tests.waiting import until

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("stop")
LONG_ANSWER = speech("weather")


def short(_turn: Turn) -> Reply:
    return Reply("Fine.", ANSWER)


def long(turn: Turn) -> Reply:
    return Reply(turn.text or "Rain.", LONG_ANSWER)


def without_detectors(settings: config.Config) -> config.Config:
    """Neither the gate nor the service decides when somebody speaks."""
    session = settings.realtime.session
    session = replace(session, turn_detection=replace(session.turn_detection, type="none"))
    gate = replace(settings.audio.gate, engine="never")
    return replace(
        settings,
        realtime=replace(settings.realtime, session=session),
        audio=replace(settings.audio, gate=gate),
    )


def deaf_gate(settings: config.Config) -> config.Config:
    gate = replace(settings.audio.gate, engine="never")
    return replace(settings, audio=replace(settings.audio, gate=gate))


@both_dialects
@pytest.mark.parametrize("change", [deaf_gate, without_detectors], ids=["server vad", "no vad"])
async def test_push_to_talk_sends_what_is_said_while_the_button_is_held(
    tmp_path: Path, dialect: Dialect, change: Any
) -> None:
    said = [(0, speech("weather") * 2)]
    async with Harness(tmp_path, said, dialect=dialect, reply=short, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(0.5)
        uplink = (await harness.status())["uplink"]
        assert (uplink["open"], uplink["bytes"], uplink["today"]) == (False, 0, 0)
        status, state = await harness.post("/api/listen/start")
        assert (status, state["status"], state["talking"]) == (200, "listening", True)
        assert state["uplink"]["open"] is True
        assert (await harness.post("/api/listen/start"))[0] == 200, "twice is as good as once"
        await asyncio.sleep(2)
        status, state = await harness.post("/api/listen/stop")
        assert (status, state["status"], state["talking"]) == (200, "thinking", False)
        assert (await harness.post("/api/listen/stop"))[0] == 200
        began = asyncio.get_running_loop().time()
        await harness.turns(1)
        assert harness.time_of("speaking") - began < 2, "and nobody had to be waited for"
        sent = len(harness.simulator.sessions[-1].heard)
        assert sent / BYTES_PER_MS == pytest.approx(2000, abs=100)
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(harness.received("input_audio_buffer.commit")) == 1
        assert len(harness.received("response.create")) == 1
        assert [event["open"] for event in harness.named("uplink")] == [True, False]
        (turn,) = harness.named("turn")
        assert turn["speech_ms"] == pytest.approx(2000, abs=20)
        await harness.post("/api/listen/start")
        await asyncio.sleep(1)
        await harness.post("/api/listen/stop")
        await harness.turns(2)


async def test_the_button_silences_an_answer(tmp_path: Path) -> None:
    said = [(0, speech("weather") * 4)]
    async with Harness(tmp_path, said, reply=long, change=deaf_gate) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Tell me."})
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await asyncio.sleep(0.5)
        await harness.post("/api/listen/start")
        await harness.until(lambda: harness.named("interruption"))
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await harness.post("/api/listen/stop")
        await harness.turns(1)
        assert harness.time_of("speaking", 1) - began < 2
        assert harness.statuses == ["idle", "thinking", "speaking", "listening", "thinking",
                                  "speaking", "idle"]  # fmt: skip


async def test_a_touch_of_the_button_is_not_answered(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(0, speech("hello"))], reply=short, change=deaf_gate) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/listen/start")
        _, state = await harness.post("/api/listen/stop")
        assert state["status"] == "idle"
        await asyncio.sleep(3)
        assert harness.received("response.create") == []


async def test_whoever_never_lets_go_is_let_go_of_after_a_minute(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(0, speech("hello"))], reply=short, change=deaf_gate) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/listen/start")
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(55)
        assert (await harness.status())["talking"] is True
        await harness.turns(1)
        assert harness.time_of("thinking") - began == pytest.approx(60, abs=1)


@both_dialects
@pytest.mark.parametrize("state", [DeviceState.LOST, DeviceState.DEAF])
async def test_a_microphone_that_is_lost_while_the_button_is_held_is_told_and_the_turn_given_up(
    tmp_path: Path, dialect: Dialect, state: DeviceState
) -> None:
    said = [(0, speech("weather") * 4)]
    async with Harness(tmp_path, said, dialect=dialect, reply=short, change=deaf_gate) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/listen/start")
        await asyncio.sleep(1)
        harness.lose_microphone(state)
        await harness.until(lambda: harness.named("error"))
        (error,) = harness.named("error")
        assert (error["source"], error["code"]) == ("conversation", "not_heard")
        assert f"{state} (it was unplugged)" in error["message"]
        state_now = await harness.status()
        assert (state_now["status"], state_now["talking"]) == ("idle", False)
        await asyncio.sleep(0.5)
        harness.find_microphone()
        await asyncio.sleep(1)
        sent = len(harness.simulator.sessions[-1].heard)
        status, _ = await harness.post("/api/listen/stop")
        assert status == 200, "it is let go of only now"
        await asyncio.sleep(1)
        assert len(harness.simulator.sessions[-1].heard) == sent
        assert sent / BYTES_PER_MS == pytest.approx(1000, abs=60)
        assert not harness.received("input_audio_buffer.commit")
        assert harness.received("input_audio_buffer.clear")
        assert "server_vad" in str(harness.received("session.update")[-1])
        await harness.post("/api/listen/start")
        await asyncio.sleep(2)
        await harness.post("/api/listen/stop")
        await harness.turns(1)
        assert len(harness.named("error")) == 1
        assert len(harness.received("response.create")) == 1
        (turn,) = harness.named("turn")
        assert turn["speech_ms"] == pytest.approx(2000, abs=20)


def microphone_works(harness: Harness) -> bool:
    return harness.app.controls.snapshot().microphone.state is DeviceState.OK


@pytest.mark.parametrize("state", [DeviceState.LOST, DeviceState.DEAF])
async def test_the_button_does_nothing_without_a_microphone_and_says_why(
    tmp_path: Path, state: DeviceState
) -> None:
    async with Harness(tmp_path, [(0, speech("hello"))], change=deaf_gate) as harness:
        await until(lambda: harness.named("connection") and microphone_works(harness))
        harness.lose_microphone(state)
        status, refusal = await harness.post("/api/listen/start")
        assert (status, refusal["error"]["code"]) == (409, "not_now")
        assert f"the microphone is {state} (it was unplugged)" in refusal["error"]["message"]
        harness.find_microphone()
        status, _ = await harness.post("/api/listen/start")
        assert status == 200


async def test_the_button_works_where_a_microphone_is_deaf_only_as_nobody_spoke(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, [(0, speech("hello"))], reply=short, change=deaf_gate) as harness:
        await until(lambda: harness.named("connection") and microphone_works(harness))
        harness.lose_microphone(DeviceState.DEAF, "nobody was heard for 6 h", DeviceCode.NO_SPEECH)
        harness.device().pause(False)
        status, _ = await harness.post("/api/listen/start")
        assert status == 200
        await asyncio.sleep(1)
        harness.app.assistant.device_changed(
            DeviceChanged("microphone", DeviceState.OK, "microphone")
        )
        await asyncio.sleep(1)
        await harness.post("/api/listen/stop")
        await harness.turns(1)
        assert len(harness.simulator.sessions[-1].heard) / BYTES_PER_MS == pytest.approx(
            2000, abs=60
        )
        assert not harness.named("error")


async def test_nothing_is_said_while_the_loudspeaker_is_lost_unless_another_stands_in(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, reply=short, change=deaf_gate) as harness:
        await harness.until(lambda: harness.named("connection"))

        def changed(state: DeviceState, why: str | None) -> None:
            harness.app.assistant.device_changed(DeviceChanged("speaker", state, "Jabra", why))

        changed(DeviceState.LOST, "it was unplugged")
        await asyncio.sleep(4)
        status, _ = await harness.post("/api/say", {"text": "Dinner."})
        assert status == 200, "it may be back when the answer comes"
        await harness.turns(1)
        for body in ({}, {"mode": "verbatim"}, {"priority": "high"}):
            status, refusal = await harness.post("/api/say", {"text": "Dinner.", **body})
            assert (status, refusal["error"]["code"]) == (409, "not_now")
            assert "the loudspeaker is lost (it was unplugged)" in refusal["error"]["message"]
        changed(DeviceState.OK, "using the default meanwhile, as 'Jabra' is lost")
        status, _ = await harness.post("/api/say", {"text": "Dinner."})
        assert status == 200
        await harness.turns(2)
        assert not harness.named("error")


async def test_the_button_does_nothing_while_muted_or_away_and_says_why(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(0, speech("hello"))], change=deaf_gate) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")
        status, refusal = await harness.post("/api/listen/start")
        assert (status, refusal["error"]["code"]) == (409, "not_now")
        await harness.post("/api/unmute")
        await harness.post("/api/listen/start")
        await harness.simulator.stop()
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert (await harness.status())["talking"] is False
        status, refusal = await harness.post("/api/listen/start")
        assert (status, refusal["error"]["code"]) == (503, "not_connected")
        assert "tried again" in refusal["error"]["message"]
        await harness.simulator.start()
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "open")
        updated = harness.received("session.update")[-1]
        assert "server_vad" in str(updated), "the service decides about turns again"


async def test_what_is_to_be_said_waits_and_what_is_urgent_does_not(tmp_path: Path) -> None:
    spoken: list[str] = []

    def speak(turn: Turn) -> Reply:
        spoken.append(turn.text)
        return Reply(turn.text, LONG_ANSWER)

    async with Harness(tmp_path, reply=speak) as harness:
        await harness.until(lambda: harness.named("connection"))
        for text in ("one", "two"):
            await harness.post("/api/say", {"text": text, "mode": "verbatim"})
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await harness.turns(1)
        assert spoken == ["one", "two"]
        for text in ("three", "four"):
            await harness.post("/api/say", {"text": text})
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        fire = {"text": "fire", "mode": "verbatim", "priority": "high"}
        assert (await harness.post("/api/say", fire))[0] == 200
        await harness.turns(2)
        assert spoken[2] == "three"
        assert "fire" in spoken
        assert harness.named("interruption"), "it interrupts what is being said"
    at, likeness = find(samples(LONG_ANSWER), harness.heard())
    assert likeness > 0.999, at


@both_dialects
async def test_an_announcement_is_remembered_when_asked(tmp_path: Path, dialect: Dialect) -> None:
    async with Harness(tmp_path, dialect=dialect, reply=short) as harness:
        await harness.until(lambda: harness.named("connection"))
        body = {"text": "Dinner is ready.", "mode": "verbatim", "remember": True}
        await harness.post("/api/say", body)
        await harness.turns(1)
        (item,) = harness.received("conversation.item.create")
        assert item["item"]["role"] == "assistant"
        assert item["item"]["content"][0]["text"] == "Dinner is ready."


async def test_too_much_to_say_is_refused_and_that_is_told(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=long) as harness:
        await harness.until(lambda: harness.named("connection"))
        answers = [await harness.post("/api/say", {"text": f"{n}"}) for n in range(20)]
        assert [status for status, _ in answers][:16] == [200] * 16
        assert answers[-1][0] == 409
        assert "too much is waiting" in answers[-1][1]["error"]["message"]
        await harness.post("/api/interrupt")
        await harness.until(lambda: harness.statuses[-1] == "idle")


async def test_a_muted_microphone_is_closed_and_nothing_leaves(tmp_path: Path) -> None:
    said = [(1000, speech("weather")), (0, speech("weather"))]
    async with Harness(tmp_path, said, reply=short) as harness:
        await harness.until(lambda: harness.statuses[-1] == "listening")
        _, state = await harness.post("/api/mute")
        frames = harness.app.controls.counts()["microphone_frames"]
        assert state["uplink"]["open"] is False
        await asyncio.sleep(5)
        assert harness.app.controls.counts()["microphone_frames"] == frames, "nobody reads it"
        assert (await harness.status())["uplink"] == state["uplink"]
        assert harness.received("input_audio_buffer.clear")
        metrics = await text_of(harness, "/metrics")
        assert f"rtaudio_uplink_bytes_total {float(state['uplink']['bytes'])}" in metrics
        assert "rtaudio_muted 1.0" in metrics


@pytest.mark.parametrize("away", ["muted", "lost"])
async def test_a_microphone_that_is_not_there_hears_silence(tmp_path: Path, away: str) -> None:
    async with Harness(tmp_path, [(0, b"\0\x10\0\xf0" * 48_000)], change=deaf_gate) as harness:
        await asyncio.sleep(1)
        assert (await harness.status())["microphone"]["level_dbfs"] > -60
        if away == "muted":
            await harness.post("/api/mute")
        else:
            harness.lose_microphone()
        microphone = (await harness.status())["microphone"]
        assert microphone["level_dbfs"] == SILENCE_DBFS


async def text_of(harness: Harness, path: str) -> str:
    async with harness.http.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


def undocumented(data: dict[str, Any], schema: Schema) -> list[str]:
    """The fields that the schema does not tell of."""
    known: Schema | None = schema.get("properties")
    if known is None:
        return []
    within = [
        f"{name}.{each}"
        for name, value in data.items()
        if isinstance(value, dict)
        for each in undocumented(value, known.get(name, {}))
    ]
    return [name for name in data if name not in known] + within


@both_dialects
async def test_every_event_of_a_long_story_is_as_the_documents_say(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1000, speech("hello")), (2500, speech("stop")), (12000, speech("hello"))]
    async with Harness(tmp_path, said, dialect=dialect, reply=long) as harness:
        await harness.turns(1)
        await harness.post("/api/mute")
        await harness.post("/api/unmute")
        await harness.post("/api/volume", {"level": 0.5})
        await harness.simulator.drop_connections()
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "open")
        await harness.turns(2)
        metrics = await text_of(harness, "/metrics")
        async with harness.http.get("/ready") as answer:
            assert (answer.status, (await answer.json())["ready"]) == (200, True)
        jsonschema.validate(await harness.status(), answer_schemas.STATUS)
        assert undocumented(await harness.status(), answer_schemas.STATUS) == []
    for name, data in harness.events:
        jsonschema.validate(data, event_schemas.event_schema(name))
    assert {name for name, _ in harness.events} >= {
        "snapshot", "status", "speech", "transcript", "interruption", "turn", "connection",
        "mute", "volume", "uplink", "usage", "shutdown",
    }  # fmt: skip
    turns = harness.named("turn")
    assert turns[0]["status"] == "interrupted"
    for turn in turns:
        order = ("response_ms", "first_audio_ms", "first_sound_ms", "last_sound_ms")
        found = [turn[name] for name in order]
        assert found == sorted(found)
        # The service waits for 500 ms of silence; our own gate knows when the voice ended.
        assert turn["endpoint_ms"] == pytest.approx(500, abs=250)
    assert "rtaudio_turns_total" in metrics
    assert 'rtaudio_turn_latency_seconds_count{stage="first_sound"}' in metrics
    assert 'rtaudio_connection_gap_seconds_count{cause="loss"} 1.0' in metrics
