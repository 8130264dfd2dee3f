"""Six things a voice client does, with each official SDK, at each address."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from azure.ai.voicelive.aio import connect as connect_voice_live
from azure.ai.voicelive.models import (
    FunctionCallOutputItem,
    InputTextContentPart,
    ServerEvent,
    UserMessageItem,
)
from azure.core.credentials import AzureKeyCredential
from openai import AsyncOpenAI

from rtaudio_daemon.protocol.codec import canonical_name
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import EnergyHearing, loud, preview_client, quiet
from tests.strict import assert_valid_client_events, assert_valid_server_events
from tests.voice_live import assert_valid_voice_live_events

KEY = "s3cret"
PATIENCE_S = 20.0
LONG = "word " * 200
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a town",
    "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
}


def reply(turn: Turn) -> Reply | str:
    if turn.result_of == "weather":
        return f"It is {turn.text}."
    if "weather" in turn.text:
        return Reply(calls=(Call("weather", '{"town": "Bonn"}'),))
    return turn.text or "I heard you."


class Talk:
    """One SDK's connection, spoken to in the words that all of them share."""

    def __init__(self, name: str, connection: Any) -> None:
        self.name = name
        self.ga = name in ("azure", "openai")
        self.connection = connection
        self.seen: list[Any] = []

    async def until(self, kind: str) -> Any:
        """Receive up to and with the first event of this type (canonical name)."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.connection.recv()
                self.seen.append(event)
                # The SDK knows it by name; item.done is on the wire of Voice Live all the same.
                known = type(event) is not ServerEvent
                assert known or event.type == "conversation.item.done", event
                if canonical_name(str(getattr(event.type, "value", event.type))) == kind:
                    return event

    def kinds(self) -> list[str]:
        return [canonical_name(str(getattr(each.type, "value", each.type))) for each in self.seen]

    def sound(self) -> bytes:
        deltas = [
            each.delta
            for each, kind in zip(self.seen, self.kinds(), strict=True)
            if kind == "response.audio.delta"
        ]
        return b"".join(
            each if isinstance(each, bytes) else base64.b64decode(each) for each in deltas
        )

    async def configure(self, *, turn_detection: Any = ..., **flat: Any) -> Any:
        session = dict(flat)
        if turn_detection is not ...:
            session["turn_detection"] = turn_detection
        if self.ga:
            session = {"type": "realtime", **flat}
            if turn_detection is not ...:
                session["audio"] = {"input": {"turn_detection": turn_detection}}
        await self.connection.session.update(session=session)
        return (await self.until("session.updated")).session

    async def speak(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 9600):
            audio = base64.b64encode(pcm[at : at + 9600]).decode()
            await self.connection.input_audio_buffer.append(audio=audio)

    async def write(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item: Any = {"type": "message", "role": "user", "content": content}
        if self.name == "voice-live":
            item = UserMessageItem(content=[InputTextContentPart(text=text)])
        await self.connection.conversation.item.create(item=item)

    async def return_result(self, call_id: str, output: str) -> None:
        item: Any = {"type": "function_call_output", "call_id": call_id, "output": output}
        if self.name == "voice-live":
            item = FunctionCallOutputItem(call_id=call_id, output=output)
        await self.connection.conversation.item.create(item=item)

    async def answer(self) -> Any:
        """The response, once it is done."""
        return (await self.until("response.done")).response


@asynccontextmanager
async def talking(name: str, simulator: Simulator) -> AsyncIterator[Talk]:
    if name == "voice-live":
        async with connect_voice_live(
            endpoint=simulator.url.replace("ws:", "http:"),
            credential=AzureKeyCredential(KEY),
            model="gpt-realtime",
        ) as connection:
            yield Talk(name, connection)
    elif name == "azure-preview":
        async with (
            preview_client(simulator.url, KEY) as client,
            client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection_,
        ):
            yield Talk(name, connection_)
    else:
        base = "/openai/v1" if name == "azure" else "/v1"
        async with (
            AsyncOpenAI(api_key=KEY, websocket_base_url=simulator.url + base) as client_,
            client_.realtime.connect(model="gpt-realtime") as ga,
        ):
            yield Talk(name, ga)


@pytest.fixture(params=["azure", "openai", "azure-preview", "voice-live"])
async def talk(request: pytest.FixtureRequest) -> AsyncIterator[Talk]:
    async with (
        Simulator(
            api_key=KEY, voice="tone", reply=reply, voice_detector=EnergyHearing
        ) as simulator,
        talking(request.param, simulator) as connected,
    ):
        await connected.until("session.created")
        yield connected
        (session,) = simulator.sessions
        if request.param == "voice-live":
            assert_valid_voice_live_events(session.sent)
        else:
            assert_valid_server_events(session.dialect, session.sent)
            valid = [each for each in session.received if each.get("event_id") != "wrong"]
            if connected.ga:
                assert_valid_client_events("ga", valid)


async def test_a_voice_turn_is_detected_and_answered(talk: Talk) -> None:
    await talk.configure(turn_detection={"type": "server_vad", "silence_duration_ms": 300})
    await talk.speak(quiet(320) + loud(800) + quiet(480))
    response = await talk.answer()
    assert response.status == "completed"
    assert len(talk.sound()) > 48 * 400
    kinds = talk.kinds()
    wanted = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"]
    wanted += ["input_audio_buffer.committed", "response.created", "response.done"]
    assert [kind for kind in kinds if kind in wanted] == wanted


async def test_push_to_talk(talk: Talk) -> None:
    await talk.configure(turn_detection=None)
    await talk.connection.input_audio_buffer.clear()
    await talk.until("input_audio_buffer.cleared")
    await talk.speak(loud(500))
    await talk.connection.input_audio_buffer.commit()
    await talk.until("input_audio_buffer.committed")
    await talk.connection.response.create()
    assert (await talk.answer()).status == "completed"
    assert "input_audio_buffer.speech_started" not in talk.kinds()
    assert talk.sound()


async def test_a_text_turn(talk: Talk) -> None:
    key = "output_modalities" if talk.ga else "modalities"
    await talk.configure(**{key: ["text"]})
    await talk.write("good morning")
    await talk.connection.response.create()
    response = await talk.answer()
    assert response.output[0].content[0].text == "good morning"
    done = talk.seen[talk.kinds().index("response.text.done")]
    assert done.text == "good morning"


async def test_a_function_is_called_and_its_answer_spoken(talk: Talk) -> None:
    session = await talk.configure(tools=[WEATHER], tool_choice="auto")
    assert session.tools[0].name == "weather"
    await talk.write("how is the weather?")
    await talk.connection.response.create()
    call = (await talk.answer()).output[0]
    assert (call.type, call.name, call.arguments) == (
        "function_call",
        "weather",
        '{"town": "Bonn"}',
    )
    await talk.return_result(call.call_id, "sunny")
    await talk.connection.response.create()
    response = await talk.answer()
    assert response.output[0].content[0].transcript == "It is sunny."


async def test_an_interruption_with_truncate(talk: Talk) -> None:
    await talk.write(LONG)
    await talk.connection.response.create()
    item_id = (await talk.until("response.audio.delta")).item_id
    await talk.speak(loud(320))
    await talk.until("input_audio_buffer.speech_started")
    await talk.connection.conversation.item.truncate(
        item_id=item_id, content_index=0, audio_end_ms=50
    )
    truncated = await talk.until("conversation.item.truncated")
    assert (truncated.item_id, truncated.audio_end_ms) == (item_id, 50)
    (done,) = [
        each for each, kind in zip(talk.seen, talk.kinds(), strict=True) if kind == "response.done"
    ]
    assert done.response.status == "cancelled"
    assert done.response.status_details.reason == "turn_detected"
    await talk.speak(quiet(800))
    assert (await talk.answer()).status == "completed"


async def test_an_expected_error_leaves_the_session_usable(talk: Talk) -> None:
    await talk.connection.response.cancel(event_id="mine")
    error = (await talk.until("error")).error
    assert error.code == "response_cancel_not_active"
    assert error.event_id == "mine"
    await talk.write("still there?")
    await talk.connection.response.create()
    assert (await talk.answer()).output[0].content[0].transcript == "still there?"


async def test_only_openai_reports_its_limits(talk: Talk) -> None:
    await talk.write("hello")
    await talk.connection.response.create()
    await talk.answer()
    await talk.connection.input_audio_buffer.clear()
    await talk.until("input_audio_buffer.cleared")
    assert ("rate_limits.updated" in talk.kinds()) is (talk.name == "openai")


async def test_voice_live_describes_voices_by_objects() -> None:
    async with (
        Simulator(api_key=KEY, voice_detector=EnergyHearing) as simulator,
        talking("voice-live", simulator) as talk,
    ):
        await talk.until("session.created")
        session = await talk.configure(
            turn_detection={"type": "azure_semantic_vad", "remove_filler_words": True},
            voice={"type": "azure-standard", "name": "en-US-AvaNeural"},
            input_audio_echo_cancellation={"type": "server_echo_cancellation"},
        )
        assert session.voice["name"] == "en-US-AvaNeural"
        assert session.turn_detection["type"] == "azure_semantic_vad"
        session = await talk.configure(voice="alloy")
        assert session.voice["type"] == "openai"
