"""The parts that only think: turn detection, pacing, shapes, items, usage, voices."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.simulator.model.input_buffer import InputBuffer, SpeechEnd, SpeechStart
from rtaudio_daemon.simulator.model.items import (
    ConversationItem,
    ConversationItems,
    item_from_client,
)
from rtaudio_daemon.simulator.model.pacing import pieces, spoken, written
from rtaudio_daemon.simulator.model.reply import Turn, default_reply
from rtaudio_daemon.simulator.model.response_events import ResponseEvents, ResponseRequest
from rtaudio_daemon.simulator.model.send_queue import SendQueue
from rtaudio_daemon.simulator.model.session_record import SessionRecord
from rtaudio_daemon.simulator.model.token_usage import transcription_usage, usage
from rtaudio_daemon.simulator.model.turn_detector import FRAME_MS, Edge, TurnDetector
from rtaudio_daemon.simulator.model.voices import (
    chime,
    espeak,
    parrot,
    sound_of,
    warn_that_there_is_no_voice,
)
from rtaudio_daemon.simulator.protocol.client_messages import check_message
from rtaudio_daemon.simulator.protocol.rejection import Rejection
from rtaudio_daemon.simulator.protocol.services import (
    AZURE,
    AZURE_PREVIEW,
    OPENAI,
    SimulatedService,
)
from rtaudio_daemon.simulator.protocol.session_config import SessionConfig, TurnDetection
from rtaudio_daemon.simulator.protocol.undocumented import with_undocumented_fields
from rtaudio_daemon.simulator.protocol.validation import (
    Shape,
    boolean,
    check,
    either,
    list_of,
    number,
    one_of,
)
from tests.simulator.caller import EnergyHearing, loud, quiet


def edges(detector: TurnDetector, frames: str) -> list[Edge]:
    """Frames as a drawing: # is speech."""
    found = (detector.frame(1.0 if frame == "#" else 0.0) for frame in frames)
    return [edge for edge in found if edge is not None]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("....##", [Edge("started", 4 * FRAME_MS)]),
        ("....#..#", [Edge("started", 4 * FRAME_MS)]),
        ("....#...#", []),
        ("#......", []),
        ("##..", [Edge("started", 0), Edge("stopped", 4 * FRAME_MS)]),
        ("##.#.#..", [Edge("started", 0), Edge("stopped", 8 * FRAME_MS)]),
        (
            "##..##..",
            [
                Edge("started", 0),
                Edge("stopped", 4 * FRAME_MS),
                Edge("started", 4 * FRAME_MS),
                Edge("stopped", 8 * FRAME_MS),
            ],
        ),
    ],
)
def test_a_turn_starts_with_two_of_four_frames_and_stops_with_silence(
    frames: str, expected: list[Edge]
) -> None:
    assert edges(TurnDetector(threshold=0.5, silence_ms=2 * FRAME_MS), frames) == expected


def test_speech_ends_only_well_below_the_threshold() -> None:
    detector = TurnDetector(threshold=0.5, silence_ms=FRAME_MS)
    assert [detector.frame(level) for level in (0.5, 0.5, 0.4, 0.3)] == [
        None,
        Edge("started", 0),
        None,
        Edge("stopped", 4 * FRAME_MS),
    ]


def buffer(**changes: Any) -> InputBuffer:
    settings = {
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "create_response": True,
        "interrupt_response": True,
    }
    made = InputBuffer()
    made.listen(TurnDetection(**{**settings, **changes}), EnergyHearing())
    return made


def test_hours_of_silence_take_no_memory() -> None:
    listening = buffer()
    for _ in range(100):
        assert not list(listening.append(quiet(1000)))
    assert listening.position_ms == 100_000
    assert len(listening._sound) <= 800 * 48


def test_the_next_turn_does_not_begin_inside_the_last_one() -> None:
    listening = buffer(prefix_padding_ms=2000)
    found = list(listening.append(loud(320) + quiet(256) + loud(320) + quiet(256)))
    assert [type(edge) for edge in found] == [SpeechStart, SpeechEnd, SpeechStart, SpeechEnd]
    assert isinstance(found[1], SpeechEnd)
    assert isinstance(found[2], SpeechStart)
    assert found[2].start_ms == found[1].end_ms


def test_a_commit_in_the_middle_of_speech_takes_it_from_its_start() -> None:
    listening = buffer(prefix_padding_ms=96)
    assert list(listening.append(quiet(960) + loud(320))) == [SpeechStart(960 - 96)]
    assert listening.commit() == quiet(96) + loud(320)
    assert not listening.speaking


def test_with_turn_detection_on_silence_cannot_be_committed() -> None:
    listening = buffer()
    list(listening.append(quiet(5000)))
    with pytest.raises(Rejection, match=r"only has 0\.00ms"):
        listening.commit()


def test_the_buffer_of_push_to_talk_is_bounded() -> None:
    pressed = InputBuffer()
    for _ in range(61):
        list(pressed.append(loud(10_000)))
    assert pressed.dropped_bytes == 10_000 * 48
    assert len(pressed.commit()) == 600_000 * 48


def test_words_and_sound_come_out_of_the_plan_whole() -> None:
    text, pcm = "  one two\nthree four five six seven ", loud(3000)
    for steps in (list(spoken(text, pcm, "burst")), list(spoken(text, b"", "realtime"))):
        assert "".join(step.words for step in steps) == text
    steps = list(spoken(text, pcm, "burst"))
    assert b"".join(step.pcm for step in steps) == pcm
    assert steps[0].words
    assert "".join(step.words for step in written(text)) == text
    assert pieces("") == []


def test_more_words_than_sound_are_all_said() -> None:
    text = "word " * 50
    steps = list(spoken(text, loud(20), "burst"))
    assert "".join(step.words for step in steps) == text


@pytest.mark.parametrize(
    ("value", "shape", "code"),
    [
        ([1], {"a": one_of(1)}, "invalid_type"),
        ("x", number(0, 1), "invalid_type"),
        (1, boolean, "invalid_type"),
        (2, number(0, 1), "invalid_value"),
        (float("nan"), number(0, 1), "invalid_value"),
        (True, number(0, 1), "invalid_type"),
        ({}, list_of(one_of(1)), "invalid_type"),
        ([1, 2], list_of(one_of(1)), "invalid_value"),
        (3, either(one_of(1), one_of(2)), "invalid_value"),
        (None, {"a": one_of(1)}, "invalid_type"),
    ],
)
def test_a_shape_refuses_what_does_not_fit(value: Any, shape: Shape, code: str) -> None:
    with pytest.raises(Rejection) as refused:
        check(value, shape, "here")
    assert refused.value.code == code
    assert str(refused.value.param).startswith("here")


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"metadata": {"a": 1}}, "response.metadata.a"),
        ({"metadata": {str(n): "" for n in range(17)}}, "response.metadata"),
        ({"max_output_tokens": 0}, "response.max_output_tokens"),
        ({"max_output_tokens": 5000}, "response.max_output_tokens"),
        ({"max_output_tokens": 1.5}, "response.max_output_tokens"),
        ({"conversation": "other"}, "response.conversation"),
    ],
)
def test_a_response_is_asked_for_within_bounds(response: dict[str, Any], param: str) -> None:
    with pytest.raises(Rejection) as refused:
        check_message({"type": "response.create", "response": response}, AZURE)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("data", "param"),
    [
        ({}, "item.type"),
        ({"type": "message", "id": "x" * 33}, "item.id"),
        ({"type": "message", "content": []}, "item.role"),
        ({"type": "function_call", "name": "a"}, "item.arguments"),
        ({"type": "message", "role": "user", "content": [{}]}, "item.content[0].type"),
        (
            {"type": "message", "role": "system", "content": [{"type": "input_audio"}]},
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "audio", "audio": ""}]},
            "item.content[0].type",
        ),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": "?"}],
            },
            "item.content.audio",
        ),
    ],
)
def test_an_item_of_the_client_is_checked(data: dict[str, Any], param: str) -> None:
    with pytest.raises(Rejection) as refused:
        item_from_client(data, "item_new")
    assert refused.value.param == param


def test_a_client_may_put_sound_of_the_user_into_the_conversation() -> None:
    audio = base64.b64encode(loud(100)).decode()
    content = [{"type": "input_audio", "audio": audio}]
    item = item_from_client({"type": "message", "role": "user", "content": content}, "item_new")
    assert (item.pcm, item.audio_ms) == (loud(100), 100)
    assert item.data["content"] == [{"type": "input_audio", "transcript": None}]


def test_sound_is_kept_for_the_last_twenty_turns_only() -> None:
    items = ConversationItems()
    for number_ in range(25):
        items.append(ConversationItem({"id": str(number_), "type": "message"}, pcm=b"xx"))
    assert [bool(item.pcm) for item in items] == [False] * 5 + [True] * 20


def test_only_a_spoken_part_can_be_truncated() -> None:
    items = ConversationItems()
    content = [{"type": "audio", "transcript": "a"}]
    data = {"id": "a", "type": "message", "role": "assistant", "content": content}
    items.append(ConversationItem(data, audio_ms=10))
    with pytest.raises(Rejection) as refused:
        items.truncate("a", 1, 0)
    assert refused.value.param == "content_index"


def test_a_function_call_counts_by_its_arguments() -> None:
    call = ConversationItem({"id": "a", "type": "function_call", "arguments": "12345678"})
    assert usage("", [], [call])["output_token_details"] == {"text_tokens": 2, "audio_tokens": 0}


def test_transcription_costs_tokens_except_with_whisper() -> None:
    assert transcription_usage("whisper-1", 1500, "a") == {"type": "duration", "seconds": 1.5}
    tokens = transcription_usage("gpt-4o-transcribe", 1500, "four")
    assert (tokens["input_tokens"], tokens["output_tokens"], tokens["total_tokens"]) == (15, 1, 16)


def test_semantic_turn_detection_waits_by_its_eagerness() -> None:
    settings = SessionConfig(AZURE, model="m", session_id="s", expires_at=0)
    found = {}
    for eagerness in ("low", "auto", "high"):
        turn_detection = {"type": "semantic_vad", "eagerness": eagerness}
        patch = {"audio": {"input": {"turn_detection": turn_detection}}}
        settings.update(patch, voice_locked=False)
        assert settings.turn_detection is not None
        found[eagerness] = settings.turn_detection.silence_duration_ms
    assert found["low"] > found["auto"] > found["high"]


class Sink:
    def emit(self, event: dict[str, Any]) -> None:
        raise AssertionError(event)


def test_a_ladder_without_an_open_item_says_nothing() -> None:
    request = ResponseRequest({"modalities": ["audio"], "max_output_tokens": "inf"})
    ladder = ResponseEvents("r", Sink(), request)
    with pytest.raises(RuntimeError, match="no output item is open"):
        ladder.words("a")


def test_the_record_of_what_was_heard_is_bounded() -> None:
    record = SessionRecord()
    for _ in range(30):
        record.hear(loud(10_000))
    assert record.heard_bytes == 300_000 * 48
    assert len(record.heard) == 120_000 * 48


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (Turn(1, text="hello"), "hello"),
        (Turn(1, heard=loud(1500)), "speech of 1.5 s"),
        (Turn(1, text="21 degrees", function_output=True), "The answer is 21 degrees."),
        (Turn(1, text="exactly this", say=True), "exactly this"),
        (Turn(1), "I am listening."),
    ],
)
def test_without_a_reply_function_it_says_back_what_it_was_told(turn: Turn, words: str) -> None:
    assert default_reply(turn).text == words


def test_each_voice_makes_whole_samples_of_sound() -> None:
    assert sound_of("silence", "hello", b"") == bytes(400 * 48)
    assert len(sound_of("tone", "x" * 50, b"")) == 3000 * 48
    assert any(chime(500))
    assert parrot(quiet(1000) + loud(100) + quiet(1000)) == quiet(200) + loud(100) + quiet(200)
    assert parrot(quiet(100)) == quiet(100)


def test_without_espeak_text_sounds_as_a_chime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert espeak("hello") is None
    assert sound_of("auto", "hello", b"") == chime(400)


@pytest.mark.parametrize("answer", ["exit 1", "echo nonsense", "printf 'RIFFdata'"])
def test_an_espeak_that_fails_is_replaced_by_the_chime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert sound_of("espeak", "hello", b"") == chime(400)


async def test_what_nobody_takes_is_dropped_and_counted() -> None:
    outbox = SendQueue()
    for _ in range(10_007):
        outbox.put({"type": "x"})
    assert outbox.dropped == 7


@pytest.mark.parametrize(
    ("model", "service", "event", "added"),
    [
        ("gpt-realtime-2", AZURE, {"type": "x", "item": {"role": "assistant"}}, "phase"),
        ("gpt-realtime", AZURE, {"type": "x", "item": {"role": "assistant"}}, None),
        ("gpt-realtime-2", AZURE, {"type": "x", "item": {"role": "user"}}, None),
        ("gpt-realtime-2", AZURE, {"type": "x"}, None),
        ("gpt-realtime", AZURE, {"type": "response.content_part.added", "part": {}}, "content"),
        ("gpt-realtime", OPENAI, {"type": "response.content_part.added", "part": {}}, None),
        ("gpt-realtime", OPENAI, {"type": "response.output_text.delta"}, "obfuscation"),
        ("gpt-realtime", AZURE_PREVIEW, {"type": "response.text.delta"}, None),
    ],
)
def test_extras_are_those_of_the_service(
    model: str, service: SimulatedService, event: dict[str, Any], added: str | None
) -> None:
    before = {"event_id": "e", "delta": "abc", **event}
    after = with_undocumented_fields(before, service, model)
    new = {*after, *after.get("item", {})} - {*before, *before.get("item", {})}
    assert new == ({added} if added else set())


def test_a_missing_voice_is_told_once_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn_that_there_is_no_voice.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    for _ in range(3):
        sound_of("auto", "hello", b"")
    (entry,) = caplog.records
    assert "apt install espeak-ng" in entry.message
