"""What a daemon records for reports: numbers and words of fixed lists, however hostile the rest."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

import pytest

from rtaudio_daemon.daemon.event_record import EventRecord, LogPlaces
from rtaudio_daemon.notifications import (
    EVENT_NAMES,
    ModelStatus,
    PersonaChanged,
    StatusChanged,
    Transcript,
    UsageReported,
)
from rtaudio_daemon.protocol.event_decoding import decode
from rtaudio_daemon.protocol.recorded_events import KINDS, read

PLANT = "planted"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(clock: Clock) -> EventRecord:
    return EventRecord(clock, most=10, wall_clock=lambda: 1_790_000_000.0)


def events(record: EventRecord) -> list[dict[str, Any]]:
    found = record.document()["events"]
    assert read(record.document()) == found, "a report can be read"
    return list(found)


def planted(kind: type[Any]) -> Any:
    """A notification with a word in every field that can hold one, also where it may not."""
    values: dict[str, Any] = {}
    for each in fields(kind):
        hint = str(get_type_hints(kind)[each.name])
        if "dict" in hint:
            values[each.name] = {PLANT: PLANT, "first_audio_ms": PLANT, "input_tokens": 7}
        elif "str" in hint or "Literal" in hint or "enum" in hint:
            values[each.name] = PLANT
        elif each.default is MISSING:
            values[each.name] = 1
    return kind(**values)


def test_every_notification_is_known_and_no_word_of_it_stays(clock: Clock) -> None:
    assert set(EVENT_NAMES.values()) <= set(KINDS)
    record = EventRecord(clock)
    for kind in EVENT_NAMES:
        record.notice(planted(kind))
    found = events(record)
    assert [each["kind"] for each in found] == list(EVENT_NAMES.values())
    assert PLANT not in json.dumps(record.document())
    assert "other" in json.dumps(record.document())


def test_sizes_and_durations_stay(clock: Clock, record: EventRecord) -> None:
    record.notice(StatusChanged(ModelStatus.LISTENING, ModelStatus.IDLE))
    clock.now += 1.25
    record.notice(Transcript("user", "Hello, planted.", final=True, item_id="item_planted"))
    record.notice(UsageReported("resp_planted", {"input_tokens": 12, "output_tokens": 1e99}))
    record.notice(PersonaChanged("planted", "planted"))
    assert events(record) == [
        {"t": 0.0, "kind": "status", "status": "listening", "previous": "idle"},
        {
            "t": 1.25,
            "kind": "transcript",
            "role": "user",
            "final": True,
            "cut": False,
            "characters": 15,
        },
        {"t": 1.25, "kind": "usage", "input_tokens": 12},
        {"t": 1.25, "kind": "persona", "as_wanted": True},
    ]


def test_the_newest_events_of_an_hour_are_kept(clock: Clock, record: EventRecord) -> None:
    for level in range(12):
        clock.now += 1
        record.note("volume", {"level": level / 12})
    document = record.document()
    assert (len(document["events"]), document["dropped"]) == (10, 2)
    clock.now += 3595
    document = record.document()
    assert [each["t"] for each in document["events"]] == [7.0, 8.0, 9.0, 10.0, 11.0, 12.0]
    assert (document["dropped"], document["seconds"]) == (6, 3607.0)


def delta(size: int, response: str = "resp_planted") -> str:
    part = {"response_id": response, "item_id": "item_planted", "content_index": 0}
    audio = "A" * (size * 4 // 3)
    return json.dumps({"type": "response.output_audio.delta", "delta": audio, **part})


def test_pieces_of_sound_that_follow_one_another_are_one_event(
    clock: Clock, record: EventRecord
) -> None:
    session = record.opened()
    for response in ("resp_a", "resp_a", "resp_a", "resp_b"):
        record.received(session, decode(delta(4800, response), audio=False))
        clock.now += 0.5
    part = {"kind": "received", "session": 1, "type": "response.audio.delta", "item": 1, "part": 0}
    assert events(record)[1:] == [
        {"t": 0.0, **part, "response": 1, "bytes": 14_400, "pieces": 3, "over_s": 1.0},
        {"t": 1.5, **part, "response": 2, "bytes": 4800},
    ]


def wire(record: EventRecord, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """What is recorded of these messages of the service, without what they all have."""
    for each in messages:
        record.received(1, decode(json.dumps(each)))
    return without_common(record)


def without_common(record: EventRecord) -> list[dict[str, Any]]:
    common = {"t", "kind", "session"}
    return [{name: each[name] for name in each if name not in common} for each in events(record)]


def test_messages_of_the_service_keep_no_word(record: EventRecord) -> None:
    call = {"type": "function_call", "id": "item_x", "call_id": "call_x", "name": PLANT}
    error = {"type": "invalid_request_error", "code": PLANT, "message": PLANT, "event_id": "ours"}
    record.sent(1, {"type": "response.cancel", "event_id": "ours", "response_id": "resp_x"})
    found = wire(
        record,
        {
            "type": "session.created",
            "session": {"id": PLANT, "expires_at": 1_790_000_600, "model": PLANT},
        },
        {"type": "error", "error": error},
        {"type": "response.created", "response": {"id": "resp_x", "metadata": {PLANT: PLANT}}},
        {"type": "response.output_item.added", "response_id": "resp_x", "item": call},
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_x",
            "item_id": "item_x",
            "call_id": "call_x",
            "arguments": '{"planted": 1}',
        },
        {"type": "response.done", "response": {"id": "resp_x", "status": PLANT, "output": [call]}},
        {"type": "rate_limits.updated", "rate_limits": [PLANT]},
        {"type": f"{PLANT}.event"},
    )
    assert PLANT not in json.dumps(found)
    assert found == [
        {"type": "response.cancel", "response": 1},
        {"type": "session.created", "expires_in_s": 600.0},
        {"type": "error", "code": "other", "about": "response.cancel"},
        {"type": "response.created", "response": 1, "ours": True, "outside": True},
        {
            "type": "response.output_item.added",
            "response": 1,
            "item": 1,
            "call": 1,
            "role": "call",
            "characters": 0,
        },
        {
            "type": "response.function_call_arguments.done",
            "response": 1,
            "item": 1,
            "call": 1,
            "characters": 14,
        },
        {"type": "response.done", "response": 1, "status": "other"},
    ]


def test_messages_to_the_service_keep_no_word(record: EventRecord) -> None:
    item = {"type": "function_call_output", "call_id": "call_x", "output": PLANT}
    message = {"type": "message", "role": PLANT, "id": PLANT, "content": [{"text": PLANT}]}
    truncate = {"type": "conversation.item.truncate", "item_id": PLANT, "content_index": 0}
    for each in (
        {"type": "input_audio_buffer.append", "audio": PLANT},
        {"type": "session.update", "session": {"instructions": PLANT}},
        {"type": "conversation.item.create", "item": item},
        {"type": "conversation.item.create", "item": message},
        {**truncate, "audio_end_ms": 1500},
        {"type": "response.create", "response": {"conversation": "none", "metadata": {"a": "b"}}},
        {"type": PLANT},
    ):
        record.sent(1, each)
    assert PLANT not in json.dumps(record.document())
    assert without_common(record) == [
        {"type": "session.update"},
        {"type": "conversation.item.create", "call": 1, "role": "result"},
        {"type": "conversation.item.create", "item": 1, "role": "other"},
        {"type": "conversation.item.truncate", "item": 1, "part": 0, "end_ms": 1500},
        {"type": "response.create", "ours": True, "outside": True},
        {"type": "other"},
    ]


def test_numbers_of_ids_and_what_was_sent_are_bounded(clock: Clock) -> None:
    record = EventRecord(clock, most=5)
    for number in range(2000):
        cancel = {"type": "response.cancel", "response_id": f"resp_{number}", "event_id": number}
        record.sent(1, cancel)
    assert [each["response"] for each in events(record)] == [1996, 1997, 1998, 1999, 2000]
    assert len(record._sent) == 64


async def test_a_warning_leaves_its_place(clock: Clock) -> None:
    record = EventRecord(clock)
    places = LogPlaces(record)
    log = logging.getLogger("rtaudio_daemon.daemon.app")
    log.addHandler(places)
    try:
        log.warning("said %s", PLANT)
        await asyncio.to_thread(log.error, PLANT)
        log.info(PLANT)
        await asyncio.sleep(0)
    finally:
        log.removeHandler(places)
    found = events(record)
    assert [(each["level"], each["module"]) for each in found] == [
        ("warning", "rtaudio_daemon.daemon.app"),
        ("error", "rtaudio_daemon.daemon.app"),
    ]
    assert PLANT not in json.dumps(found)
