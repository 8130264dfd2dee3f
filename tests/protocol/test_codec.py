"""Names and shapes, in both dialects and both directions."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from azure.ai.voicelive.models import ClientEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon import config
from rtaudio_daemon.protocol import codec, session_format
from rtaudio_daemon.protocol.codec import Dialect, Json, decode, encode
from tests import voice_live
from tests.realtime.service import EXPIRES_AT, GA_SESSION, PREVIEW_SESSION
from tests.strict import assert_valid_client_events

FULL: Json = {
    "modalities": ["audio", "text"],
    "voice": "alloy",
    "speed": 1.1,
    "instructions": "Be brief.",
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1", "language": "de"},
    "input_audio_noise_reduction": {"type": "far_field"},
    "turn_detection": {"type": "server_vad", "threshold": 0.4},
    "max_response_output_tokens": 500,
    "temperature": 0.7,
    "tool_choice": "auto",
    "tools": [{"type": "function", "name": "lamp", "description": "", "parameters": {}}],
}


def sent(event: Json, dialect: Dialect) -> Json:
    """What goes over the wire, after the official types agreed to it."""
    message: Json = json.loads(encode(event, dialect))
    assert_valid_client_events(dialect, [message])
    return message


def received(event: Json) -> Json:
    return decode(json.dumps(event))


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(("canonical", "ga"), codec.CANONICAL_TO_GA.items())
def test_an_event_has_its_canonical_name_whoever_sends_it(canonical: str, ga: str) -> None:
    assert received({"type": ga})["type"] == canonical
    assert received({"type": canonical})["type"] == canonical
    assert codec.wire_name(canonical, "ga") == codec.wire_name(ga, "ga") == ga
    assert codec.wire_name(canonical, "preview") == codec.wire_name(ga, "preview") == canonical
    assert canonical in codec.SERVER_EVENTS
    assert ga not in codec.SERVER_EVENTS


def test_an_unknown_event_keeps_its_name_and_everything_in_it() -> None:
    event = {"type": "session.avatar.connecting", "server_sdp": "x", "item": {"content": "odd"}}
    assert received(event) == event


@pytest.mark.parametrize("name", ["session.created", "conversation.item.done", "response.done"])
def test_an_event_without_its_object_is_passed_on(name: str) -> None:
    assert received({"type": name}) == {"type": name}


def test_item_done_keeps_its_own_name() -> None:
    assert received({"type": "conversation.item.done"})["type"] == "conversation.item.done"


@pytest.mark.parametrize(
    "raw",
    ["", "{", "[]", "1", "null", '"text"', "{}", '{"type":1}', '{"type":null}', b"\xff\xfe", "nan"],
)
def test_what_is_no_message_is_a_value_error(raw: str | bytes) -> None:
    with pytest.raises(ValueError):
        decode(raw)


def test_a_message_nested_too_deeply_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        decode('{"type":"x","a":' + "[" * 200_000 + "]" * 200_000 + "}")


def test_a_message_that_is_too_long_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_MESSAGE_BYTES", 100)
    with pytest.raises(ValueError, match="longer than"):
        decode('{"type":"x","a":"' + "b" * 100 + '"}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
field_names = st.sampled_from(
    ["session", "response", "item", "error", "output", "content", "audio"]
)


@settings(max_examples=50)
@given(
    st.sampled_from(sorted(codec.SERVER_EVENTS)),
    st.dictionaries(field_names, json_values | st.dictionaries(field_names, json_values)),
)
def test_reading_never_stumbles_over_odd_shapes(name: str, fields: dict[str, Any]) -> None:
    assert received({**fields, "type": name})["type"] == name


@settings(max_examples=50)
@given(st.text() | st.binary())
def test_reading_noise_raises_nothing_but_value_error(raw: str | bytes) -> None:
    with pytest.raises(ValueError):
        decode(raw)


def test_the_content_of_items_has_the_house_types() -> None:
    content = [{"type": "output_text", "text": "a"}, {"type": "output_audio"}, {"type": "x"}, 7]
    item = {"role": "assistant", "content": content}
    kept = [part["type"] if isinstance(part, dict) else part for part in content]
    for name in ("conversation.item.added", "response.output_item.done"):
        assert received({"type": name, "item": item})["item"]["content"] == [
            {"type": "text", "text": "a"},
            {"type": "audio"},
            {"type": "x"},
            7,
        ]
    assert kept == ["output_text", "output_audio", "x", 7]


def test_a_response_is_flat_and_its_items_too() -> None:
    response = {
        "id": "resp_1",
        "max_output_tokens": "inf",
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "alloy", "format": {"type": "audio/pcm", "rate": 24000}}},
        "status_details": "went wrong",
        "output": [{"content": [{"type": "output_audio", "transcript": "Hi"}]}, "odd"],
    }
    assert received({"type": "response.done", "response": response})["response"] == {
        "id": "resp_1",
        "max_output_tokens": "inf",
        "modalities": ["audio", "text"],
        "voice": "alloy",
        "output_audio_format": "pcm16",
        "status_details": {"reason": "went wrong"},
        "output": [{"content": [{"type": "audio", "transcript": "Hi"}]}, "odd"],
    }


def test_both_dialects_describe_a_session_in_the_same_words() -> None:
    ga = received({"type": "session.created", "session": {"id": "s", **GA_SESSION}})["session"]
    preview = received({"type": "session.created", "session": {"id": "s", **PREVIEW_SESSION}})
    assert {**preview["session"], "type": "realtime", "input_audio_transcription": None} == ga


def test_the_facts_of_a_session_are_the_same_before_and_after_decoding() -> None:
    for session, dialect in ((GA_SESSION, "ga"), (PREVIEW_SESSION, "preview")):
        raw = {"id": "s", **session}
        facts = codec.describe_session(raw)
        assert facts == codec.describe_session(
            received({"type": "session.updated", "session": raw})["session"]
        )
        assert facts == codec.SessionFacts(
            id="s",
            dialect="ga" if dialect == "ga" else "preview",
            model="gpt-realtime",
            voice="alloy",
            expires_at=EXPIRES_AT,
            turn_detection={"type": "server_vad", "threshold": 0.5},
        )


def test_a_dialect_seen_by_its_sound_alone_survives_decoding() -> None:
    event = received({"type": "session.created", "session": {"output_modalities": ["audio"]}})
    assert codec.describe_session(event["session"]).dialect == "ga"


@pytest.mark.parametrize(
    ("said", "expires_at"),
    [
        ("1900000000", 1_900_000_000.0),
        ("1900000000.5", 1_900_000_000.5),
        ("1796000000000", None),
        ("1e18", None),
        ("900000000000", None),
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
        ("-1900000000", None),
        ("0", None),
        ("60", None),
        ("9" * 400, None),
        ("true", None),
        ('"1900000000"', None),
        ("[1900000000]", None),
        ("null", None),
    ],
)
def test_a_session_expires_at_a_plausible_second_or_it_is_not_known_when(
    said: str, expires_at: float | None
) -> None:
    raw = f'{{"type": "session.created", "session": {{"id": "s", "expires_at": {said}}}}}'
    facts = codec.describe_session(codec.decode(raw)["session"])
    assert (facts.id, facts.expires_at) == ("s", expires_at)


@pytest.mark.parametrize(
    ("voice", "name"), [({"id": "v"}, "v"), ({"type": "t", "name": "n"}, "n"), (None, None)]
)
def test_facts_that_are_missing_or_odd_are_none(voice: Any, name: str | None) -> None:
    odd = {"voice": voice, "expires_at": True, "id": 5, "turn_detection": "x", "audio": "none"}
    facts = codec.describe_session(odd)
    assert facts.voice == name
    assert (facts.id, facts.expires_at, facts.turn_detection) == (None, None, None)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"error": "out of order"}, "out of order"),
        ({"message": "broken"}, "broken"),
        ({}, "no details given"),
    ],
)
def test_an_error_is_always_an_object_with_a_message(event: Json, message: str) -> None:
    error = received({"type": "error", **event})["error"]
    assert error == {"type": "error", "code": None, "message": message}


# ------------------------------------------------------------------ writing


def test_a_session_in_canonical_words_is_nested_for_ga() -> None:
    session = sent({"type": "session.update", "session": FULL}, "ga")["session"]
    assert session == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "max_output_tokens": 500,
        "tool_choice": "auto",
        "tools": FULL["tools"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "whisper-1", "language": "de"},
                "noise_reduction": {"type": "far_field"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.4,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"voice": "alloy", "speed": 1.1, "format": {"type": "audio/pcmu"}},
        },
    }


def test_a_session_in_canonical_words_stays_flat_for_preview() -> None:
    session = sent({"type": "session.update", "session": FULL}, "preview")["session"]
    detection = session.pop("turn_detection")
    assert session == {key: value for key, value in FULL.items() if key != "turn_detection"}
    assert detection["silence_duration_ms"] == 500


def test_a_session_may_be_given_in_ga_words_for_either_dialect(dialect: Dialect) -> None:
    nested = json.loads(encode({"type": "session.update", "session": FULL}, "ga"))["session"]
    again = sent({"type": "session.update", "session": nested}, dialect)["session"]
    flat = {key: value for key, value in FULL.items() if key != "temperature"}
    assert again == sent({"type": "session.update", "session": flat}, dialect)["session"]


def test_what_only_the_service_may_set_is_left_out(dialect: Dialect) -> None:
    session = {"id": "s", "object": "o", "expires_at": 1, "type": "realtime", "voice": "ash"}
    message = sent({"type": "session.update", "session": session}, dialect)
    assert not {"id", "object", "expires_at"} & set(message["session"])


def test_push_to_talk_is_said_explicitly(dialect: Dialect) -> None:
    session = sent({"type": "session.update", "session": {"turn_detection": None}}, dialect)
    assert codec.flat_session(session["session"])["turn_detection"] is None


def test_extra_is_merged_last_as_it_stands(dialect: Dialect) -> None:
    extra = {"audio": {"output": {"voice": "cedar"}}, "truncation": "disabled"}
    session = {"voice": "alloy", "speed": 1.2, "extra": extra}
    message = json.loads(encode({"type": "session.update", "session": session}, dialect))
    assert message["session"]["truncation"] == "disabled"
    assert message["session"]["audio"]["output"]["voice"] == "cedar"
    if dialect == "ga":
        assert message["session"]["audio"]["output"]["speed"] == 1.2


def test_semantic_turn_detection_gets_its_own_numbers(dialect: Dialect) -> None:
    given_settings = {"turn_detection": {"type": "semantic_vad"}}
    session = sent({"type": "session.update", "session": given_settings}, dialect)["session"]
    assert codec.flat_session(session)["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_turn_detection_of_another_kind_is_left_alone() -> None:
    azure = {"type": "something_new", "remove_filler_words": True}
    assert codec.explicit_turn_detection(azure) == azure


@pytest.mark.parametrize(
    ("canonical", "ga"), [("lamp", {"type": "function", "name": "lamp"}), ("none", "none")]
)
def test_a_tool_is_chosen_in_the_words_of_the_dialect(canonical: str, ga: Any) -> None:
    for spelled in (canonical, ga):
        event = {"type": "response.create", "response": {"tool_choice": spelled}}
        assert sent(event, "ga")["response"]["tool_choice"] == ga
        assert sent(event, "preview")["response"]["tool_choice"] == canonical


def test_a_response_is_asked_for_in_the_words_of_the_dialect() -> None:
    response: Json = {
        "modalities": ["text"],
        "voice": "ash",
        "output_audio_format": "pcm16",
        "temperature": 0.8,
        "max_response_output_tokens": 9,
        "conversation": "none",
        "metadata": {"a": "b"},
        "instructions": "Say it.",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Ho"}]},
        ],
    }
    ga = sent({"type": "response.create", "response": response}, "ga")["response"]
    assert ga["output_modalities"] == ["text"]
    assert ga["max_output_tokens"] == 9
    assert ga["audio"] == {
        "output": {"voice": "ash", "format": {"type": "audio/pcm", "rate": 24000}}
    }
    assert "temperature" not in ga
    assert [item["content"][0]["type"] for item in ga["input"]] == ["input_text", "output_text"]
    preview = sent({"type": "response.create", "response": ga}, "preview")["response"]
    expected = {key: value for key, value in response.items() if key != "temperature"}
    expected["input"][0]["content"][0]["type"] = "input_text"
    assert preview == expected


def test_odd_input_of_a_response_is_passed_on() -> None:
    assert codec.wire_response({"input": ["odd"]}, "ga") == {"input": ["odd"]}


@pytest.mark.parametrize(
    ("role", "content", "wire"),
    [
        ("user", "text", {"ga": "input_text", "preview": "input_text"}),
        ("user", "audio", {"ga": "input_audio", "preview": "input_audio"}),
        ("system", "input_text", {"ga": "input_text", "preview": "input_text"}),
        ("assistant", "text", {"ga": "output_text", "preview": "text"}),
        ("assistant", "output_text", {"ga": "output_text", "preview": "text"}),
        ("assistant", "audio", {"ga": "output_audio", "preview": "audio"}),
    ],
)
def test_an_item_has_the_content_types_of_the_dialect(
    role: str, content: str, wire: dict[str, str], dialect: Dialect
) -> None:
    item = {"type": "message", "role": role, "content": [{"type": content}]}
    message = sent({"type": "conversation.item.create", "item": item}, dialect)
    assert message["item"]["content"] == [{"type": wire[dialect]}]


def test_an_item_without_content_is_passed_on(dialect: Dialect) -> None:
    item = {"type": "function_call_output", "call_id": "c", "output": "ok"}
    assert sent({"type": "conversation.item.create", "item": item}, dialect)["item"] == item


def test_other_messages_are_passed_on(dialect: Dialect) -> None:
    cancel = {"type": "response.cancel", "response_id": "resp_1"}
    assert sent(cancel, dialect) == cancel
    assert sent({"type": "response.create"}, dialect) == {"type": "response.create"}
    custom = {"type": "input_audio.turn.start", "session": "odd"}
    assert json.loads(encode(custom, dialect)) == custom


def test_nothing_that_is_encoded_is_changed(dialect: Dialect) -> None:
    before = json.dumps(FULL)
    encode({"type": "session.update", "session": FULL}, dialect)
    assert json.dumps(FULL) == before


def test_what_json_cannot_hold_is_an_error() -> None:
    with pytest.raises(ValueError):
        encode({"type": "response.create", "response": {"temperature": float("nan")}}, "preview")
    with pytest.raises(TypeError):
        encode({"type": "response.create", "response": {"metadata": b""}}, "ga")


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_sound_is_appended_as_base64(pcm: bytes) -> None:
    message = json.loads(codec.encode_append(pcm))
    assert_valid_client_events("ga", [message])
    assert_valid_client_events("preview", [message])
    assert base64.b64decode(message["audio"]) == pcm


@settings(max_examples=50)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "modalities": st.sampled_from([["text"], ["audio", "text"]]),
            "voice": st.text(),
            "speed": st.floats(0.25, 1.5),
            "input_audio_format": st.sampled_from(sorted(codec.CANONICAL_TO_GA_FORMATS)),
            "output_audio_format": st.sampled_from(
                [*codec.CANONICAL_TO_GA_FORMATS, "pcm16_8000hz"]
            ),
            "input_audio_transcription": st.none() | st.dictionaries(st.text(), st.text()),
            "turn_detection": st.none() | st.dictionaries(st.text(), st.integers()),
            "max_response_output_tokens": st.integers(1, 4096) | st.just("inf"),
            "instructions": st.text(),
        },
    )
)
def test_nesting_and_flattening_are_each_others_opposite(session: Json) -> None:
    assert codec.flat_session(codec.nested_session(session)) == session
    assert codec.flat_session(session) == session


# ------------------------------------------------------- the configuration


def test_the_configuration_becomes_a_session(dialect: Dialect) -> None:
    section = config.Session(
        voice="marin" if dialect == "ga" else "ash",
        instructions="You are a lamp.",
        turn_detection=config.TurnDetection(threshold=0.6, silence_duration_ms=700),
        transcription=config.Transcription(model="whisper-1", language="en"),
        max_output_tokens=300,
        extra={"tracing": "auto"},
    )
    settings = codec.session_settings(section)
    message = sent({"type": "session.update", "session": settings}, dialect)["session"]
    assert message["tracing"] == "auto"
    flat = codec.flat_session(message)
    assert flat["turn_detection"]["silence_duration_ms"] == 700
    assert flat["input_audio_transcription"] == {"model": "whisper-1", "language": "en"}
    assert flat["max_response_output_tokens"] == 300
    assert flat["instructions"] == "You are a lamp."


def test_the_default_configuration_says_neither_too_much_nor_too_little(dialect: Dialect) -> None:
    settings = codec.session_settings(config.Session())
    sent({"type": "session.update", "session": settings}, dialect)
    assert settings["input_audio_transcription"] is None
    assert not {"instructions", "extra", "max_response_output_tokens"} & set(settings)


def test_transcription_without_a_language_names_only_the_model() -> None:
    section = config.Session(transcription=config.Transcription(model="m"))
    assert codec.session_settings(section)["input_audio_transcription"] == {"model": "m"}


def test_what_the_service_does_to_the_microphone_s_sound_is_named_where_it_is_wanted() -> None:
    names = ("input_audio_noise_reduction", "input_audio_echo_cancellation")
    plain = codec.session_settings(config.Session(noise_reduction="none"))
    assert not set(names) & set(plain)
    section = config.Session(noise_reduction="far_field", echo_cancellation="server")
    settings = codec.session_settings(section)
    assert [settings[name]["type"] for name in names] == ["far_field", "server_echo_cancellation"]


def test_a_session_that_only_transcribes_asks_for_no_answers() -> None:
    session = {"type": "transcription", "turn_detection": {"type": "server_vad"}}
    wire = codec.wire_session(session, "ga")
    assert wire["type"] == "transcription"
    detection = wire["audio"]["input"]["turn_detection"]
    assert detection["silence_duration_ms"] == 500
    assert not {"create_response", "interrupt_response"} & set(detection)


def test_turn_detection_of_the_configuration_in_each_kind() -> None:
    def detection(kind: str) -> Any:
        section = config.Session(
            turn_detection=config.TurnDetection(type=kind, interrupt_response=False)
        )
        return codec.session_settings(section)["turn_detection"]

    assert detection("none") is None
    assert detection("semantic_vad") == {
        "type": "semantic_vad",
        "create_response": True,
        "interrupt_response": False,
        "eagerness": "auto",
    }
    assert detection("server_vad")["interrupt_response"] is False


def test_laying_one_object_over_another_joins_only_objects() -> None:
    assert session_format.merged({"a": {"b": 1}, "c": {"d": 1}}, {"a": {"e": 2}, "c": 3}) == {
        "a": {"b": 1, "e": 2},
        "c": 3,
    }


def test_voice_live_is_asked_for_an_announcement_in_its_own_words() -> None:
    message = {
        "type": "response.create",
        "response": {
            "conversation": "none",
            "metadata": {"a": "b"},
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "text", "text": "x"}]}
            ],
            "max_response_output_tokens": 7,
        },
    }
    sent = json.loads(encode(message, "preview", commits_answers=True))
    content = [{"type": "input_text", "text": "x"}]
    assert sent["response"] == {
        "commit": False,
        "cancel_previous": False,
        "metadata": {"a": "b"},
        "input_items": [{"type": "message", "role": "user", "content": content}],
        "max_output_tokens": 7,
    }
    assert voice_live.problems(sent, ClientEvent) == []
    usual = {"type": "response.create", "response": {"instructions": "x", "conversation": "auto"}}
    sent = json.loads(encode(usual, "preview", commits_answers=True))
    assert sent["response"] == {"instructions": "x"}
