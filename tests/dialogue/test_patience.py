"""What waits for a session or for a sign of the service, and what ends the waiting."""

from __future__ import annotations

from rtaudio_daemon.dialogue.inputs import (
    AnswerDropped,
    ButtonPressed,
    ButtonReleased,
    CallAnswered,
    InterruptRequested,
    SayRequested,
    SessionAwaited,
    SessionLost,
    SessionOpened,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import (
    AnswerGivenUp,
    CancelResponse,
    ClearAudio,
    CommitAudio,
    CreateItem,
    CreateResponse,
    Output,
)
from rtaudio_daemon.notifications import (
    ErrorReported,
    Interruption,
    PlaybackStopped,
    SpeechNoticed,
    UsageReported,
)
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity

from .talk import (
    GATE_CLOSED,
    GATE_OPENED,
    IDLE,
    LISTENING,
    STARTED,
    THINKING,
    Talk,
    answer_heard,
    commands,
    created,
    done,
    opened,
)

ACTIVE = "conversation_already_has_active_response"


def asked() -> Talk:
    """Somebody has asked something by button, and the service knows their words."""
    talk = opened()
    talk.tell(ButtonPressed(), ButtonReleased())
    talk.tell(wire.InputCommitted("item_0"), wire.UserTranscript("item_0", "Will it rain?", {}))
    return talk


def later(talk: Talk) -> list[Output]:
    """The next deadline comes."""
    assert talk.deadline is not None
    talk.now = max(talk.now, talk.deadline)
    return talk.tell(TimePassed())


def refused(event_id: str, code: str = "invalid_value") -> wire.Event:
    return wire.ServiceErrorReported(code, "", "No.", event_id, Severity.BENIGN)


def refused_words(why: str) -> ErrorReported:
    return ErrorReported("conversation", "not_said", f"not said: {why}")


def given_up(steps: list[Output]) -> list[str]:
    return [step.reason for step in steps if isinstance(step, AnswerGivenUp)]


# -------------------------------------------------------------------- button


def test_a_button_that_nobody_releases_counts_as_released_after_a_while() -> None:
    talk = opened(button_most_s=60.0)
    talk.tell(ButtonPressed())
    assert talk.mind.held
    assert later(talk) == [SpeechNoticed("stopped", "local"), CommitAudio(), CreateResponse()]
    assert not talk.mind.held


def test_a_button_that_is_held_without_a_session_is_given_up_in_time() -> None:
    talk = Talk(button_patience_s=10.0)
    talk.tell(ButtonPressed())
    assert talk.mind.button_waits
    (words,) = given_up(later(talk))
    assert words == "not listening: there is no connection to the service (it took too long)"
    assert (talk.status, talk.deadline, talk.mind.button_waits) == (IDLE, None, False)


def test_a_button_that_was_not_pressed_cannot_be_released() -> None:
    assert opened().tell(ButtonReleased()) == []


def test_what_a_button_keeps_may_be_forgotten_after_its_release() -> None:
    talk = Talk()
    talk.tell(ButtonPressed(), ButtonReleased())
    assert talk.status is THINKING
    assert talk.tell(ButtonReleased(answer=False)) == [ClearAudio()]
    assert (talk.status, talk.deadline) == (IDLE, None)


# -------------------------------------------------------------------- speech


def test_speech_that_the_service_never_ends_is_over_when_no_sound_was_sent_for_long() -> None:
    talk = opened(speech_patience_s=15.0)
    talk.tell(STARTED)
    assert talk.status is LISTENING
    assert later(talk) == [SpeechNoticed("stopped", "service")]
    assert talk.status is IDLE


def test_what_was_said_on_a_line_that_was_dead_is_reported() -> None:
    talk = Talk()
    talk.tell(SessionOpened(), heard=False)
    talk.tell(GATE_OPENED, GATE_CLOSED)
    talk.now += 19.0
    assert given_up(talk.tell(SessionLost("no sign"))) == [
        "not answered: the connection died before the service heard what was said"
    ]


def test_our_own_clear_does_not_end_the_speech_that_began_after_it() -> None:
    talk = opened()
    talk.tell(ButtonPressed(), ButtonReleased(answer=False), STARTED, wire.InputCleared())
    talk.tell(wire.InputCleared())
    assert talk.status is LISTENING, "both were ours"
    talk.tell(wire.InputCleared())
    assert talk.status is IDLE


# ------------------------------------------------------------------ requests


def test_what_is_to_be_said_waits_a_while_for_a_session() -> None:
    talk = Talk(button_patience_s=10.0)
    talk.tell(SessionAwaited(hopeful=True))
    assert talk.tell(SayRequested("Hello.")) == []
    assert later(talk) == [refused_words("there was no connection for too long")]
    assert (talk.status, talk.deadline) == (IDLE, None)


def test_what_the_service_refuses_to_say_is_reported() -> None:
    talk = opened()
    talk.tell(SayRequested("Hello."))
    told = talk.tell(refused("rtaudio_response_1"))
    assert told == [refused_words("the service refused it")]


def test_a_turn_that_the_service_does_not_take_is_not_asked_about() -> None:
    talk = opened()
    talk.tell(created("resp_1"), ButtonPressed(), ButtonReleased())
    told = talk.tell(refused("rtaudio_commit_1"))
    assert given_up(told) == ["not answered: the service did not take what was said"]
    assert commands(talk.tell(done("resp_1", "cancelled"))) == []


def test_a_refusal_of_what_nobody_waits_for_is_not_reported() -> None:
    talk = opened()
    talk.tell(ButtonPressed(), ButtonReleased(), AnswerDropped())
    assert talk.tell(refused("rtaudio_commit_1")) == []
    assert talk.tell(refused("rtaudio_commit_1")) == [], "nor is a second one of the same"


def test_a_turn_that_becomes_an_item_is_over_though_its_end_was_not_reported() -> None:
    talk = opened()
    talk.tell(STARTED)
    told = talk.tell(wire.InputCommitted("item_0"))
    assert told == [SpeechNoticed("stopped", "service")]
    assert talk.status is THINKING


def test_an_answer_to_a_turn_that_begins_before_our_announcement_is_not_taken_for_it() -> None:
    talk = opened()
    talk.tell(SayRequested("Hello.", "verbatim"), wire.InputCommitted("item_0"))
    talk.tell(created("resp_1"), done("resp_1", "completed"))
    assert talk.status is THINKING, "the announcement is still to come"
    talk.tell(created("resp_2", {"rtaudio": "say"}), done("resp_2", "completed"))
    assert talk.status is IDLE


def test_an_answer_to_a_turn_is_heard_though_an_announcement_before_it_was_refused() -> None:
    talk = opened()
    talk.tell(SayRequested("Hello.", "verbatim"), InterruptRequested())
    talk.tell(wire.InputCommitted("item_0"))
    assert talk.tell(created("resp_1")) == []
    assert talk.tell(refused("rtaudio_response_1", ACTIVE)) == [
        refused_words("the service refused it")
    ]
    assert talk.status is THINKING
    talk.tell(done("resp_1", "completed"))
    assert talk.status is IDLE


def test_an_announcement_that_nobody_wants_is_cancelled_after_the_answer_before_it() -> None:
    talk = opened()
    talk.tell(SayRequested("Hello.", "verbatim"), InterruptRequested())
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    told = talk.tell(created("resp_2", {"rtaudio": "say"}))
    assert told == [CancelResponse("resp_2")]


def test_what_an_answer_cost_is_reported() -> None:
    talk = opened()
    talk.tell(created("resp_1"))
    cost = wire.ResponseDone("resp_1", "completed", "", None, (), {"total_tokens": 7})
    assert talk.tell(cost) == [UsageReported("resp_1", {"total_tokens": 7})]


def test_a_loudspeaker_that_stops_when_all_was_played_names_no_item() -> None:
    talk = answer_heard(opened())
    talk.tell(InterruptRequested())
    assert talk.tell(PlaybackStopped()) == [Interruption(None, 0, 100)]


# ------------------------------------------------------------ function calls


def called(talk: Talk, *numbers: int) -> None:
    """Answers that call a function each."""
    for number in numbers:
        item = wire.Item(f"c_{number}", "call", "{}", False, "completed", f"call_{number}", "f")
        talk.tell(created(f"resp_{number}"))
        talk.tell(wire.ResponseDone(f"resp_{number}", "completed", "", None, (item,), {}))


def test_results_that_come_without_a_session_are_answered_by_the_next_one() -> None:
    talk = asked()
    called(talk, 1, 2)
    talk.tell(SessionLost("gone"))
    assert talk.tell(CallAnswered("call_1", "yes")) == []
    first = talk.deadline
    assert talk.tell(CallAnswered("call_2", "no")) == []
    assert (talk.status, talk.deadline) == (THINKING, first), "one question waits"
    told = talk.tell(SessionOpened(), heard=False)
    kinds = [step.item["type"] for step in told if isinstance(step, CreateItem)]
    assert kinds == ["message", *["function_call"] * 2, *["function_call_output"] * 2]
    assert told[-1] == CreateResponse()
