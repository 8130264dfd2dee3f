"""Whatever a service sends, in whatever order: nothing escapes, nothing sticks, nothing grows."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtaudio_daemon.dialogue.conversation import Conversation
from rtaudio_daemon.dialogue.history import History
from rtaudio_daemon.dialogue.inputs import SessionLost, SessionOpened, TimePassed
from rtaudio_daemon.dialogue.settings import DialogueSettings
from rtaudio_daemon.dialogue.unsent_audio import UnsentAudio
from rtaudio_daemon.notifications import ModelStatus, PlaybackFinished
from rtaudio_daemon.protocol.codec import CANONICAL_TO_GA, SERVER_EVENTS, Json
from rtaudio_daemon.protocol.error_codes import Severity, severity_of
from rtaudio_daemon.protocol.event_decoding import decode
from rtaudio_daemon.protocol.events import ResponseDone, UserTranscript
from rtaudio_daemon.protocol.settings_check import advice, differences
from rtaudio_daemon.realtime.usage import Prices, UsageMeter
from tests.realtime.service import Call, Service
from tests.virtual_time import VirtualTimeLoop
from tests.waiting import until

NAMES = sorted(SERVER_EVENTS | set(CANONICAL_TO_GA.values()))
ids = st.sampled_from(["resp_1", "resp_2", "item_1", "item_2", "call_1", "", "x" * 64])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ids | st.text()
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
items = st.fixed_dictionaries(
    {},
    optional={
        "id": ids | anything,
        "type": st.sampled_from(["message", "function_call", "function_call_output"]) | anything,
        "role": st.sampled_from(["user", "assistant", "system"]) | anything,
        "status": anything,
        "content": anything
        | st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["text", "input_text", "output_audio"])},
                optional={"text": scalars, "transcript": scalars},
            ),
            max_size=2,
        ),
        "call_id": ids | anything,
        "name": anything,
        "arguments": anything,
        "output": anything,
    },
)
responses = st.fixed_dictionaries(
    {},
    optional={
        "id": ids | anything,
        "status": st.sampled_from(["completed", "cancelled", "failed", "incomplete"]) | anything,
        "status_details": anything,
        "output": anything | st.lists(items, max_size=3),
        "usage": anything,
        "conversation_id": anything,
        "metadata": anything,
    },
)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(NAMES) | st.text()},
    optional={
        "response_id": ids | anything,
        "item_id": ids | anything,
        "call_id": ids | anything,
        "delta": st.sampled_from(["AAAA", "!", ""]) | anything,
        "transcript": anything,
        "text": anything,
        "arguments": anything,
        "audio_end_ms": anything,
        "response": responses | anything,
        "item": items | anything,
        "session": anything,
        "error": anything
        | st.fixed_dictionaries({"code": anything, "type": anything, "message": anything}),
        "usage": anything,
    },
)
raw = (
    events.map(json.dumps)
    | st.text(max_size=50)
    | events.map(lambda event: json.dumps(event)[: len(json.dumps(event)) // 2])
)


@settings(max_examples=40)
@given(st.lists(events, max_size=15), st.sampled_from(["reported", "assumed"]))
def test_a_conversation_takes_in_anything_and_stays_small(
    stream: list[Json], playback: Literal["reported", "assumed"]
) -> None:
    mind = Conversation(
        DialogueSettings(playback=playback), History(turns=3, characters=200), UnsentAudio()
    )
    ledger = UsageMeter(Prices())
    mind.handle(SessionOpened(), 0.0)
    now = 0.0
    for event in [*stream, *stream]:
        now += 1.0
        said = decode(json.dumps(event)).event
        mind.handle(said, now)
        if isinstance(said, ResponseDone):
            ledger.add_response(said.usage, 1)
        if isinstance(said, UserTranscript):
            ledger.add_transcription(said.usage, 1)
    assert sum(len(str(item)) for item in mind.history.retell(now)) < 40_000
    json.dumps(ledger.summary(1), allow_nan=False)
    mind.handle(PlaybackFinished(), now)
    mind.handle(SessionLost("the end", closing=True), now)
    mind.handle(PlaybackFinished(), now)
    while mind.deadline is not None:
        assert mind.deadline > now, "a deadline lies ahead"
        now = mind.deadline
        mind.handle(TimePassed(), now)
    assert mind.status is ModelStatus.IDLE
    assert mind.quiet


@settings(max_examples=100)
@given(anything, anything)
def test_judging_settings_and_errors_never_raises(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert severity_of(one) in Severity
        advice(None, "azure", one)
        if isinstance(other, dict):
            differences(one, other)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=st.lists(raw, max_size=25))
def test_a_client_survives_any_stream_and_is_as_good_as_new_after_it(
    stream: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    loop = VirtualTimeLoop()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    try:
        loop.run_until_complete(asyncio.wait_for(_survive(stream), 600))
    finally:
        loop.close()
    assert complaints == []
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def _survive(stream: list[str]) -> None:
    from rtaudio_daemon import AzureRealTimeAudio

    async with Service("ga") as service:
        client = AzureRealTimeAudio.for_endpoint(service.endpoint(), session_config={})
        async with client:
            call: Call = await service.call()
            for text in stream:
                await call.socket.send_str(text)
            heard = asyncio.Event()
            client.once("rate_limits.updated", lambda _event: heard.set())
            await call.send({"type": "rate_limits.updated", "rate_limits": []})
            await heard.wait()
            assert client.is_initialized
            # Everything that was begun is over in a while, and an answer can be asked for.
            await asyncio.sleep(120)
            client.create_response()
            await call.send({"type": "response.created", "response": {"id": "resp_last"}})
            await call.send({"type": "response.done", "response": {"id": "resp_last"}})
            client.create_response()
            await call.until("response.create", 1)
            counters = client.counters
            assert counters.malformed <= len(stream)
            call.cut()
            await (await service.call(2)).until("session.update")
            await until(lambda: client.status == "idle")
