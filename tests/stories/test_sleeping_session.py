"""The button of push to talk while there is no session yet: what is said is not lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.dialogue.settings import DialogueSettings
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, by_the_gate, find, samples, speech
from tests.strict import Dialect

WAKE_S = DialogueSettings().button_patience_s

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("stop")


def answer(_turn: Turn) -> Reply:
    return Reply("Fine.", ANSWER)


def asleep(settings: config.Config) -> config.Config:
    """A session is held on speech, and only the button tells when somebody speaks."""
    gate = replace(settings.audio.gate, engine="never")
    return replace(
        settings,
        realtime=replace(settings.realtime, hold="on_speech"),
        audio=replace(settings.audio, gate=gate),
    )


def late_session(harness: Harness, delay_s: float) -> None:
    harness.simulator.fault("slow", on="session.created", delay_s=delay_s, for_s=delay_s / 2)


@both_dialects
@pytest.mark.parametrize(("held_s", "session_s"), [(4.0, 2.0), (2.0, 4.0)], ids=["held", "let go"])
async def test_the_first_press_wakes_the_session_and_all_that_is_said_is_answered(
    tmp_path: Path, dialect: Dialect, held_s: float, session_s: float
) -> None:
    said = [(1000, speech("weather") * 2)]
    async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=asleep) as harness:
        late_session(harness, session_s)
        await asyncio.sleep(1)
        assert len(harness.simulator.sessions) == 0
        status, state = await harness.post("/api/listen/start")
        assert (status, state["status"], state["talking"]) == (200, "listening", True)
        await asyncio.sleep(held_s)
        status, state = await harness.post("/api/listen/stop")
        assert (status, state["status"], state["talking"]) == (200, "thinking", False)
        await harness.turns(1)
        (session,) = harness.simulator.sessions
        assert len(session.heard) / BYTES_PER_MS == pytest.approx(held_s * 1000, abs=100)
        assert find(samples(speech("weather")[: 48 * 1900]), samples(session.heard))[1] > 0.99
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(harness.received("input_audio_buffer.commit")) == 1
        assert len(harness.received("response.create")) == 1
        assert "server_vad" in str(harness.received("session.update")[-1])
        assert not harness.named("error")
        assert not [
            e for e in session.sent if e["type"] in ("error", "input_audio_buffer.speech_started")
        ]
        await harness.post("/api/listen/start")
        await asyncio.sleep(1)
        await harness.post("/api/listen/stop")
        await harness.turns(2)


@both_dialects
async def test_pressed_again_before_the_session_came_it_is_one_turn(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(0, speech("weather") * 2)]
    async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=asleep) as harness:
        late_session(harness, 6.0)
        for _ in range(2):
            await harness.post("/api/listen/start")
            await asyncio.sleep(1)
            await harness.post("/api/listen/stop")
        await harness.turns(1)
        assert len(harness.simulator.sessions[-1].heard) / BYTES_PER_MS == pytest.approx(
            2000, abs=80
        )
        assert len(harness.received("input_audio_buffer.commit")) == 1
        assert len(harness.received("response.create")) == 1


def with_gate(settings: config.Config) -> config.Config:
    return replace(settings, realtime=replace(settings.realtime, hold="on_speech"))


def with_gate_that_ends_turns(settings: config.Config) -> config.Config:
    return by_the_gate(with_gate(settings))


@both_dialects
@pytest.mark.parametrize("change", [with_gate, with_gate_that_ends_turns])
async def test_what_is_said_on_after_the_button_comes_after_what_was_said_with_it(
    tmp_path: Path, dialect: Dialect, change: Any
) -> None:
    said = [(0, speech("weather")), (0, bytes(48 * 1500))]
    async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=change) as harness:
        late_session(harness, 8.0)
        await harness.post("/api/listen/start")
        await asyncio.sleep(2)
        await harness.post("/api/listen/stop")
        await harness.turns(1)
        heard = samples(harness.simulator.sessions[-1].heard)
        at, likeness = find(samples(speech("weather")[: 48 * 1900]), heard)
        assert likeness > 0.99
        assert at / 24 < 100, "nothing comes before it"
        at, likeness = find(samples(speech("weather")[48 * 3000 :]), heard)
        assert likeness > 0.99
        assert at / 24 > 2000
        assert not harness.named("error")


@both_dialects
async def test_a_microphone_that_is_lost_when_all_is_said_changes_nothing(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(0, speech("weather") * 2)]
    async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=asleep) as harness:
        late_session(harness, 4.0)
        await harness.post("/api/listen/start")
        await asyncio.sleep(2)
        await harness.post("/api/listen/stop")
        harness.lose_microphone()
        await harness.turns(1)
        heard = harness.simulator.sessions[-1].heard
        assert len(heard) / BYTES_PER_MS == pytest.approx(2000, abs=60)
        assert len(harness.received("input_audio_buffer.commit")) == 1
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert not harness.named("error")


async def test_a_microphone_that_is_lost_while_the_session_is_awaited_ends_the_turn(
    tmp_path: Path,
) -> None:
    said = [(0, speech("weather") * 2)]
    async with Harness(tmp_path, said, reply=answer, change=asleep) as harness:
        late_session(harness, 4.0)
        await harness.post("/api/listen/start")
        await asyncio.sleep(2)
        harness.lose_microphone()
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "open")
        await asyncio.sleep(WAKE_S)
        assert [error["code"] for error in harness.named("error")] == ["not_heard"]
        assert harness.simulator.sessions[-1].heard == b""
        assert "server_vad" in str(harness.received("session.update")[-1])
        assert harness.statuses == ["idle", "listening", "idle"]


@pytest.mark.parametrize("held", [True, False], ids=["held", "let go"])
async def test_a_session_that_does_not_come_is_told_and_the_button_is_released(
    tmp_path: Path, held: bool
) -> None:
    async with Harness(tmp_path, [(0, speech("hello"))], reply=answer, change=asleep) as harness:
        harness.simulator.fault("refuse", status=503, times=0)
        began = asyncio.get_running_loop().time()
        await harness.post("/api/listen/start")
        await asyncio.sleep(1)
        if not held:
            await harness.post("/api/listen/stop")
        await harness.until(lambda: harness.named("error"))
        assert asyncio.get_running_loop().time() - began == pytest.approx(WAKE_S, abs=0.2)
        (error,) = harness.named("error")
        assert error["code"] == "not_connected"
        assert "not listening: there is no connection to the service" in error["message"]
        assert "HTTP 503" in error["message"]
        state = await harness.status()
        assert (state["talking"], state["status"]) == (False, "idle")
        harness.simulator.faults.clear()
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "open")
        await asyncio.sleep(2)
        session = harness.simulator.sessions[-1]
        assert session.heard == b"", "nobody waits for it any more"
        assert "server_vad" in str(harness.received("session.update")[-1])
        assert not harness.received("response.create")


async def test_a_refusal_that_is_not_tried_again_soon_is_told_at_once(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(0, speech("hello"))], reply=answer, change=asleep) as harness:
        harness.simulator.fault("refuse", status=401, times=0)
        began = asyncio.get_running_loop().time()
        await harness.post("/api/listen/start")
        await harness.until(lambda: harness.named("error"))
        assert asyncio.get_running_loop().time() - began < 1
        assert (await harness.status())["talking"] is False
        status, refusal = await harness.post("/api/listen/start")
        assert (status, refusal["error"]["code"]) == (503, "not_connected")


@pytest.mark.parametrize("verb", ["interrupt", "mute"])
async def test_what_waits_for_the_session_can_be_taken_back(tmp_path: Path, verb: str) -> None:
    async with Harness(tmp_path, [(0, speech("hello"))], reply=answer, change=asleep) as harness:
        late_session(harness, 4.0)
        await harness.post("/api/listen/start")
        await asyncio.sleep(1)
        await harness.post("/api/listen/stop")
        await harness.post(f"/api/{verb}")
        assert (await harness.status())["status"] == "idle"
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "open")
        await asyncio.sleep(3)
        assert harness.simulator.sessions[-1].heard == b""
        assert not harness.received("response.create")
        assert "server_vad" in str(harness.received("session.update")[-1])
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]
