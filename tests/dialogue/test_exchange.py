"""What is said while a session with other settings is opened beside the one in use."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.dialogue.inputs import (
    ButtonPressed,
    ButtonReleased,
    Input,
    InterruptRequested,
    SayRequested,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    SoundHeldBack,
    SoundLetGo,
    SpeechAborted,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import (
    AnswerGivenUp,
    CommitAudio,
    CreateResponse,
    Output,
    SendKeptAudio,
    StopPlayback,
)
from rtaudio_daemon.dialogue.unsent_audio import UnsentAudio
from rtaudio_daemon.notifications import PlaybackFinished
from tests.dialogue.talk import (
    GATE_CLOSED,
    GATE_OPENED,
    IDLE,
    LISTENING,
    SECOND,
    STARTED,
    STOPPED,
    THINKING,
    Talk,
    answer_heard,
    created,
    done,
    opened,
    say,
)

WORD, BEFORE, QUESTION = b"\x01\x01" * 240, b"\x02\x02" * 240, b"\x03\x03" * 2400


def held(**options: Any) -> Talk:
    """A session that said nothing yet, and another one that is being opened."""
    talk = opened(**options)
    talk.tell(SoundHeldBack())
    assert talk.mind.holds_back
    return talk


def question(talk: Talk) -> None:
    """Somebody asks, and is done."""
    talk.tell(GATE_OPENED)
    talk.mind.unsent.held_back(SECOND, talk.now)
    talk.tell(GATE_CLOSED)


def steps(talk: Talk, happening: Input) -> list[Output]:
    return talk.mind.handle(happening, talk.now)


def sound(done_: list[Output]) -> bytes:
    return b"".join(pcm for step in done_ if isinstance(step, SendKeptAudio) for pcm in step.pieces)


# ------------------------------------------------------------------------- the sound


def test_what_was_held_back_is_heard_with_what_was_said_in_one_breath_before_it() -> None:
    audio = UnsentAudio()
    audio.sent(b"\x09\x09", 1.0)  # a noise, long ago
    for piece in range(3):
        audio.sent(BEFORE, 5.0 + 0.4 * piece)
    audio.held_back(QUESTION, 6.2)
    audio.held_back(QUESTION, 9.0)  # whatever pauses they make
    assert b"".join(audio.renew(12.0)) == BEFORE * 3 + QUESTION * 2
    assert b"".join(audio.renew(12.0)) == b"", "the next renewal is in a quiet moment again"


def test_the_session_in_use_gets_only_what_it_has_not_heard() -> None:
    audio = UnsentAudio()
    audio.sent(BEFORE, 1.0)
    audio.held_back(QUESTION, 1.1)
    assert b"".join(audio.let_go()) == QUESTION
    assert audio.let_go() == [], "and once"
    audio.lost(2.0)
    assert b"".join(audio.resume(2.0)) == BEFORE + QUESTION, "but the next one all of it"


# ---------------------------------------------------------------- the turn, and its status


@pytest.mark.parametrize("end", [SessionRenewed(), SoundLetGo()])
def test_a_question_that_ends_too_soon_is_thought_about_until_somebody_hears_it(
    end: SessionRenewed | SoundLetGo,
) -> None:
    talk = held()
    question(talk)
    assert talk.statuses == [LISTENING, THINKING]
    assert not talk.mind.quiet
    assert talk.mind.turn_held_back
    assert sound(steps(talk, end)).endswith(SECOND)
    assert not talk.mind.holds_back
    talk.tell(STARTED, STOPPED)
    assert talk.status is THINKING


@pytest.mark.parametrize("end", [SessionRenewed(), SoundLetGo(), TimePassed()])
def test_where_we_end_the_turns_the_question_is_committed_once_where_it_was_heard(
    end: SessionRenewed | SoundLetGo | TimePassed,
) -> None:
    talk = held(local_turns=True, replies=False)
    talk.tell(GATE_OPENED)
    talk.mind.unsent.held_back(SECOND, talk.now)
    assert CommitAudio() not in steps(talk, GATE_CLOSED)
    talk.now += 10
    found = steps(talk, end)
    kinds = [type(step) for step in found]
    assert kinds.index(SendKeptAudio) < kinds.index(CommitAudio) < kinds.index(CreateResponse)
    assert kinds.count(CommitAudio) == kinds.count(CreateResponse) == 1
    assert talk.status is THINKING


def test_what_is_held_back_waits_for_some_seconds_only() -> None:
    talk = held(exchange_patience_s=3.0)
    question(talk)
    deadline = talk.deadline
    assert deadline is not None
    assert deadline == pytest.approx(0.2 + 3.0)
    assert steps(talk, TimePassed()) == [], "too soon"
    talk.now = deadline
    assert sound(steps(talk, TimePassed())) == SECOND
    assert talk.deadline is None


def test_nothing_waits_for_a_session_where_there_is_none_or_a_button_is_held() -> None:
    talk = Talk()
    talk.tell(SoundHeldBack())
    assert not talk.mind.holds_back
    talk = opened()
    talk.tell(ButtonPressed(), SoundHeldBack())
    assert not talk.mind.holds_back


def test_what_was_not_meant_is_not_said_to_the_next_session() -> None:
    talk = held()
    talk.tell(GATE_OPENED)
    talk.mind.unsent.held_back(SECOND, talk.now)
    talk.tell(SpeechAborted())
    assert talk.status is IDLE
    assert talk.mind.quiet
    assert sound(steps(talk, SessionRenewed())) == b""


def test_a_session_that_is_lost_meanwhile_leaves_the_question_to_the_next() -> None:
    talk = held()
    question(talk)
    talk.tell(SessionLost("gone"))
    assert not talk.mind.holds_back
    assert sound(steps(talk, SessionOpened())).endswith(SECOND)


# ------------------------------------------------------------- what was under way before


def asked(talk: Talk) -> Talk:
    """Somebody asked the session in use, which has not answered yet."""
    talk.tell(STARTED, STOPPED)
    talk.mind.history.ask(SECOND)
    talk.mind._state.answers.put_question(talk.now)
    return talk


def test_who_asks_another_is_not_answered_what_was_asked_before() -> None:
    talk = asked(opened())
    talk.tell(SoundHeldBack())
    question(talk)
    found = steps(talk, SessionRenewed())
    assert not [step for step in found if isinstance(step, CreateResponse)]
    assert not talk.mind._state.answers.owed


def test_who_says_nothing_after_the_word_is_answered_what_was_asked_before() -> None:
    talk = asked(opened())
    talk.tell(SoundHeldBack())
    assert not talk.mind.quiet, "so it is answered where it was asked"
    found = steps(talk, SessionRenewed())
    assert [step for step in found if isinstance(step, CreateResponse)], "or where it can be"


def test_an_answer_that_begins_to_be_heard_meanwhile_is_interrupted_by_the_question() -> None:
    talk = opened(interruption="service")
    talk.tell(SoundHeldBack(), GATE_OPENED)
    talk.mind.unsent.held_back(SECOND, talk.now)
    answer_heard(talk)
    assert StopPlayback() in steps(talk, SessionRenewed())


def test_a_text_that_is_to_be_said_waits_for_the_question_and_is_said_after_it() -> None:
    talk = held()
    question(talk)
    assert talk.tell(SayRequested("Dinner", "verbatim")) == []
    talk.mind.unsent.held_back(SECOND, talk.now)
    assert talk.tell(SessionRenewed()) == [say("Dinner")]


def test_a_text_that_is_to_be_said_after_the_word_alone_does_not_wait() -> None:
    talk = held()
    assert talk.tell(SayRequested("Dinner", "verbatim")) == [say("Dinner")]
    assert not talk.mind.quiet
    talk.tell(created("resp_1"), done("resp_1", "completed"), PlaybackFinished())


def test_a_button_released_while_sound_is_held_back_ends_its_turn_once() -> None:
    talk = held()
    talk.tell(ButtonPressed())
    talk.mind.unsent.held_back(SECOND, talk.now)
    talk.tell(ButtonReleased())
    assert talk.status is THINKING
    found = steps(talk, SessionRenewed())
    assert [type(step) for step in found].count(CommitAudio) == 1


@pytest.mark.parametrize("end", [SessionRenewed(), SoundLetGo(), TimePassed()])
def test_a_button_that_was_held_without_a_sound_is_not_answered_and_that_is_said(
    end: SessionRenewed | SoundLetGo | TimePassed,
) -> None:
    talk = Talk()
    talk.tell(SessionOpened(), heard=False)
    talk.tell(SoundHeldBack(), ButtonPressed(), ButtonReleased())
    assert talk.status is THINKING
    talk.now += 10
    assert AnswerGivenUp("not_answered", "not answered: no sound of it was heard") in steps(
        talk, end
    )
    assert talk.status is IDLE


def test_silence_that_is_asked_for_ends_a_turn_that_waits() -> None:
    talk = held(local_turns=True, replies=False)
    question(talk)
    assert talk.status is THINKING
    talk.tell(InterruptRequested())
    assert talk.status is IDLE
    assert sound(steps(talk, SessionRenewed())) == b""


def test_a_session_that_is_renewed_where_none_was_left_hears_and_answers_as_a_new_one() -> None:
    talk = Talk(local_turns=True, replies=False)
    talk.tell(ButtonPressed())
    talk.mind.unsent.kept(SECOND, talk.now)
    talk.tell(ButtonReleased())
    found = steps(talk, SessionRenewed())
    assert sound(found) == SECOND
    kinds = [type(step) for step in found]
    assert kinds.index(SendKeptAudio) < kinds.index(CommitAudio) < kinds.index(CreateResponse)
    talk.tell(created("resp_1"), done("resp_1", "completed"))
    assert talk.status is IDLE


def test_if_nothing_was_said_nothing_is_sent_when_no_session_comes() -> None:
    talk = held()
    assert steps(talk, SoundLetGo()) == []
    assert steps(talk, SoundLetGo()) == [], "nor where nothing waits"


def test_what_waits_for_a_session_where_there_is_none_is_not_let_go() -> None:
    talk = Talk()
    talk.tell(ButtonPressed())
    talk.mind.unsent.kept(SECOND, talk.now)
    talk.tell(SoundLetGo(), ButtonReleased())
    assert talk.mind.button_waits
    assert talk.status is THINKING
