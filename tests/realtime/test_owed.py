"""An answer that is owed, and the question it belongs to, when the session goes."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from rtaudio_daemon.realtime.codec import Json
from rtaudio_daemon.realtime.history import History
from rtaudio_daemon.realtime.owed import OwedAnswer
from rtaudio_daemon.realtime.turn_sound import TurnSound
from tests.realtime.test_memory import SECOND, assistant, user

PCM = b"\x01\x02" * 100


def event(name: str, **fields: Any) -> Json:
    return {"type": name, **fields}


def created(response_id: str) -> Json:
    return event("response.created", response={"id": response_id})


def done(response_id: str, status: str = "completed", *kinds: str) -> Json:
    output = [{"type": kind} for kind in kinds]
    return event("response.done", response={"id": response_id, "status": status, "output": output})


def sound(response_id: str) -> Json:
    return event("response.audio.delta", response_id=response_id)


def committed(item_id: str = "item_1") -> Json:
    return event("input_audio_buffer.committed", item_id=item_id)


SPEECH = event("input_audio_buffer.speech_started")


def hear(owed: OwedAnswer, *events: Json, replies: bool = True) -> list[bool]:
    return [owed.hear(each, replies=replies) for each in events]


def test_a_turn_is_owed_its_answer_until_that_begins() -> None:
    owed = OwedAnswer()
    assert hear(owed, committed(), created("r1")) == [False, False]
    assert owed.due
    assert hear(owed, sound("r1"), done("r1")) == [True, False]
    assert not owed.open


def test_a_turn_that_the_service_does_not_answer_is_owed_nothing_before_it_is_asked() -> None:
    owed = OwedAnswer()
    hear(owed, committed(), replies=False)
    assert not owed.open
    owed.asked()
    assert owed.due


@pytest.mark.parametrize("status", ["failed", "incomplete", "completed"])
def test_an_answer_without_a_sound_is_none_to_wait_for(status: str) -> None:
    owed = OwedAnswer()
    assert hear(owed, committed(), created("r1"), done("r1", status))[-1]
    assert not owed.open


def test_the_answer_before_says_nothing_about_the_newest_question() -> None:
    owed = OwedAnswer()
    hear(owed, committed(), created("r1"), sound("r1"), SPEECH, committed("item_2"))
    assert hear(owed, sound("r1"), done("r1")) == [False, False]
    assert owed.due
    assert hear(owed, created("r2"), sound("r2")) == [False, True]


def test_who_speaks_on_waits_for_the_answer_to_that() -> None:
    owed = OwedAnswer()
    hear(owed, committed(), SPEECH)
    assert not owed.open
    hear(owed, committed("item_2"), done("r1", "cancelled"))
    assert owed.due


def test_while_functions_are_called_the_answer_cannot_be_asked_for_again() -> None:
    owed = OwedAnswer()
    hear(owed, committed(), created("r1"), done("r1", "completed", "function_call"))
    assert (owed.due, owed.calling, owed.open) == (False, True, True)
    assert not owed.ask_again()
    owed.asked()
    assert (owed.due, owed.calling) == (True, False)


def test_a_question_is_not_asked_for_ever() -> None:
    owed = OwedAnswer()
    hear(owed, committed())
    assert [owed.ask_again() for _ in range(3)] == [True, True, False]
    owed.drop()
    assert not owed.ask_again()


def test_a_silence_that_lasted_too_long_is_no_question() -> None:
    owed = OwedAnswer()
    hear(owed, event("input_audio_buffer.timeout_triggered", item_id="item_1"), committed())
    assert not owed.open


def test_odd_events_do_no_harm() -> None:
    owed = OwedAnswer()
    odd = [event("response.created"), event("response.done", response=7), committed(7)]  # type: ignore[arg-type]
    hear(owed, *odd, event("response.done", response={"output": [7]}))


# ------------------------------------------------------------ the question


def told(history: History) -> list[Any]:
    return [item["content"][0] for item in history.items(0.0)]


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
    assert len(history.items(61.0)) == 1
    history.forget()
    assert history.items(61.0) == []


def test_what_is_not_known_cannot_be_answered() -> None:
    history = History()
    assert not history.answerable
    history.ask(b"")
    history.hear(committed(7), 0.0)  # type: ignore[arg-type]
    assert not history.answerable
    history.answered()
    for each in user(1, "Weather?"):
        history.hear(each, 0.0)
    assert history.answerable, "a question in writing"
    for each in assistant(1, "Rain."):
        history.hear(each, 0.0)
    assert not history.answerable


# ------------------------------------------------------------ its sound


def test_the_sound_of_a_turn_that_became_an_item_can_be_fetched_once() -> None:
    turn = TurnSound()
    turn.sent(SECOND, 0.0)
    turn.heard("input_audio_buffer.committed")
    assert turn.fetch() == SECOND
    assert turn.fetch() is None


def test_a_turn_that_we_end_is_fetched_at_once_and_the_next_one_stays() -> None:
    turn = TurnSound()
    for second in range(20):
        turn.sent(SECOND, float(second), by_hand=True)
    turn.commit()
    assert turn.fetch() == SECOND * 20
    turn.sent(PCM, 20.0, by_hand=True)
    turn.heard("input_audio_buffer.committed")
    assert turn.fetch() is None
    turn.lost(20.0)
    assert turn.resume(20.0) == [PCM]


def test_a_turn_that_was_refused_does_not_hide_the_next_one() -> None:
    turn = TurnSound()
    turn.commit()
    turn.fetch()
    turn.heard("error")
    turn.sent(PCM, 0.0)
    turn.heard("input_audio_buffer.committed")
    assert turn.fetch() == PCM


@pytest.mark.parametrize("by_hand", [True, False])
def test_half_a_turn_is_no_question(by_hand: bool) -> None:
    turn = TurnSound()
    if not by_hand:
        turn.heard("input_audio_buffer.speech_started")
    for second in range(40):
        turn.sent(SECOND, float(second), by_hand=by_hand)
    turn.commit()
    assert turn.fetch() == b""
