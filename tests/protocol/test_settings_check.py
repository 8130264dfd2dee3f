"""What a session uses is held against what was asked of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.protocol.codec import Json
from rtaudio_daemon.protocol.event_decoding import decode
from rtaudio_daemon.protocol.events import SessionUpdated
from rtaudio_daemon.protocol.session_format import GA_PLACES, session_settings
from rtaudio_daemon.protocol.settings_check import advice, differences, speaks

VAD: Json = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 600}


@pytest.mark.parametrize(
    ("asked", "used", "expected"),
    [
        ({"voice": "alloy"}, {"voice": "alloy"}, []),
        ({"voice": "alloy"}, {}, []),
        ({"voice": "alloy"}, {"voice": {"name": "alloy", "type": "openai"}}, []),
        ({"voice": "alloy"}, {"voice": "ash"}, ["voice is 'ash' instead of 'alloy'"]),
        ({"instructions": "Be brief."}, {"instructions": "Be kind."}, ["instructions"]),
        ({"modalities": ["text", "audio"]}, {"modalities": ["audio", "text"]}, []),
        (
            {"modalities": ["text", "audio"]},
            {"modalities": ["text"]},
            ["modalities is ['text'] instead of ['text', 'audio']"],
        ),
        ({"turn_detection": VAD}, {"turn_detection": VAD}, []),
        (
            {"turn_detection": VAD},
            {"turn_detection": {**VAD, "threshold": 0.9}},
            ["turn_detection.threshold is 0.9 instead of 0.5"],
        ),
        (
            {"turn_detection": VAD},
            {"turn_detection": None},
            ["turn_detection is 'none' instead of 'server_vad'"],
        ),
        ({"turn_detection": None}, {"turn_detection": None}, []),
        (
            {"input_audio_transcription": {"model": "whisper-1"}},
            {"input_audio_transcription": None},
            ["transcription is None instead of 'whisper-1'"],
        ),
    ],
)
def test_each_setting_that_is_used_differently_is_named(
    asked: Json, used: Json, expected: list[str]
) -> None:
    assert differences(asked, used) == expected


@pytest.mark.parametrize(
    ("error", "spoken"),
    [
        ({"code": "missing_required_parameter", "param": "session.type"}, "GA"),
        (
            {"code": "unknown_parameter", "message": "Unknown parameter: 'session.audio'."},
            "preview",
        ),
        ({"code": "unknown_parameter", "param": "session.turn_detection"}, "GA"),
    ],
)
def test_a_refusal_of_our_spelling_tells_which_dialect_the_service_speaks(
    error: Json, spoken: str
) -> None:
    assert f"speaks the {spoken} dialect" in str(advice(None, "azure", error))


@pytest.mark.parametrize(
    "error",
    [
        {"code": "unknown_parameter", "param": "session.colour"},
        {"code": "missing_required_parameter", "param": "item"},
    ],
)
def test_a_refusal_of_another_parameter_leaves_it_open_whose_mistake_it_is(error: Json) -> None:
    assert "is realtime.profile the right one" in str(advice(None, "azure", error))


def test_an_error_that_is_not_about_spelling_needs_no_advice() -> None:
    assert advice(None, "azure", {"code": "server_error"}) is None
    assert advice(None, "azure") is None


def test_what_extra_asks_for_is_what_was_asked_for() -> None:
    voice = {"type": "azure-standard", "name": "en-US-Ava:DragonHDLatestNeural"}
    live = {"voice": "alloy", "extra": {"voice": voice}}
    assert differences(live, {"voice": {**voice, "temperature": 0.8}}) == []
    assert differences(live, {"voice": "alloy"}) == [
        f"voice is 'alloy' instead of '{voice['name']}'"
    ]
    nested = {"voice": "alloy", "extra": {"audio": {"output": {"voice": "cedar"}}}}
    assert differences(nested, {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}) == []


def test_what_the_service_uses_is_quoted_in_few_characters() -> None:
    (quoted,) = differences({"voice": "alloy"}, {"voice": "\x1b[31m\u202e\ud800" + "x" * 10**6})
    assert len(quoted) < 200
    assert quoted.isprintable()


def test_answers_are_spoken_unless_the_settings_leave_sound_out() -> None:
    assert speaks({})
    assert speaks({"modalities": ["audio", "text"]})
    assert not speaks({"modalities": ["text"]})
    assert not speaks({"modalities": ["audio"], "extra": {"output_modalities": ["text"]}})


ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    "",
    "\ud800",
    [],
    [[]],
    {},
    {"type": []},
    {"name": {}},
    [{"a": 1}],
)


@pytest.mark.parametrize("name", [*sorted(GA_PLACES), "audio", "instructions", "type", "id"])
def test_a_session_of_any_shape_can_be_compared(name: str) -> None:
    asked = session_settings(config.Session(instructions="Be brief."))
    for odd in ODD:
        nested: Any = odd
        for key in reversed(GA_PLACES.get(name, ())):
            nested = {key: nested}
        for session in ({name: odd}, nested, {**asked, name: odd}, {"audio": {"input": odd}}):
            updated = decode(json.dumps({"type": "session.updated", "session": session})).event
            assert isinstance(updated, SessionUpdated)
            for found in differences(asked, updated.settings):
                found.encode()
