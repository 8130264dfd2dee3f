"""What was said so far, told to a session that does not know it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from rtaudio_daemon.dialogue.history import History
from rtaudio_daemon.protocol.event_decoding import decode
from rtaudio_daemon.protocol.events import Event
from rtaudio_daemon.protocol.session_format import Json
from tests.dialogue.events import assistant, call, committed, event, user

PCM = b"\x01\x02" * 100


def remembered(history: History, *events: Event, now: float = 0.0) -> list[Any]:
    for each in events:
        history.hear(each, 0.0)
    return [
        item["content"][0]["text"] if "content" in item else item for item in history.retell(now)
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


def cut(audio_end_ms: int, item_id: str = "assistant_1") -> Event:
    return event("conversation.item.truncated", item_id=item_id, audio_end_ms=audio_end_ms)


def test_an_interrupted_answer_is_quoted_as_far_as_it_was_heard() -> None:
    answer = assistant(1, "First it rains, then the sun comes out again.", ms=4000)
    told = remembered(History(), *answer, cut(2000))
    assert told == ["First it rains, then …"]
    assert remembered(History(), *answer, cut(0)) == []


def test_what_was_deleted_or_has_no_words_or_no_result_is_not_told() -> None:
    deleted = event("conversation.item.deleted", item_id="assistant_1")
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
    for item in history.retell(1.0):
        history.hear(event("conversation.item.created", item=item), 1.0)
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
    said = [*user(1, "Hello"), *assistant(1, "Good day."), cut(10)]
    assert remembered(history, *said) == ["Hello"]


def test_the_first_word_after_a_long_silence_begins_a_new_conversation() -> None:
    history = History(forget_after_s=60)
    remembered(history, *user(1, "Hello"))
    for each in user(2, "And now?"):
        history.hear(each, 100.0)
    assert len(history) == 1
    assert history.retell(100.0)[0]["content"][0]["text"] == "And now?"


def test_what_is_forgotten_on_request_is_not_told() -> None:
    history = History()
    remembered(history, *user(1, "Hello"))
    history.forget()
    assert len(history) == 0
    assert history.retell(0.0) == []


def test_items_that_nobody_will_ask_for_are_not_kept_for_ever() -> None:
    history = History(turns=10_000, characters=10**6)
    told = remembered(history, *(each for n in range(500) for each in user(n, f"q{n}")))
    assert told == [f"q{n}" for n in range(100, 500)]


def test_arguments_that_are_no_json_are_told_as_none() -> None:
    made, _result = remembered(History(), *call(1, "sunny", arguments='{"day":'))
    assert made["arguments"] == "{}"


@pytest.mark.parametrize(
    "wire",
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
def test_an_event_that_reports_no_item_teaches_nothing(wire: Json) -> None:
    said = decode(json.dumps(wire)).event
    assert remembered(History(), *user(1, "Hello"), said) == ["Hello"]


# ------------------------------------------------------------ the question


def told(history: History) -> list[Any]:
    return [item["content"][0] for item in history.retell(0.0)]


def test_a_question_without_words_is_told_as_sound_until_it_was_answered() -> None:
    history = History()
    for each in [*user(1, "Hello"), *assistant(1, "Hi.")]:
        history.hear(each, 0.0)
    history.ask(PCM)
    history.hear(committed("item_7"), 0.0)
    part = {"type": "input_audio", "audio": base64.b64encode(PCM).decode()}
    assert told(history)[-1] == part
    assert told(history)[-1] == part, "to a third session too"
    assert history.answerable
    history.answered()
    assert [each["text"] for each in told(history)] == ["Hello", "Hi."]


def test_the_words_of_a_question_are_told_rather_than_its_sound() -> None:
    history = History()
    history.ask(PCM)
    first, words = user(1, "Weather?")
    for each in [first, words]:  # not every service tells that a turn was committed
        history.hear(each, 0.0)
    assert told(history) == [{"type": "input_text", "text": "Weather?"}]


def test_a_question_is_told_whatever_the_limits_of_the_past_are() -> None:
    history = History(turns=0, characters=0)
    for each in user(1, "Hello"):
        history.hear(each, 0.0)
    history.ask(PCM)
    assert [each["type"] for each in told(history)] == ["input_audio"]


def test_a_question_survives_that_the_past_is_forgotten() -> None:
    history = History(forget_after_s=10)
    for each in user(1, "Hello"):
        history.hear(each, 0.0)
    history.ask(PCM)
    history.hear(committed(), 60.0)
    assert len(history.retell(61.0)) == 1
    history.forget()
    assert history.retell(61.0) == []


def test_what_is_not_known_cannot_be_answered() -> None:
    history = History()
    assert not history.answerable
    history.ask(b"")
    history.hear(committed(7), 0.0)
    assert not history.answerable
    history.answered()
    for each in user(1, "Weather?"):
        history.hear(each, 0.0)
    assert history.answerable, "a question in writing"
    for each in assistant(1, "Rain."):
        history.hear(each, 0.0)
    assert not history.answerable


# ------------------------------------------------------- from session to session


def test_an_answer_that_outlived_its_session_is_quoted_as_far_as_it_was_heard() -> None:
    history = History()
    remembered(history, *assistant(1, "First it rains, then the sun comes out again.", ms=4000))
    history.heard("assistant_1", 2000)
    assert remembered(history) == ["First it rains, then …"]


def test_what_is_unknown_cannot_have_been_heard() -> None:
    history = History()
    remembered(history, *assistant(1, "It rains."))
    history.heard("assistant_7", 0)
    assert remembered(history) == ["It rains."]


def test_the_result_of_a_call_that_no_session_knows_is_told_with_its_call() -> None:
    history = History()
    remembered(history, *user(1, "Weather?"), *call(1, None))
    for each in call(1, None):
        history.hear(each, 0.0)
    history.result("call_1", "rain")
    assert [item["type"] for item in history.retell(0.0)] == [
        "message",
        "function_call",
        "function_call_output",
    ]


def test_limits_may_change_while_the_conversation_goes_on() -> None:
    history = History()
    said = [e for n in range(10) for e in (*user(n, f"q{n}"), *assistant(n, f"a{n}"))]
    for each in said:
        history.hear(each, 0.0)
    history.limit(turns=1, characters=8000, forget_after_s=600.0)
    assert remembered(history) == ["q9", "a9"]


def test_an_answer_outside_the_conversation_is_no_part_of_it() -> None:
    history = History()
    for each in assistant(1, "Dinner is ready."):
        history.hear(each, 0.0, outside=True)
    assert len(history) == 0


def test_a_former_id_is_known_until_the_session_after_the_next() -> None:
    history = History()
    remembered(history, *assistant(1, "First it rains, then the sun comes out again.", ms=4000))
    remembered(history)
    history.heard("assistant_1", 0)
    assert remembered(history) == ["First it rains, then the sun comes out again."]
    history.heard("past_2", 2000)
    assert remembered(history) == ["First it rains, then …"]


def test_words_and_calls_are_learned_from_whichever_event_reports_them() -> None:
    history = History()
    item = {"id": "item_1", "role": "assistant", "content": [{"type": "text", "text": "Hi."}]}
    arguments = {"call_id": "one", "name": "weather", "arguments": '{"day":2}'}
    result = {"type": "function_call_output", "id": "item_3", "call_id": "one", "output": "sun"}
    said = remembered(
        history,
        event("response.done", response={"id": "r", "output": [item]}),
        event("response.function_call_arguments.done", item_id="item_2", **arguments),
        event("conversation.item.created", item=result),
        event("conversation.item.truncated", item_id="item_9", audio_end_ms=1),
        event("rate_limits.updated"),
    )
    assert said[0] == "Hi."
    assert (said[1]["name"], said[1]["arguments"]) == ("weather", '{"day":2}')
    assert said[2]["output"] == "sun"


def test_a_sign_that_belongs_to_the_letter_before_it_is_not_cut_off_from_it() -> None:
    history = History()
    for each in assistant(1, "ขี่ขี่ขี่", ms=900):
        history.hear(each, 0.0)
    history.hear(event("conversation.item.truncated", item_id="assistant_1", audio_end_ms=500), 0.0)
    assert remembered(history) == ["ขี่ …"]


def test_a_result_of_ours_gets_the_name_that_the_service_gives_it() -> None:
    history = History()
    for each in call(1, None):
        history.hear(each, 0.0)
    history.result("call_1", "rain")
    made = {"id": "theirs", "type": "function_call_output", "call_id": "call_1", "output": "rain"}
    history.hear(event("conversation.item.created", item=made), 0.0)
    assert len(history) == 2
    history.hear(event("conversation.item.deleted", item_id="theirs"), 0.0)
    assert len(history) == 1


def test_an_item_without_a_name_is_not_remembered() -> None:
    history = History()
    content = [{"type": "input_text", "text": "Hello."}]
    item = {"type": "message", "role": "user", "content": content}
    history.hear(event("conversation.item.created", item=item), 0.0)
    assert remembered(history) == []


def test_what_is_reported_of_unknown_items_changes_nothing() -> None:
    strange = event("conversation.item.created", item={"id": "odd_1", "type": "reasoning"})
    nameless = event("conversation.item.created", item={"type": "message", "role": "user"})
    events = [*user(1, "Weather?"), strange, nameless, cut(1000, "nobody_knows")]
    assert remembered(History(), *events) == ["Weather?"]


def test_the_time_that_the_machine_slept_counts_as_well() -> None:
    history = History(forget_after_s=600.0)
    for each in user(1, "Weather?"):
        history.hear(each, 0.0)
    history.slept(590.0)
    assert not history.stale(5.0)
    assert history.stale(15.0)


def test_what_is_too_long_to_be_repeated_is_not_kept_either() -> None:
    history = History(characters=8000)
    for number in range(1, 50):
        history.hear(user(number, "x" * 60_000)[1], 0.0)
    assert sum(len(entry.words) for entry in history._entries.values()) < 50 * 8200
    assert remembered(history, *user(99, "And this?")) == ["And this?"]
