"""What a service sends, as typed events; and that nothing it sends can do harm."""

from __future__ import annotations

import base64
import dataclasses
import json
import typing
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtaudio_daemon.notifications import AudioPart
from rtaudio_daemon.protocol.codec import CANONICAL_TO_GA, SERVER_EVENTS
from rtaudio_daemon.protocol.error_codes import Severity
from rtaudio_daemon.protocol.event_decoding import decode
from rtaudio_daemon.protocol.events import (
    AudioDelta,
    AudioDone,
    CallArgumentsDone,
    Event,
    InputCleared,
    InputCommitted,
    InputTimedOut,
    Item,
    ItemDeleted,
    ItemReported,
    ItemTruncated,
    ResponseCreated,
    ResponseDone,
    ServiceErrorReported,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TextDelta,
    TextDone,
    Unknown,
    UserTranscript,
    UserTranscriptFailed,
)

PART = AudioPart("resp_1", "item_1", 2)
IDS = {"response_id": "resp_1", "item_id": "item_1", "content_index": 2}
CALL = Item("item_2", "call", '{"room": 1}', False, "completed", "call_1", "lamp")
CALL_ON_THE_WIRE = {
    "id": "item_2",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "lamp",
    "arguments": '{"room": 1}',
}
ERROR = ServiceErrorReported("invalid_value", "bad", "no", "event_1", Severity.CONFIGURATION)
ERROR_ON_THE_WIRE = {
    "code": "invalid_value",
    "type": "bad",
    "message": "no",
    "event_id": "event_1",
}


def event(kind: str, /, **fields: Any) -> Event:
    return decode(json.dumps({"type": kind, **fields})).event


def sound(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("input_audio_buffer.speech_started", {"item_id": "i"}, SpeechStarted("i")),
        ("input_audio_buffer.speech_stopped", {"item_id": "i"}, SpeechStopped("i")),
        ("input_audio_buffer.committed", {"item_id": "i"}, InputCommitted("i")),
        ("input_audio_buffer.cleared", {}, InputCleared()),
        ("input_audio_buffer.timeout_triggered", {"item_id": "i"}, InputTimedOut("i")),
        (
            "conversation.item.truncated",
            {"item_id": "i", "content_index": 1, "audio_end_ms": 1500},
            ItemTruncated("i", 1, 1500),
        ),
        ("conversation.item.deleted", {"item_id": "i"}, ItemDeleted("i")),
        (
            "conversation.item.input_audio_transcription.completed",
            {"item_id": "i", "transcript": "hello", "usage": {"seconds": 1}},
            UserTranscript("i", "hello", {"seconds": 1}),
        ),
        (
            "conversation.item.input_audio_transcription.failed",
            {"item_id": "i", "error": ERROR_ON_THE_WIRE},
            UserTranscriptFailed("i", ERROR),
        ),
        ("response.audio.delta", {**IDS, "delta": sound(b"abcd")}, AudioDelta(PART, b"abcd")),
        ("response.audio.done", IDS, AudioDone(PART)),
        ("response.text.delta", {**IDS, "delta": "he"}, TextDelta(PART)),
        ("response.audio_transcript.delta", {**IDS, "delta": "he"}, TextDelta(PART, spoken=True)),
        ("response.text.done", {**IDS, "text": "hello"}, TextDone(PART, "hello")),
        (
            "response.audio_transcript.done",
            {**IDS, "transcript": "hi"},
            TextDone(PART, "hi", spoken=True),
        ),
        (
            "response.function_call_arguments.done",
            {**IDS, "call_id": "c", "name": "lamp", "arguments": "{}"},
            CallArgumentsDone("resp_1", "item_1", "c", "lamp", "{}"),
        ),
        ("error", {"error": ERROR_ON_THE_WIRE}, ERROR),
        ("rate_limits.updated", {"rate_limits": []}, Unknown("rate_limits.updated")),
        ("something.new", {}, Unknown("something.new")),
    ],
)
def test_an_event_is_what_it_is_about(name: str, fields: Any, expected: Event) -> None:
    assert event(name, **fields) == expected
    if name in CANONICAL_TO_GA:
        message = decode(json.dumps({"type": CANONICAL_TO_GA[name], **fields}))
        assert (message.name, message.event) == (name, expected)


@pytest.mark.parametrize(
    ("name", "done"),
    [
        ("conversation.item.created", False),
        ("conversation.item.added", False),
        ("conversation.item.done", True),
        ("response.output_item.added", False),
        ("response.output_item.done", True),
    ],
)
def test_an_item_is_reported_when_it_is_made_and_when_it_is_complete(name: str, done: bool) -> None:
    got = event(name, response_id="resp_1", item=CALL_ON_THE_WIRE)
    assert got == ItemReported(CALL, "resp_1", done)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio"}]},
            Item("", "user", "", True, "", "", ""),
        ),
        (
            {
                "type": "message",
                "role": "assistant",
                "status": "in_progress",
                "content": [
                    {"type": "output_text", "text": "a"},
                    7,
                    {"type": "output_audio", "transcript": "b"},
                    {"type": "output_audio", "transcript": None},
                ],
            },
            Item("", "assistant", "a b", False, "in_progress", "", ""),
        ),
        ({"role": "system", "content": "a"}, Item("", "system", "", False, "", "", "")),
        (
            {"type": "function_call_output", "id": "i", "call_id": "c", "output": "off"},
            Item("i", "result", "off", False, "", "c", ""),
        ),
        ({"type": "mcp_list_tools", "id": ["i"]}, Item("", "other", "", False, "", "", "")),
    ],
)
def test_an_item_is_what_somebody_said_a_call_or_its_result(item: Any, expected: Item) -> None:
    assert event("conversation.item.created", item=item) == ItemReported(expected, "", False)


def test_an_answer_says_what_became_of_it() -> None:
    response = {
        "id": "resp_1",
        "status": "failed",
        "status_details": {
            "type": "failed",
            "reason": "content_filter",
            "error": ERROR_ON_THE_WIRE,
        },
        "output": [CALL_ON_THE_WIRE, None],
        "usage": {"total_tokens": 3},
    }
    assert event("response.done", response=response) == ResponseDone(
        "resp_1", "failed", "content_filter", ERROR, (CALL,), {"total_tokens": 3}
    )
    created = event("response.created", response={"id": "resp_1", "metadata": {"a": "b"}})
    assert created == ResponseCreated("resp_1", {"a": "b"}, "")


def test_the_session_is_described_in_either_dialect() -> None:
    flat = {"id": "s", "voice": "alloy", "turn_detection": None, "expires_at": 10**9}
    nested = {"type": "realtime", "id": "s", "audio": {"output": {"voice": "alloy"}}}
    created = event("session.created", session=nested)
    assert isinstance(created, SessionCreated)
    assert (created.facts.dialect, created.facts.voice) == ("ga", "alloy")
    updated = event("session.updated", session=flat)
    assert isinstance(updated, SessionUpdated)
    assert (updated.facts.dialect, updated.facts.expires_at) == ("preview", 1e9)
    assert updated.settings == flat


@pytest.mark.parametrize(
    "name", ["response.done", "response.created", "input_audio_buffer.committed"]
)
def test_what_is_missing_means_the_one_under_way(name: str) -> None:
    assert "" in dataclasses.astuple(event(name))[:1]
    assert event(name, response=[{}], item_id=5) == event(name)


def test_an_answer_that_says_no_status_is_completed() -> None:
    done = event("response.done", response={"id": "resp_1"})
    assert done == ResponseDone("resp_1", "completed", "", None, (), {})


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("conversation.item.truncated", {"item_id": "i"}),
        ("conversation.item.truncated", {"item_id": "i", "audio_end_ms": True}),
        ("conversation.item.created", {"item": "i"}),
        ("response.output_item.done", {}),
    ],
)
def test_an_event_without_what_it_is_about_is_unknown(name: str, fields: Any) -> None:
    message = decode(json.dumps({"type": name, **fields}))
    assert (message.event, message.malformed) == (Unknown(name), False)


@pytest.mark.parametrize("delta", ["!", "A", "AAAA!AAA", "AA=AAA", "ä", None, 5, ["AAAA"]])
def test_sound_that_cannot_be_decoded_is_skipped_and_can_be_counted(delta: Any) -> None:
    message = decode(json.dumps({"type": "response.audio.delta", **IDS, "delta": delta}))
    assert message.malformed
    assert message.event == Unknown("response.audio.delta")
    assert message.raw["delta"] == delta


def test_sound_without_padding_is_whole() -> None:
    for pcm in (b"abcd", b"abcdef", bytes(8)):
        assert event("response.audio.delta", **IDS, delta=sound(pcm).rstrip("=")) == AudioDelta(
            PART, pcm
        )


def test_half_a_sample_never_shifts_what_follows() -> None:
    assert event("response.audio.delta", **IDS, delta=sound(b"abc")) == AudioDelta(PART, b"ab")
    assert event("response.audio.delta", **IDS, delta=sound(b"a")) == AudioDelta(PART, b"")


def test_sound_that_nobody_wants_is_only_measured() -> None:
    for pcm in (b"", b"abcd", b"abcdef", b"abcdefgh", b"abc"):
        for delta in (sound(pcm), sound(pcm).rstrip("=")):
            raw = json.dumps({"type": "response.audio.delta", **IDS, "delta": delta})
            measured = decode(raw, audio=False).event
            assert measured == AudioDelta(PART, b"", len(pcm) & ~1)
    odd = decode('{"type": "response.audio.delta", "delta": 5}', audio=False)
    assert (odd.event, odd.malformed) == (Unknown("response.audio.delta"), True)


def test_what_an_answer_cost_is_plausible_and_its_status_known() -> None:
    response = {"id": "r", "status": "\ud800", "usage": {"input_tokens": -5, "output_tokens": 7}}
    done = event("response.done", response=response)
    assert done == ResponseDone("r", "other", "", None, (), {"output_tokens": 7})
    said = event("conversation.item.input_audio_transcription.completed", usage={"seconds": 1e400})
    assert said == UserTranscript("", "", {})


def test_a_session_says_little_of_itself() -> None:
    long = {"id": "s" * 10**6, "model": "m\ud800", "voice": "v" * 10**6}
    created = event("session.created", session=long)
    assert isinstance(created, SessionCreated)
    facts = created.facts
    assert (facts.id, facts.model, facts.voice) == ("s" * 128, "m?", "v" * 128)


def test_values_are_bounded() -> None:
    assert event("conversation.item.deleted", item_id="x" * 1000) == ItemDeleted("x" * 128)
    error = event("error", error={"code": 429, "message": "a\nb " + "x" * 10_000})
    assert isinstance(error, ServiceErrorReported)
    assert (error.code, len(error.message), error.message[:4]) == ("429", 300, "a b ")
    said = event("response.text.done", text="x" * 100_000)
    assert isinstance(said, TextDone)
    assert len(said.text) == 64 * 1024
    done = event("response.done", response={"output": [CALL_ON_THE_WIRE] * 1000})
    assert isinstance(done, ResponseDone)
    assert len(done.output) == 256
    cut = event("conversation.item.truncated", item_id="i", content_index=-1, audio_end_ms=10**400)
    assert cut == ItemTruncated("i", 0, 86_400_000)


def test_lone_surrogates_do_not_reach_logs_and_files() -> None:
    assert event("conversation.item.deleted", item_id="a\ud800") == ItemDeleted("a?")
    said = event("response.text.done", text="grün \udfff")
    assert isinstance(said, TextDone)
    assert said.text == "grün ?"


def test_what_is_no_message_is_refused() -> None:
    for text in ("", "[]", "null", "{}", '{"type": 5}', '{"type": "a", "b": ', "[" * 100_000):
        with pytest.raises(ValueError):
            decode(text)
    deep = '{"type": "session.updated", "session": ' + '{"a":' * 600 + "1" + "}" * 601
    with pytest.raises(ValueError, match="deeply"):
        decode(deep)
    with pytest.raises(ValueError, match="digits"):
        decode('{"type": "a", "b": ' + "1" * 10_000 + "}")


def test_the_union_names_every_event() -> None:
    assert len(typing.get_args(Event)) == 21


# ------------------------------------------------------------------- anything at all

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**310)
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(["", "resp_1", "AAAA", "AAA", "x" * 200, "\ud800"])
)
_anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_KEYS = (
    *("id", "type", "role", "status", "content", "call_id", "name", "arguments", "output"),
    *("text", "transcript", "metadata", "conversation_id", "status_details", "usage", "reason"),
    *("error", "code", "message", "event_id", "voice", "expires_at", "audio", "turn_detection"),
    *("modalities", "input_audio_format", "output_modalities"),
)
_FIELDS = (
    *("response_id", "item_id", "content_index", "call_id", "name", "delta", "text", "transcript"),
    *("arguments", "audio_end_ms", "response", "item", "session", "error", "usage", "message"),
)
_objects: st.SearchStrategy[Any] = st.dictionaries(
    st.sampled_from(_KEYS),
    st.deferred(lambda: _anything | _objects | st.lists(_objects, max_size=2)),
    max_size=6,
)
_messages = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(SERVER_EVENTS | set(CANONICAL_TO_GA.values()))) | st.text()},
    optional=dict.fromkeys(_FIELDS, _anything | _objects),
)


@settings(max_examples=300)
@given(_messages)
@example({"type": "session.created", "session": {"expires_at": 10**310}})
@example({"type": "conversation.item.truncated", "audio_end_ms": float("nan")})
@example({"type": "conversation.item.truncated", "audio_end_ms": float("-inf")})
def test_any_message_is_an_event_of_bounded_and_printable_values(message: Any) -> None:
    decoded = decode(json.dumps(message))
    assert isinstance(decoded.event, typing.get_args(Event))
    assert decoded.raw["type"] == decoded.name
    _check(decoded.event)
    assert decode(json.dumps(message)).event == decoded.event or "nan" in repr(decoded.event)


def _check(value: Any) -> None:
    """Every field is of the type that its class promises, bounded, and can be written."""
    for field, kind in typing.get_type_hints(type(value)).items():
        found = getattr(value, field)
        if dataclasses.is_dataclass(found) and not isinstance(found, type):
            if type(found).__name__ != "SessionFacts":
                _check(found)
        elif kind is str:
            assert type(found) is str
            found.encode()
            assert len(found) <= 64 * 1024
        elif kind in (int, bool, bytes):
            assert type(found) is kind
            assert kind is not bytes or len(found) % 2 == 0
        elif isinstance(found, tuple):
            for one in found:
                _check(one)


@pytest.mark.parametrize("delta", [None, 7, ["AAAA"]])
def test_sound_of_which_only_the_size_is_wanted_is_refused_where_it_is_none(delta: Any) -> None:
    text = json.dumps({"type": "response.output_audio.delta", "delta": delta})
    for audio in (True, False):
        message = decode(text, audio=audio)
        assert message.malformed
        assert isinstance(message.event, Unknown)
