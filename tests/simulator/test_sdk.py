"""The official SDK's own clients hold a spoken conversation with the simulator, in real time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import soxr
from openai import AsyncOpenAI

from rtaudio_daemon.simulator.model.voices import espeak
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests import strict, voice_live
from tests.simulator.caller import preview_client

KEY = "s3cret"
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def speech() -> bytes:
    """A sentence between silences, as a microphone would hear it."""
    sentence = espeak("Good morning, what is the weather like today?")
    assert sentence is not None, "espeak-ng is needed"
    return bytes(48 * 500) + sentence + bytes(48 * 1000)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(api_key=KEY) as running:
        yield running


async def heard(connection: Any, speech: bytes) -> tuple[list[str], bytes, str]:
    """Speak, and listen to the answer: types of events, its sound, its transcript."""
    for at in range(0, len(speech), 4800):
        audio = base64.b64encode(speech[at : at + 4800]).decode()
        await connection.input_audio_buffer.append(audio=audio)
    kinds, sound, words = [], b"", ""
    async with asyncio.timeout(PATIENCE_S):
        async for event in connection:
            kinds.append(event.type)
            if event.type in ("response.output_audio.delta", "response.audio.delta"):
                sound += base64.b64decode(event.delta)
            elif event.type.endswith("audio_transcript.done"):
                words = event.transcript
            elif event.type == "response.done":
                assert event.response.status == "completed"
                break
    return kinds, sound, words


async def test_the_ga_client_holds_a_conversation(simulator: Simulator, speech: bytes) -> None:
    async with (
        AsyncOpenAI(api_key=KEY, websocket_base_url=f"{simulator.url}/openai/v1") as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        created = await connection.recv()
        assert created.type == "session.created"
        await connection.session.update(session={"type": "realtime", "instructions": "Be kind."})
        updated = await connection.recv()
        assert updated.type == "session.updated"
        assert updated.session.type == "realtime"
        assert updated.session.instructions == "Be kind."
        kinds, sound, words = await heard(connection, speech)
    assert kinds[0] == "input_audio_buffer.speech_started"
    assert {"conversation.item.added", "conversation.item.done"} < set(kinds)
    assert_says_it_back(sound, words, speech)


async def test_the_azure_preview_client_holds_a_conversation(
    simulator: Simulator, speech: bytes
) -> None:
    async with (
        preview_client(simulator.url, KEY) as client,
        client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection,
    ):
        created = await connection.recv()
        assert created.type == "session.created"
        await connection.session.update(session={"instructions": "Be kind."})
        assert (await connection.recv()).type == "conversation.created"
        updated = await connection.recv()
        assert updated.type == "session.updated"
        assert updated.session.instructions == "Be kind."
        kinds, sound, words = await heard(connection, speech)
    assert "conversation.item.created" in kinds
    assert_says_it_back(sound, words, speech)


async def test_a_tone_is_no_speech(simulator: Simulator) -> None:
    """As with the real service, which listens with a speech model too."""
    wave = np.sin(2 * np.pi * 440 * np.arange(48_000) / 24_000) * 12_000
    async with (
        AsyncOpenAI(api_key=KEY, websocket_base_url=f"{simulator.url}/v1") as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.input_audio_buffer.append(
            audio=base64.b64encode(wave.astype("<i2").tobytes()).decode()
        )
        await connection.input_audio_buffer.clear()
        kinds = [(await connection.recv()).type for _ in range(2)]
    assert kinds == ["session.created", "input_audio_buffer.cleared"]


def assert_says_it_back(sound: bytes, words: str, speech: bytes) -> None:
    assert words.startswith("speech of ")
    assert len(speech) / 2 < len(sound) < len(speech)
    # The sentence is in there, sample by sample.
    middle = speech[48 * 1000 : 48 * 1500]
    assert middle in sound


async def test_speech_of_another_rate_is_found_too(simulator: Simulator, speech: bytes) -> None:
    """Sound that went through a telephone's 8 kHz still is speech."""
    samples = np.frombuffer(speech, dtype="<i2")
    narrow = soxr.resample(soxr.resample(samples, 24_000, 8_000), 8_000, 24_000)
    async with (
        AsyncOpenAI(api_key=KEY, websocket_base_url=f"{simulator.url}/v1") as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.recv()
        kinds, _sound, _words = await heard(connection, narrow.astype("<i2").tobytes())
    assert "input_audio_buffer.speech_stopped" in kinds


def test_what_the_judges_let_pass_is_what_the_services_send_and_where() -> None:
    place = {"item_id": "i", "response_id": "r", "output_index": 0, "content_index": 0}
    words = {"type": "response.output_text.delta", "event_id": "e", "delta": "a", **place}
    assert not strict.problems("ga", "server", {**words, "obfuscation": "x"})
    assert strict.problems("ga", "server", {**words, "obfuscation": 7})
    assert strict.problems("ga", "server", {**words, "content": "x"})
    assert strict.problems("ga", "server", {**words, "phase": "x"})
    sound = {**words, "type": "response.output_audio.delta"}
    assert strict.problems("ga", "server", {**sound, "obfuscation": "x"})
    part = {"type": "text", "text": "a"}
    added = {"type": "response.content_part.added", "event_id": "e", "part": part, **place}
    assert not strict.problems("ga", "server", {**added, "content": part})
    assert strict.problems("ga", "server", {**added, "content": {"type": "text"}})
    item = {"id": "i", "type": "message", "role": "assistant", "content": [], "phase": "x"}
    event = {"type": "conversation.item.added", "event_id": "e", "item": item}
    assert not strict.problems("ga", "server", event)
    user = {**item, "role": "user"}
    assert strict.problems("ga", "server", {**event, "item": user})


def test_the_judge_of_voice_live_sees_what_is_wrong() -> None:
    event = {"type": "response.text.delta", "event_id": "e", "item_id": "i", "response_id": "r",
             "output_index": 0, "content_index": 0, "delta": "a"}  # fmt: skip
    assert voice_live.problems(event) == []
    assert voice_live.problems({**event, "obfuscation": "x"})
    assert voice_live.problems({**event, "delta": 7})
    assert voice_live.problems({**event, "type": "response.output_text.delta"})
    assert voice_live.problems({key: event[key] for key in event if key != "item_id"})
    session = {"voice": {"type": "azure-standard", "name": "x", "rate": 1}}
    assert voice_live.problems({"type": "session.updated", "event_id": "e", "session": session})
