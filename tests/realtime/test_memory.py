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


def test_what_nobody_heard_of_a_long_answer_is_not_quoted_at_all() -> None:
    history = History()
    cut = {"type": "conversation.item.truncated", "item_id": "assistant_1", "audio_end_ms": 10}
    assert remembered(history, *user(1, "Hello"), *assistant(1, "Good day."), cut) == ["Hello"]


def test_the_first_word_after_a_long_silence_begins_a_new_conversation() -> None:
    history = History(forget_after_s=60)
    remembered(history, *user(1, "Hello"))
    for event in user(2, "And now?"):
        history.hear(event, 100.0)
    assert len(history) == 1
    assert history.items(100.0)[0]["content"][0]["text"] == "And now?"


def test_what_is_forgotten_on_request_is_not_told() -> None:
    history = History()
    remembered(history, *user(1, "Hello"))
    history.forget()
    assert len(history) == 0
    assert history.items(0.0) == []


def test_items_that_nobody_will_ask_for_are_not_kept_for_ever() -> None:
    history = History(turns=10_000, characters=10**6)
    told = remembered(history, *(event for n in range(500) for event in user(n, f"q{n}")))
    assert told == [f"q{n}" for n in range(100, 500)]


def test_arguments_that_are_no_json_are_told_as_none() -> None:
    events = call(1, "sunny")
    events[0]["item"]["arguments"] = '{"day":'
    made, _result = remembered(History(), *events)
    assert made["arguments"] == "{}"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "conversation.item.created", "item": None},
        {"type": "conversation.item.created", "item": {"id": "a", "type": "mcp_list_tools"}},
        {"type": "response.done", "response": {"output": [None]}},
        {"type": "response.done", "response": {"output": None}},
        {"type": "response.audio.delta", "item_id": None, "delta": "AAAA"},
        {"type": "response.audio_transcript.done", "item_id": None, "transcript": "Hm"},
        {"type": "response.text.done", "item_id": "a", "text": None},
        {"type": "response.function_call_arguments.done", "item_id": None},
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": None,
            "transcript": "Hm",
        },
        {"type": "conversation.item.truncated", "item_id": "never seen", "audio_end_ms": 5},
    ],
)
def test_an_event_that_tells_of_no_item_teaches_nothing(event: Json) -> None:
    assert remembered(History(), *user(1, "Hello"), event) == ["Hello"]


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


def test_what_was_sent_long_before_the_session_went_is_not_sent_again() -> None:
    turn = TurnSound(outage_s=10)
    turn.sent(b"\x01\x01", 0.0)
    turn.sent(b"\x02\x02", 9.0)
    turn.lost(15.0)
    assert turn.resume(15.0) == [b"\x02\x02"]


def test_a_turn_that_we_end_ourselves_is_kept_whole_when_its_session_goes() -> None:
    turn = TurnSound(outage_s=10)
    for second in range(20):
        turn.sent(SECOND, float(second), by_hand=True)
    turn.lost(20.0, by_hand=True)
    assert b"".join(turn.resume(20.5)) == SECOND * 20


def test_a_turn_that_the_service_noticed_is_not_said_again_when_it_is_long_over() -> None:
    turn = TurnSound(outage_s=10)
    turn.heard("input_audio_buffer.speech_started")
    turn.sent(SECOND, 0.0)
    turn.lost(15.0)
    assert turn.seconds == 0
    assert turn.resume(15.0) == []


def test_a_session_that_takes_over_hears_the_last_second_only() -> None:
    turn = TurnSound()
    for second in range(5):
        turn.sent(SECOND, float(second))
    assert b"".join(turn.tail(4.5)) == SECOND


def test_an_utterance_that_still_goes_on_is_sent_though_its_beginning_is_too_old() -> None:
    turn = TurnSound(outage_s=10)
    for piece in range(150):
        turn.kept(b"\x01\x01", piece * 0.1)
    assert len(b"".join(turn.resume(15.0))) == 2 * 100
    assert turn.dropped == 50


def test_an_utterance_that_is_over_and_whose_beginning_is_too_old_is_dropped_whole() -> None:
    turn = TurnSound(outage_s=10)
    for piece in range(40):
        turn.kept(b"\x01\x01", piece * 0.1)
    assert turn.resume(12.0) == []
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


@pytest.mark.parametrize("output", [None, [None], [{"type": "message"}]])
def test_an_answer_without_calls_waits_for_nothing(output: Any) -> None:
    calls = FunctionCalls()
    done = {"type": "response.done", "response": {"id": "r", "output": output}}
    assert calls.hear(done) == []
    assert calls.hear({"type": "response.output_item.done", "item": None}) == []
    assert not calls.open


def test_calls_are_known_from_whichever_event_tells_of_them_and_answered_in_order() -> None:
    calls = FunctionCalls()
    calls.hear(
        {"type": "response.function_call_arguments.done", "response_id": "r", "call_id": "one"}
    )
    items = [{"type": "function_call", "call_id": each, "name": each} for each in ("one", "two")]
    nameless = {"type": "function_call", "name": "a call nobody could answer"}
    done = {"type": "response.done", "response": {"id": "r", "output": [*items, nameless]}}
    assert [each.name for each in calls.hear(done)] == ["one", "two"]
    assert calls.answer("two", "2") == []
    messages = calls.answer("one", "1")
    assert [each.get("item", {}).get("output") for each in messages] == ["1", "2", None]
    with pytest.raises(KeyError):
        calls.answer("one", "1")


def test_when_somebody_has_spoken_since_the_results_ask_for_no_answer() -> None:
    calls = FunctionCalls()
    item = {"type": "function_call", "call_id": "one", "name": "weather"}
    calls.hear({"type": "response.done", "response": {"output": [item]}})
    calls.hear({"type": "input_audio_buffer.speech_started"})
    assert [each["type"] for each in calls.answer("one", "1")] == ["conversation.item.create"]


def test_calls_of_answers_that_never_end_are_not_kept_for_ever() -> None:
    calls = FunctionCalls()
    for number in range(100):
        calls.hear({**call(number, None)[0], "response_id": f"r{number}"})
    done = {"type": "response.done", "response": {"id": "r0"}}
    assert calls.hear(done) == []
    assert len(calls.hear({"type": "response.done", "response": {"id": "r99"}})) == 1


CREATE: Json = {"type": "response.create"}
ASIDE: Json = {"type": "response.create", "response": {"conversation": "none"}}
ACTIVE = "conversation_already_has_active_response"


def created(found: Any, conversation: str | None = "conv") -> Json:
    return {"type": "response.created", "response": {"id": found, "conversation_id": conversation}}


def done(found: Any) -> Json:
    return {"type": "response.done", "response": {"id": found}}


def refusal(event_id: str, code: str) -> Json:
    return {"type": "error", "error": {"event_id": event_id, "code": code}}


def test_a_request_that_came_too_early_is_made_again_when_the_other_answer_is_done() -> None:
    queue = ResponseQueue()
    (asked,) = queue.ask(CREATE, 0)
    assert queue.hear(refusal("another", ACTIVE), 0) == []
    assert queue.hear(refusal(asked["event_id"], ACTIVE), 0) == []
    assert queue.hear(done("unknown"), 1) == [asked]
    queue.hear({"type": "error", "error": "words"}, 1)
    queue.hear(created("mine"), 1)
    queue.hear(created(None), 1)
    assert queue.active == "mine"


def test_a_request_that_is_refused_again_and_again_is_given_up() -> None:
    queue = ResponseQueue()
    (asked,) = queue.ask(CREATE, 0)
    for _ in range(10):
        queue.hear(refusal(asked["event_id"], ACTIVE), 0)
        if not queue.hear(done(None), 0):
            break
    assert not queue.busy


def test_a_request_that_is_refused_for_good_lets_the_next_one_pass() -> None:
    queue = ResponseQueue()
    (first,) = queue.ask(CREATE, 0)
    queue.ask({**CREATE, "event_id": "second"}, 0)
    (second,) = queue.hear(refusal(first["event_id"], "invalid_value"), 0)
    assert second["event_id"] == "second"


def test_a_request_that_nothing_follows_does_not_block_the_next_one_for_ever() -> None:
    queue = ResponseQueue()
    queue.ask(CREATE, 0)
    queue.ask(CREATE, 0)
    assert queue.next(14.9) == []
    assert len(queue.next(15)) == 1


def test_an_answer_whose_end_got_lost_does_not_block_the_next_one_for_ever() -> None:
    queue = ResponseQueue()
    queue.hear(created("r"), 0)
    queue.ask(CREATE, 0)
    assert queue.next(59) == []
    assert len(queue.next(60)) == 1
    queue.hear(created("r"), 61)
    assert queue.active is None, "what has ended does not begin again"


def test_an_answer_is_known_from_its_first_sound_where_nothing_else_tells_of_it() -> None:
    queue = ResponseQueue()
    queue.hear({"type": "response.audio.delta", "response_id": "r"}, 0)
    assert queue.active == "r"
    queue.hear(done("r"), 0)
    queue.hear({"type": "response.audio.delta", "response_id": "r"}, 0)
    assert queue.active is None


def test_the_end_of_an_answer_outside_or_of_another_one_ends_nothing_else() -> None:
    queue = ResponseQueue()
    queue.hear(created("in"), 0)
    queue.ask(ASIDE, 0)
    queue.hear(created("out", None), 0)
    queue.hear(done("out"), 0)
    queue.hear(done("other"), 0)
    assert queue.active == "in"


def test_answers_outside_that_never_begin_are_forgotten_one_by_one_or_when_refused() -> None:
    queue = ResponseQueue()
    asked = [queue.ask(ASIDE, 0)[0]["event_id"] for _ in range(WAITING_MOST + 3)]
    for event_id in asked[3:]:
        assert queue.busy
        queue.hear(refusal(event_id, "invalid_value"), 0)
    assert not queue.busy
