"""An answer that comes twice, that nobody may hear, or that is given up."""

from __future__ import annotations

from dataclasses import replace

from rtaudio_daemon.dialogue.inputs import (
    AnswerRequested,
    Input,
    SessionLost,
    SessionOpened,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import AnswerGivenUp, Play
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity

from .talk import (
    IDLE,
    PART,
    SECOND,
    STARTED,
    STOPPED,
    Talk,
    answer_heard,
    commands,
    created,
    opened,
)


def given_up(talk: Talk, *happenings: Input) -> list[str]:
    return [each.reason for each in talk.tell(*happenings) if isinstance(each, AnswerGivenUp)]


def test_where_we_interrupt_speech_that_the_service_reports_ends_no_answer() -> None:
    talk = answer_heard(opened(interruption="us"))
    assert commands(talk.tell(STARTED)) == []


def test_the_beginning_of_an_answer_that_comes_twice_is_one() -> None:
    talk = opened()
    talk.tell(STARTED, STOPPED, created("resp_1"))
    assert talk.tell(created("resp_1")) == []
    assert any(isinstance(each, Play) for each in talk.tell(wire.AudioDelta(PART, SECOND)))


def test_an_answer_outside_the_conversation_is_not_heard() -> None:
    talk = opened()
    mine = {"conversation": "none", "metadata": {"mine": "yes"}}
    talk.tell(AnswerRequested(mine, outside=True), created("resp_1", {"mine": "yes"}))
    assert commands(talk.tell(wire.AudioDelta(PART, SECOND))) == []


def test_a_refused_request_for_an_answer_is_given_up() -> None:
    talk = opened()
    talk.tell(AnswerRequested(event_id="mine"))
    no = wire.ServiceErrorReported("no", "", "No.", "mine", Severity.RETRY)
    assert given_up(talk, no) == ["not answered: the service refused to answer"]


def test_no_answer_is_asked_for_without_a_session() -> None:
    talk = Talk()
    assert talk.tell(AnswerRequested()) == []
    assert talk.status is IDLE


def test_sound_without_the_id_of_its_answer_belongs_to_the_one_that_is_under_way() -> None:
    talk = opened()
    talk.tell(STARTED, STOPPED, created("resp_1"))
    nameless = wire.AudioDelta(replace(PART, response_id=""), SECOND)
    assert [e.part for e in talk.tell(nameless) if isinstance(e, Play)] == [PART]


def test_a_question_is_put_to_so_many_sessions_and_is_given_up_then() -> None:
    talk = opened()
    talk.tell(STARTED, STOPPED, created("resp_1"))
    for number in (2, 3):
        again = created(f"resp_{number}")
        assert given_up(talk, SessionLost("gone"), SessionOpened(), again) == []
    why = "not answered: the connection was lost with it again and again"
    assert given_up(talk, SessionLost("gone"), SessionOpened()) == [why]
    assert talk.status is IDLE


def test_calls_without_results_in_time_are_given_up_by_their_names() -> None:
    talk = opened(calls_patience_s=15)
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    call = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "weather")
    talk.tell(wire.ResponseDone("resp_1", "completed", "", None, (call,), {}))
    talk.now += 20
    assert given_up(talk, TimePassed()) == ["not answered: no result of weather came in 15 s"]
    assert talk.status is IDLE


def test_a_turn_is_held_once_enough_sound_was_sent_for_it() -> None:
    talk = Talk()
    talk.tell(SessionOpened(), heard=False)
    assert not talk.mind.holds_turn
    talk.mind.unsent.sent(SECOND, talk.now)
    assert talk.mind.holds_turn
