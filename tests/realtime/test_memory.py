"""What a client remembers: history, usage, the sound of a turn. No clock, no wire."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.realtime.codec import Json
from rtaudio_daemon.realtime.function_calls import FunctionCalls
from rtaudio_daemon.realtime.history import History
from rtaudio_daemon.realtime.renewal import Renewal, renewal
from rtaudio_daemon.realtime.response_queue import WAITING_MOST, ResponseQueue
from rtaudio_daemon.realtime.turn_sound import TurnSound
from rtaudio_daemon.realtime.usage import Ledger, Prices

SECOND = bytes(48_000)


def user(number: int, words: str) -> list[Json]:
    item_id = f"user_{number}"
    content = [{"type": "input_audio", "transcript": None}]
    item = {"id": item_id, "type": "message", "role": "user", "content": content}
    return [
        {"type": "conversation.item.created", "item": item},
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": item_id,
            "transcript": words,
        },
    ]


def assistant(number: int, words: str, ms: int = 1000) -> list[Json]:
    item_id = f"assistant_{number}"
    content = [{"type": "audio", "transcript": words}]
    item = {"id": item_id, "type": "message", "role": "assistant", "content": content}
    return [
        {"type": "response.audio.delta", "item_id": item_id, "delta": "A" * (ms * 64)},
        {"type": "response.audio_transcript.done", "item_id": item_id, "transcript": words},
        {"type": "response.output_item.done", "item": {**item, "status": "completed"}},
    ]


def call(number: int, output: str | None) -> list[Json]:
    made = {"id": f"call_item_{number}", "type": "function_call", "call_id": f"call_{number}"}
    made |= {"name": "weather", "arguments": '{"day":1}'}
    events: list[Json] = [{"type": "response.output_item.done", "item": made}]
    if output is not None:
        result = {"id": f"result_{number}", "type": "function_call_output", "output": output}
        result["call_id"] = f"call_{number}"
        events.append({"type": "conversation.item.created", "item": result})
    return events


def remembered(history: History, *events: Json, now: float = 0.0) -> list[Any]:
    for event in events:
        history.hear(event, 0.0)
    return [
        item["content"][0]["text"] if "content" in item else item for item in history.items(now)
    ]


def test_words_and_tools_are_told_in_order() -> None:
    told = remembered(
        History(),
        *user(1, "Weather?"),
        *call(1, "rain"),
        *assistant(1, "It rains."),
        *user(2, "Oh"),
    )
    assert told[0] == "Weather?"
    assert (told[1]["type"], told[1]["arguments"]) == ("function_call", '{"day":1}')
    assert (told[2]["type"], told[2]["output"]) == ("function_call_output", "rain")
    assert told[3:] == ["It rains.", "Oh"]


def test_words_that_came_late_stand_where_they_were_said() -> None:
    first, words = user(1, "Weather?")
    assert remembered(History(), first, *assistant(1, "Rain."), words) == ["Weather?", "Rain."]


def test_an_interrupted_answer_is_quoted_as_far_as_it_was_heard() -> None:
    truncated = {"type": "conversation.item.truncated", "item_id": "assistant_1"}
    answer = assistant(1, "First it rains, then the sun comes out again.", ms=4000)
    told = remembered(History(), *answer, {**truncated, "audio_end_ms": 2000})
    assert told == ["First it rains, then …"]
    assert remembered(History(), *answer, {**truncated, "audio_end_ms": 0}) == []


def test_what_was_deleted_or_has_no_words_or_no_result_is_not_told() -> None:
    deleted = {"type": "conversation.item.deleted", "item_id": "assistant_1"}
    events = [*assistant(1, "Nobody heard this."), deleted, *user(1, "")[:1], *call(1, None)]
    assert remembered(History(), *events) == []


def test_history_is_bounded_in_turns_and_characters() -> None:
    events = [e for n in range(10) for e in (*user(n, f"q{n}"), *assistant(n, f"a{n}"))]
    assert remembered(History(turns=2), *events) == ["q8", "a8", "q9", "a9"]
    assert remembered(History(turns=0), *events) == []
    assert remembered(History(characters=5), *events) == ["q9", "a9"]


def test_history_that_was_told_is_told_again_once() -> None:
    history = History()
    first = remembered(history, *user(1, "Hello"), *assistant(1, "Good day."))
    for item in history.items(1.0):
        history.hear({"type": "conversation.item.created", "item": item}, 1.0)
    assert remembered(history) == first


def test_after_a_while_everything_is_forgotten() -> None:
    history = History(forget_after_s=60)
    remembered(history, *user(1, "Hello"))
    assert not history.stale(60)
    assert history.stale(61)
    assert remembered(history, now=61) == []
    assert not history.stale(1000)
    never = History(forget_after_s=0)
    assert remembered(never, *user(1, "Hello"), now=1e9) == ["Hello"]


# -------------------------------------------------------------------- usage


USAGE: Json = {
    "input_tokens": 150,
    "output_tokens": 100,
    "input_token_details": {
        "text_tokens": 50,
        "audio_tokens": 100,
        "cached_tokens": 60,
        "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 40},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 70},
}
PRICES = Prices(
    text_input=4, text_cached=0.4, text_output=24, audio_input=32, audio_cached=0.4, audio_output=64
)


def test_tokens_are_counted_by_kind_and_cost_what_the_table_says() -> None:
    ledger = Ledger(PRICES)
    spent = ledger.add_response(USAGE, day=1)
    assert (spent.text_input, spent.text_cached, spent.text_output) == (30, 20, 30)
    assert (spent.audio_input, spent.audio_cached, spent.audio_output) == (60, 40, 70)
    expected = (30 * 4 + 20 * 0.4 + 30 * 24 + 60 * 32 + 40 * 0.4 + 70 * 64) / 1e6
    assert ledger.cost_today(1) == pytest.approx(expected)


def test_a_new_day_begins_with_nothing_spent() -> None:
    ledger = Ledger(PRICES, daily_limit=0.01)
    while not ledger.exhausted(1):
        ledger.add_response(USAGE, day=1)
    assert ledger.cost_today(1) >= 0.01
    assert not ledger.exhausted(2)
    assert ledger.summary(2)["cost_today"] == 0
    assert ledger.summary(2)["cost_total"] >= 0.01


def test_without_a_limit_nothing_is_ever_used_up() -> None:
    ledger = Ledger(PRICES)
    for _ in range(100):
        ledger.add_response(USAGE, day=1)
    assert not ledger.exhausted(1)


def test_transcription_is_counted_in_seconds_or_tokens() -> None:
    ledger = Ledger(Prices(transcription_minute=0.006, text_output=10))
    ledger.add_transcription({"type": "duration", "seconds": 30.0}, 1)
    assert ledger.cost_today(1) == pytest.approx(0.003)
    ledger.add_transcription({"type": "tokens", "input_tokens": 5, "output_tokens": 100}, 1)
    assert ledger.cost_today(1) == pytest.approx(0.004)


@pytest.mark.parametrize(
    "usage", [{}, {"input_token_details": "many"}, {"input_tokens": -5}, {"output_tokens": 1e300}]
)
def test_a_strange_bill_is_worth_nothing(usage: Json) -> None:
    ledger = Ledger(Prices(text_input=1, text_output=1))
    ledger.add_response(usage, 1)
    assert ledger.cost_today(1) == 0


# ------------------------------------------------------------ sound of a turn


def test_a_turn_that_the_service_noticed_is_kept_whole() -> None:
    turn = TurnSound()
    turn.heard("input_audio_buffer.speech_started")
    for second in range(20):
        turn.sent(SECOND, float(second))
    turn.lost(20.0)
    assert b"".join(turn.resume(20.5)) == SECOND * 20


def test_sound_that_the_service_never_answered_is_kept_for_as_long_as_an_outage_may_last() -> None:
    turn = TurnSound()
    for second in range(20):
        turn.sent(SECOND, float(second))
    assert turn.seconds <= 12
    turn.lost(60.0)
    assert turn.resume(60.0) == [], "too old by now"


@pytest.mark.parametrize("name", ["committed", "cleared"])
def test_a_turn_that_is_safe_is_not_said_again(name: str) -> None:
    turn = TurnSound()
    turn.sent(SECOND, 0.0)
    turn.heard(f"input_audio_buffer.{name}")
    turn.lost(1.0)
    assert turn.resume(1.0) == []


def test_where_no_item_is_announced_an_answer_says_that_the_turn_is_safe() -> None:
    turn = TurnSound()
    turn.sent(SECOND, 0.0)
    turn.heard("response.created")
    assert turn.seconds == 1
    turn.heard("input_audio_buffer.speech_stopped")
    turn.heard("response.created")
    assert turn.seconds == 0


def test_of_two_questions_in_an_outage_the_older_one_is_dropped_whole() -> None:
    turn = TurnSound()
    for piece in range(40):
        turn.kept(b"\x01\x01", piece * 0.1)
    for piece in range(40):
        turn.kept(b"\x02\x02", 8.0 + piece * 0.1)
    assert b"".join(turn.resume(12.0)) == b"\x02\x02" * 40
    assert turn.dropped == 40


# ------------------------------------------------------------------ renewal


@pytest.mark.parametrize(
    ("expires_in_s", "expected"),
    [
        (3600.0, Renewal(3300.0, 3570.0)),
        (100.0, Renewal(80.0, 95.0)),
        (None, Renewal(1380.0, 1650.0)),
        (-5.0, Renewal(1380.0, 1650.0)),
        (1e9, Renewal(1380.0, 1650.0)),
    ],
)
def test_when_to_renew(expires_in_s: float | None, expected: Renewal) -> None:
    assert renewal(expires_in_s, 28 * 60) == expected


# -------------------------------------------------------- requests and calls


def test_too_many_waiting_requests_are_refused() -> None:
    queue = ResponseQueue()
    for _ in range(WAITING_MOST + 1):
        queue.ask({"type": "response.create"}, 0)
    with pytest.raises(OverflowError):
        queue.ask({"type": "response.create"}, 0)
    queue.drop_waiting()
    assert queue.busy, "the first one is still asked for"


def test_an_answer_outside_is_known_by_its_metadata_or_its_missing_conversation() -> None:
    for metadata in ({"k": "v"}, None):
        queue = ResponseQueue()
        asked: Json = {"type": "response.create", "response": {"conversation": "none"}}
        if metadata:
            asked["response"]["metadata"] = metadata
        queue.ask(asked, 0)
        mine = {"id": "out", "conversation_id": None, "metadata": metadata}
        other = {"id": "in", "conversation_id": "conv", "metadata": None}
        queue.hear({"type": "response.created", "response": other}, 0)
        queue.hear({"type": "response.created", "response": mine}, 0)
        assert queue.outside({"response_id": "out"})
        assert not queue.outside({"response_id": "in"})
        assert queue.active == "in"


def test_calls_of_an_answer_that_was_cut_off_are_not_made() -> None:
    calls = FunctionCalls()
    for event in call(1, None):
        calls.hear({**event, "response_id": "r"})
    done = {"type": "response.done", "response": {"id": "r", "status": "cancelled"}}
    assert calls.hear(done) == []
    assert not calls.open
