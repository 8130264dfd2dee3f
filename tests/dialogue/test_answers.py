"""Every answer from the wish to its last word: one at a time; what is owed outlives a session."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.dialogue.answer import Request
from rtaudio_daemon.dialogue.answers import Answers
from rtaudio_daemon.dialogue.outputs import CreateItem, CreateResponse, ServiceCommand
from rtaudio_daemon.dialogue.request_queue import WAITING_MOST
from rtaudio_daemon.protocol.events import ResponseCreated, ResponseDone, ServiceErrorReported
from tests.dialogue import events

ACTIVE = "conversation_already_has_active_response"
ASIDE = {"conversation": "none"}


def created(
    response_id: str, conversation: str | None = "conv", **metadata: Any
) -> ResponseCreated:
    event = events.created(response_id, conversation, metadata or None)
    assert isinstance(event, ResponseCreated)
    return event


def done(response_id: str) -> ResponseDone:
    event = events.done(response_id)
    assert isinstance(event, ResponseDone)
    return event


def refusal(event_id: str, code: str) -> ServiceErrorReported:
    event = events.refusal(event_id, code)
    assert isinstance(event, ServiceErrorReported)
    return event


def ask(answers: Answers, request: Request | None = None) -> list[ServiceCommand]:
    answers.queue.wish(request or Request())
    return answers.next(0.0, silence=True)


def asked_id(commands: list[ServiceCommand]) -> str:
    (command,) = commands
    assert isinstance(command, CreateResponse)
    assert command.event_id is not None
    return command.event_id


# ----------------------------------------------------------- one at a time


def test_what_is_asked_for_waits_until_the_answer_before_is_done() -> None:
    answers = Answers()
    first = ask(answers)
    assert ask(answers) == []
    answers.created(created("r1"), 0.0)
    assert answers.next(0.0, silence=True) == []
    answers.done(done("r1"), 0.0)
    second = answers.next(0.0, silence=True)
    assert asked_id(first) != asked_id(second)


def test_too_many_waiting_requests_are_refused() -> None:
    answers = Answers()
    for _ in range(WAITING_MOST + 1):
        assert not answers.queue.full
        ask(answers)
    assert answers.queue.full
    assert len(answers.queue.clear()) == WAITING_MOST
    assert answers.busy, "the first one is still asked for"


def test_a_request_may_wait_for_silence_or_not() -> None:
    answers = Answers()
    answers.queue.wish(Request())
    assert answers.next(0.0, silence=False) == []
    answers.queue.wish(Request(after_speech=False), first=True)
    assert len(answers.next(0.0, silence=False)) == 1


def test_items_go_before_and_after_the_request_that_they_belong_to() -> None:
    answers = Answers()
    sent = ask(answers, Request(before=({"id": "a"},), after=({"id": "b"},)))
    assert [type(each) for each in sent] == [CreateItem, CreateResponse, CreateItem]


def test_one_request_for_what_the_user_said_is_enough() -> None:
    answers = Answers()
    ask(answers)
    answers.queue.wish(Request(question=True))
    answers.queue.wish(Request(question=True))
    assert len(answers.queue.clear()) == 1


# ----------------------------------------------------------------- refusals


def test_a_request_that_came_too_early_is_made_again_when_the_other_answer_is_done() -> None:
    answers = Answers()
    asked = ask(answers)
    assert answers.refused(refusal("another", ACTIVE), 0.0) is None
    assert answers.refused(refusal(asked_id(asked), ACTIVE), 0.0) is None
    assert answers.next(0.0, silence=True) == []
    answers.done(done("unknown"), 1.0)
    assert answers.next(1.0, silence=True) == asked
    answers.created(created("mine"), 1.0)
    assert answers.current_id == "mine"


def test_a_request_that_is_refused_again_and_again_is_given_up() -> None:
    answers = Answers()
    event_id, attempts = asked_id(ask(answers)), 1
    while answers.refused(refusal(event_id, ACTIVE), 0.0) is None:
        answers.done(done(""), 0.0)
        assert asked_id(answers.next(0.0, silence=True)) == event_id
        attempts += 1
    assert attempts == 5
    assert not answers.queue


def test_a_request_that_is_refused_for_good_lets_the_next_one_pass() -> None:
    answers = Answers()
    first = asked_id(ask(answers))
    ask(answers, Request(event_id="second"))
    given_up = answers.refused(refusal(first, "invalid_value"), 0.0)
    assert given_up is not None
    assert given_up.event_id == first
    assert asked_id(answers.next(0.0, silence=True)) == "second"


def test_a_request_that_nothing_follows_does_not_block_the_next_one_for_ever() -> None:
    answers = Answers()
    ask(answers)
    ask(answers)
    assert answers.give_up() == []
    assert len(answers.next(15.0, silence=True)) == 1


def test_an_answer_whose_end_got_lost_does_not_block_the_next_one_for_ever() -> None:
    answers = Answers()
    answers.created(created("r"), 0.0)
    assert ask(answers) == []
    assert answers.give_up() == ["r"]
    assert len(answers.next(60.0, silence=True)) == 1


# ------------------------------------------------------- what the service says


def test_an_answer_is_known_from_its_first_sound_where_nothing_else_reports_it() -> None:
    answers = Answers()
    assert answers.heard("r", 0.0) is not None
    assert answers.current_id == "r"
    answers.done(done("r"), 0.0)
    assert answers.heard("r", 0.0) is None, "it is over"
    assert answers.current_id is None


def test_an_answer_ends_once() -> None:
    answers = Answers()
    answers.created(created("r"), 0.0)
    assert answers.done(done("r"), 0.0) is not None
    assert answers.done(done("r"), 0.0) is None


def test_an_answer_that_was_interrupted_is_late_until_its_end_and_cannot_sound_after_it() -> None:
    answers = Answers()
    answers.created(created("r"), 0.0)
    assert answers.interrupt() == ["r"]
    assert answers.is_late("r")
    assert answers.interrupt() == [], "once"
    ended = answers.done(done("r"), 0.0)
    assert ended is not None
    assert ended.interrupted
    assert answers.heard("r", 0.0) is None


def test_an_answer_that_is_cancelled_before_it_begins_is_late() -> None:
    answers = Answers()
    answers.cancel("r")
    assert answers.is_late("r")
    assert not answers.is_late("other")


# ------------------------------------------------------ outside the conversation


@pytest.mark.parametrize("metadata", [{"k": "v"}, {}])
def test_an_answer_outside_is_known_by_its_metadata_or_its_missing_conversation(
    metadata: dict[str, str],
) -> None:
    answers = Answers()
    settings = {**ASIDE, "metadata": metadata} if metadata else ASIDE
    answers.ask_outside(Request(settings, outside=True, aloud=False), 0.0)
    assert not answers.created(created("in"), 0.0).outside
    assert answers.created(created("out", None, **metadata), 0.0).outside
    assert answers.current_id == "in"


def test_the_end_of_an_answer_outside_or_of_another_one_ends_nothing_else() -> None:
    answers = Answers()
    answers.created(created("in"), 0.0)
    answers.ask_outside(Request(ASIDE, outside=True, aloud=False), 0.0)
    answers.created(created("out", None), 0.0)
    answers.done(done("out"), 0.0)
    answers.done(done("other"), 0.0)
    assert answers.current_id == "in"


def test_an_answer_outside_that_nobody_hears_delays_no_other() -> None:
    answers = Answers()
    answers.ask_outside(Request(ASIDE, outside=True, aloud=False), 0.0)
    answers.created(created("out", None), 0.0)
    assert not answers.coming
    assert len(ask(answers)) == 1


def test_answers_outside_that_never_begin_are_forgotten_one_by_one_or_when_refused() -> None:
    answers = Answers()
    requests = [Request(ASIDE, outside=True, aloud=False) for _ in range(WAITING_MOST + 3)]
    asked = [asked_id(answers.ask_outside(each, 0.0)) for each in requests]
    for event_id in asked[3:]:
        assert answers.busy
        given_up = answers.refused(refusal(event_id, "invalid_value"), 0.0)
        assert given_up is not None
        assert given_up.event_id == event_id
    assert not answers.busy


# -------------------------------------------------------------- what is owed


def test_a_question_is_owed_its_answer_until_that_begins() -> None:
    answers = Answers()
    answers.put_question(0.0)
    answer = answers.created(created("r1"), 0.0)
    assert answers.owed
    assert answers.begun(answer)
    assert not answers.owed
    assert not answers.begun(answer), "it settles once"


def test_the_answer_before_says_nothing_about_the_newest_question() -> None:
    answers = Answers()
    first = answers.created(created("r1"), 0.0)
    answers.begun(first)
    answers.put_question(0.0)
    assert not answers.begun(first)
    assert answers.owed
    answers.done(done("r1"), 0.0)
    assert answers.begun(answers.created(created("r2"), 0.0))


def test_what_is_owed_outlives_its_session_but_is_not_asked_for_ever() -> None:
    answers = Answers()
    answers.put_question(0.0)
    answers.created(created("r1"), 0.0)
    answers.session_gone()
    assert answers.owed
    assert not answers.busy
    assert [answers.ask_again() for _ in range(3)] == [True, True, False]
    assert answers.drop_owed()
    assert not answers.drop_owed()
    assert answers.ask_again(), "the next question is put as often again"


def test_what_was_asked_for_and_never_sounded_is_returned_when_its_session_goes() -> None:
    answers = Answers()
    begun, silent = Request(say=True), Request(ASIDE, outside=True)
    ask(answers, begun)
    answers.created(created("r1"), 0.0).sounding.add("i1")
    answers.ask_outside(silent, 0.0)
    answers.created(created("r2", None), 0.0)
    assert answers.session_gone() == [silent]


def test_an_answer_that_is_expected_and_no_longer_wanted_is_interrupted_when_it_begins() -> None:
    answers = Answers()
    answers.expect(0.0)
    answers.refuse_to_come()
    assert not answers.coming
    assert answers.created(created("r1"), 0.0).interrupted
    assert not answers.created(created("r2"), 0.0).interrupted, "only that one"


def test_what_is_taken_back_before_it_was_asked_for_is_not_asked_for() -> None:
    answers = Answers()
    answers.created(created("r"), 0.0)
    answers.queue.wish(Request(question=True))
    answers.queue.wish(Request(event_id="other"))
    answers.take_back_question()
    answers.done(done("r"), 0.0)
    assert asked_id(answers.next(0.0, silence=True)) == "other"


def test_what_is_refused_because_a_known_answer_is_under_way_waits_for_its_end() -> None:
    answers = Answers()
    answers.expect(0.0)
    aside = asked_id(ask(answers, Request(ASIDE, outside=True, after_speech=False)))
    answers.created(created("resp_1"), 0.1)  # the service answers the turn first
    assert answers.current_id == "resp_1"
    assert answers.refused(refusal(aside, ACTIVE), 0.2) is None
    assert answers.next(0.3, silence=True) == []
    answers.done(done("resp_1"), 0.4)
    assert asked_id(answers.next(0.5, silence=True)) == aside
