"""Sessions that only write down what is said, with the official SDK as the one who speaks."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from openai import AsyncOpenAI

from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import EnergyHearing, loud, preview_client, quiet
from tests.strict import assert_valid_client_events, assert_valid_server_events

KEY = "s3cret"
SPEECH = quiet(320) + loud(800) + quiet(480)
TRANSCRIPTION = {"model": "whisper-1"}
DETECTION = {"type": "server_vad", "silence_duration_ms": 300}
COMPLETED = "conversation.item.input_audio_transcription.completed"


def simulated() -> Simulator:
    return Simulator(api_key=KEY, voice_detector=EnergyHearing, voice="tone")


async def until(connection: Any, kind: str) -> list[Any]:
    """Receive up to and with the first event of this type."""
    seen: list[Any] = []
    async with asyncio.timeout(20):
        while not seen or seen[-1].type != kind:
            seen.append(await connection.recv())
    return seen


async def say(connection: Any) -> None:
    for at in range(0, len(SPEECH), 9600):
        audio = base64.b64encode(SPEECH[at : at + 9600]).decode()
        await connection.input_audio_buffer.append(audio=audio)


@pytest.mark.parametrize("intent", [True, False], ids=["by address", "by update"])
async def test_ga_writes_down_what_is_said_and_answers_nothing(intent: bool) -> None:
    async with (
        simulated() as simulator,
        AsyncOpenAI(api_key=KEY, websocket_base_url=simulator.url + "/openai/v1") as client,
        client.realtime.connect(
            **{"extra_query": {"intent": "transcription"}} if intent else {"model": "gpt-realtime"}
        ) as connection,
    ):
        (created,) = await until(connection, "session.created")
        assert created.session.type == ("transcription" if intent else "realtime")
        heard: Any = {"transcription": TRANSCRIPTION, "turn_detection": DETECTION}
        await connection.session.update(
            session={"type": "transcription", "audio": {"input": heard}}
        )
        updated = (await until(connection, "session.updated"))[-1].session
        assert updated.type == "transcription"
        assert updated.audio.input.turn_detection.silence_duration_ms == 300
        await say(connection)
        events = await until(connection, COMPLETED)
        assert events[-1].transcript.startswith("speech of")
        await connection.response.create()
        refused = await until(connection, "error")
        assert "transcription session" in refused[-1].error.message
        kinds = [event.type for event in [*events, *refused]]
        assert "input_audio_buffer.committed" in kinds
        assert not [kind for kind in kinds if kind.startswith("response.")]
        await connection.session.update(session={"type": "realtime"})
        assert (await until(connection, "error"))[-1].error.param == "session.type"
        (session,) = simulator.sessions
        assert_valid_server_events("ga", session.sent)
        assert_valid_client_events("ga", session.received)


async def test_preview_writes_down_what_is_said_and_answers_nothing() -> None:
    async with (
        simulated() as simulator,
        preview_client(simulator.url, KEY) as client,
        client.beta.realtime.connect(model="gpt-4o-transcribe") as connection,
    ):
        await connection.transcription_session.update(
            session={"input_audio_transcription": TRANSCRIPTION, "turn_detection": DETECTION}  # type: ignore[typeddict-item]
        )
        updated = (await until(connection, "transcription_session.updated"))[-1].session
        assert updated.input_audio_transcription.model == "whisper-1"
        assert updated.turn_detection.silence_duration_ms == 300
        await say(connection)
        events = await until(connection, COMPLETED)
        assert events[-1].transcript.startswith("speech of")
        assert not [event for event in events if event.type.startswith("response.")]
        (session,) = simulator.sessions
        # The SDK wants a client secret there, of which it says itself that only REST sends one.
        sent = [each for each in session.sent if each["type"] != "transcription_session.updated"]
        assert_valid_server_events("preview", sent)
        assert_valid_client_events("preview", session.received)


async def test_what_belongs_to_answers_is_refused() -> None:
    async with (
        simulated() as simulator,
        AsyncOpenAI(api_key=KEY, websocket_base_url=simulator.url + "/openai/v1") as client,
        client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        session: Any = {"type": "transcription", "instructions": "Be brief."}
        await connection.session.update(session=session)
        assert (await until(connection, "error"))[-1].error.param == "session.instructions"


async def test_ga_without_turn_detection_writes_down_what_is_committed() -> None:
    async with (
        simulated() as simulator,
        AsyncOpenAI(api_key=KEY, websocket_base_url=simulator.url + "/openai/v1") as client,
        client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        heard: Any = {"transcription": TRANSCRIPTION, "turn_detection": None}
        await connection.session.update(
            session={"type": "transcription", "audio": {"input": heard}}
        )
        updated = (await until(connection, "session.updated"))[-1].session
        assert updated.audio.input.turn_detection is None
        await commit(connection)


async def test_preview_without_turn_detection_writes_down_what_is_committed() -> None:
    async with (
        simulated() as simulator,
        preview_client(simulator.url, KEY) as client,
        client.beta.realtime.connect(model="gpt-4o-transcribe") as connection,
    ):
        session: Any = {"input_audio_transcription": TRANSCRIPTION, "turn_detection": None}
        await connection.transcription_session.update(session=session)
        updated = (await until(connection, "transcription_session.updated"))[-1].session
        assert updated.turn_detection is None
        await commit(connection)


async def commit(connection: Any) -> None:
    """Say something; it is written down when it is committed, not before."""
    await say(connection)
    await connection.input_audio_buffer.commit()
    events = await until(connection, COMPLETED)
    assert events[-1].transcript.startswith("speech of")
    assert "input_audio_buffer.speech_started" not in [event.type for event in events]
