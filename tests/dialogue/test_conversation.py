"""The conversation, given what happens, asked what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from rtaudio_daemon.dialogue.announcements import SAY_METADATA
from rtaudio_daemon.dialogue.inputs import (
    AnswerDropped,
    AnswerRequested,
    ButtonPressed,
    ButtonReleased,
    CallAnswered,
    CallsTakeLong,
    Input,
    InterruptRequested,
    SayRequested,
    SessionAwaited,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    SettingsChanged,
    SpeechAborted,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import (
    AnswerGivenUp,
    CallsRequested,
    CancelResponse,
    ClearAudio,
    CommitAudio,
    CreateItem,
    CreateResponse,
    DeleteItem,
    EndPlay,
    Output,
    Play,
    ResumeTurnDetection,
    StopPlayback,
    TruncateItem,
)
from rtaudio_daemon.dialogue.settings import DialogueSettings
from rtaudio_daemon.notifications import (
    AudioPart,
    ErrorReported,
    Heard,
    Interruption,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    SpeechNoticed,
)
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity
from tests.dialogue import events

from .talk import (
    GATE_CLOSED,
    GATE_OPENED,
    IDLE,
    LISTENING,
    PART,
    SECOND,
    SPEAKING,
    STARTED,
    STOPPED,
    THINKING,
    Talk,
    answer_heard,
    commands,
    created,
    done,
    message,
    opened,
    say,
)


def test_a_voice_turn_goes_from_idle_over_listening_thinking_and_speaking_back_to_idle() -> None:
    talk = opened()
    assert talk.tell(GATE_OPENED) == [SpeechNoticed("started", "local")]
    assert talk.tell(STARTED) == [SpeechNoticed("started", "service")]
    assert talk.tell(STOPPED) == [SpeechNoticed("stopped", "service")]
    assert talk.tell(wire.InputCommitted("item_0"), created("resp_1")) == []
    assert talk.tell(wire.AudioDelta(PART, SECOND)) == [Play(PART, SECOND)]
    assert talk.tell(wire.AudioDone(PART)) == [EndPlay(PART)]
    assert talk.tell(done("resp_1", "completed")) == []
    assert talk.status is THINKING, "generated, but nothing is heard yet"
    talk.tell(PlaybackStarted())
    talk.tell(PlaybackFinished())
    assert talk.statuses == [LISTENING, THINKING, SPEAKING, IDLE]


def test_speaking_lasts_until_the_sound_ends_not_until_the_response_is_done() -> None:
    talk = answer_heard(opened())
    assert talk.status is SPEAKING
    talk.tell(PlaybackFinished())
    assert talk.status is IDLE


def test_a_starved_queue_is_not_the_end_of_the_answer() -> None:
    talk = answer_heard(opened(), generated=False)
    talk.tell(PlaybackFinished())
    assert talk.status is THINKING, "more is on its way"


def test_the_same_start_of_speech_twice_is_told_once() -> None:
    talk = opened()
    talk.tell(STARTED)
    assert talk.tell(STARTED) == []


def test_a_noise_that_only_the_gate_took_for_speech_ends_in_idle() -> None:
    talk = opened()
    talk.tell(GATE_OPENED)
    assert talk.tell(GATE_CLOSED) == [SpeechNoticed("stopped", "local")]
    assert talk.tell(GATE_CLOSED) == []
    assert talk.statuses == [LISTENING, IDLE]


def test_a_second_end_of_speech_from_the_service_does_not_start_thinking_again() -> None:
    talk = opened()
    talk.tell(STARTED, STOPPED, created("resp_1"))
    talk.tell(done("resp_1", "completed"), STOPPED)
    assert talk.status is IDLE


def test_a_commit_without_speech_events_is_enough_to_think() -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"))
    assert talk.status is THINKING
    silent = opened(replies=False)
    silent.tell(wire.InputCommitted("item_0"))
    assert silent.status is IDLE


def test_what_was_aborted_and_is_committed_all_the_same_is_deleted_and_not_answered() -> None:
    talk = opened()
    talk.tell(GATE_OPENED, STARTED, STOPPED)
    talk.tell(SpeechAborted())
    assert talk.tell(wire.InputCommitted("item_0")) == [DeleteItem("item_0")]
    assert talk.status is IDLE
    assert talk.tell(created("resp_1")) == [CancelResponse("resp_1")]
    talk.tell(done("resp_1", "cancelled"))
    assert talk.tell(wire.InputCommitted("item_1")) == []
    assert talk.status is THINKING, "the next turn is answered"


def test_what_was_aborted_is_forgotten_when_the_service_hears_another_turn() -> None:
    talk = opened()
    talk.tell(STARTED, SpeechAborted(), STARTED)
    assert commands(talk.tell(STOPPED, wire.InputCommitted("item_1"))) == []
    assert talk.status is THINKING


def test_a_service_that_does_not_answer_by_itself_is_only_told_to_delete() -> None:
    talk = opened(replies=False)
    talk.tell(STARTED, SpeechAborted())
    assert talk.tell(wire.InputCommitted("item_0")) == [DeleteItem("item_0")]
    assert talk.deadline is None


def test_muting_in_mid_speech_expects_no_answer() -> None:
    talk = opened()
    talk.tell(GATE_OPENED, STARTED, SpeechAborted())
    assert talk.status is IDLE


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_a_failed_answer_ends_thinking_and_is_told(status: str) -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    told = talk.tell(done("resp_1", status, "content_filter", "No."))
    assert told == [ErrorReported("service", "content_filter", "No.")]
    assert talk.status is IDLE
    talk.tell(created("resp_2"))
    told = talk.tell(done("resp_2", status))
    assert told == [ErrorReported("service", status, f"the answer ended {status}")]


def test_an_empty_answer_ends_thinking_silently() -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    assert talk.tell(done("resp_1", "completed")) == []
    assert talk.status is IDLE


def test_an_answer_that_ends_without_ever_having_begun_ends_thinking() -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), done("resp_1", "completed"))
    assert talk.status is IDLE


def test_a_second_turn_that_is_expected_survives_the_end_of_the_first_answer() -> None:
    talk = answer_heard(opened(), generated=False)
    talk.tell(STARTED, PlaybackStopped((Heard(PART, 500),)))
    talk.tell(STOPPED)
    talk.tell(done("resp_1", "cancelled", "turn_detected"))
    assert talk.status is THINKING


def test_an_answer_may_begin_with_its_first_sound() -> None:
    talk = opened()
    assert talk.tell(wire.AudioDelta(PART, SECOND)) == [Play(PART, SECOND)]
    assert talk.status is THINKING
    assert talk.tell(done("resp_1", "completed")) == [EndPlay(PART)]


def test_stragglers_of_an_ended_answer_are_ignored() -> None:
    talk = opened()
    talk.tell(created("resp_1"), done("resp_1", "completed"))
    told = talk.tell(
        wire.AudioDelta(PART, SECOND),
        wire.AudioDone(PART),
        done("resp_1", "failed"),
    )
    assert told == []
    assert talk.status is IDLE


# ------------------------------------------------------------------ barge-in


def test_speech_over_an_answer_stops_it_and_tells_the_service_how_much_was_heard() -> None:
    talk = answer_heard(opened())
    assert commands(talk.tell(GATE_OPENED)) == [StopPlayback()]
    told = talk.tell(PlaybackStopped((Heard(PART, 400),)))
    assert told == [TruncateItem("item_1", 0, 400), Interruption("item_1", 400, 100)]
    assert talk.status is LISTENING


@pytest.mark.parametrize("barge_in", [True, False])
def test_who_is_not_done_when_an_answer_begins_interrupts_it_where_speech_may(
    barge_in: bool,
) -> None:
    talk = opened(local_turns=True, replies=False, barge_in=barge_in)
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), GATE_OPENED)
    told = talk.tell(PlaybackStarted(), GATE_CLOSED)
    assert (StopPlayback() in told) is barge_in
    assert CommitAudio() in told
    assert CreateResponse() not in told, "one at a time"
    assert CreateResponse() in talk.tell(done("resp_1", "completed"))


def test_an_interruption_takes_until_the_room_is_silent() -> None:
    talk = answer_heard(opened())
    talk.tell(GATE_OPENED)
    told = talk.tell(PlaybackStopped((Heard(PART, 400),), silent_in_ms=50))
    assert told[-1] == Interruption("item_1", 400, 150)


def test_speech_over_a_growing_answer_does_not_cancel_where_the_service_does_it_itself() -> None:
    talk = answer_heard(opened(), generated=False)
    assert commands(talk.tell(STARTED)) == [StopPlayback()]
    assert talk.tell(wire.AudioDelta(PART, SECOND)) == [], "late sound is dropped"
    told = talk.tell(done("resp_1", "cancelled", "turn_detected"))
    assert told == [EndPlay(PART)]


def test_speech_over_a_growing_answer_cancels_it_where_the_service_does_not() -> None:
    talk = answer_heard(opened(service_cancels=False), generated=False)
    told = commands(talk.tell(GATE_OPENED, STARTED))
    assert told == [CancelResponse("resp_1"), StopPlayback()]


def test_a_service_that_truncates_by_itself_is_not_told() -> None:
    talk = answer_heard(opened(truncation="service"))
    talk.tell(STARTED)
    assert commands(talk.tell(PlaybackStopped((Heard(PART, 400),)))) == []


def test_a_cough_while_thinking_does_not_kill_the_answer_but_real_speech_does() -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"), GATE_OPENED)
    assert talk.tell(wire.AudioDelta(PART, SECOND)) == [Play(PART, SECOND)]
    assert commands(talk.tell(STARTED)) == [StopPlayback()]


def test_an_answer_of_which_nothing_was_heard_is_deleted() -> None:
    talk = answer_heard(opened())
    talk.tell(STARTED)
    told = talk.tell(PlaybackStopped((Heard(PART, 0),)))
    assert commands(told) == [DeleteItem("item_1")]


def test_truncation_never_exceeds_what_was_received() -> None:
    talk = answer_heard(opened(), generated=False)
    talk.tell(STARTED)
    told = talk.tell(PlaybackStopped((Heard(PART, 5000),)))
    assert commands(told) == [TruncateItem("item_1", 0, 1000)]


def test_an_answer_heard_whole_is_not_truncated() -> None:
    talk = answer_heard(opened())
    talk.tell(STARTED)
    assert commands(talk.tell(PlaybackStopped((Heard(PART, 1000),)))) == []


def test_an_answer_that_ended_just_before_it_was_stopped_is_no_interruption() -> None:
    talk = answer_heard(opened())
    talk.tell(STARTED, PlaybackFinished())
    assert talk.tell(PlaybackStopped()) == []


def test_parts_of_several_answers_are_each_told_where_they_stopped() -> None:
    talk = answer_heard(opened())
    other = AudioPart("resp_2", "item_2", 0)
    talk.tell(created("resp_2"), wire.AudioDelta(other, SECOND), wire.AudioDone(other))
    talk.tell(done("resp_2", "completed"), STARTED)
    told = talk.tell(PlaybackStopped((Heard(PART, 900), Heard(other, 0))))
    assert told == [
        TruncateItem("item_1", 0, 900),
        DeleteItem("item_2"),
        Interruption("item_1", 900, 100),
    ]


def test_the_next_answer_is_not_touched_by_the_stop_of_the_last() -> None:
    talk = answer_heard(opened())
    talk.tell(STARTED, STOPPED, created("resp_2"))
    later = AudioPart("resp_2", "item_2", 0)
    assert talk.tell(wire.AudioDelta(later, SECOND)) == [Play(later, SECOND)]
    told = talk.tell(PlaybackStopped((Heard(PART, 300),)))
    assert commands(told) == [TruncateItem("item_1", 0, 300)]
    talk.tell(PlaybackStarted())
    assert talk.status is SPEAKING


def test_a_stop_is_asked_for_only_once() -> None:
    talk = answer_heard(opened())
    talk.tell(GATE_OPENED)
    assert commands(talk.tell(STARTED, InterruptRequested())) == []


def test_a_late_start_of_playback_after_the_stop_changes_nothing() -> None:
    talk = answer_heard(opened())
    talk.tell(InterruptRequested(), PlaybackStopped((Heard(PART, 10),)), PlaybackStarted())
    assert talk.status is IDLE


LOST = "it was unplugged"


def not_played(words: str = "not played to its end") -> ErrorReported:
    message = f"{words}: the loudspeaker is lost (it was unplugged)"
    return ErrorReported("conversation", "not_played", message)


def test_a_loudspeaker_that_went_away_ends_the_answer_where_it_was_and_that_is_told() -> None:
    talk = answer_heard(opened())
    told = talk.tell(PlaybackStopped((Heard(PART, 250),), lost=LOST))
    assert told == [TruncateItem("item_1", 0, 250), not_played()]
    assert talk.status is IDLE


def test_an_answer_that_found_no_loudspeaker_is_told_once() -> None:
    talk = opened()
    other = AudioPart("resp_1", "item_2", 0)
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), wire.AudioDelta(other, SECOND))
    told = talk.tell(
        PlaybackStopped((Heard(PART, 0),), lost=LOST),
        wire.AudioDelta(other, SECOND),
        PlaybackStopped((Heard(other, 0),), lost=LOST),
        done("resp_1", "cancelled"),
    )
    assert told == [DeleteItem("item_1"), CancelResponse("resp_1"), not_played("not played")]
    assert talk.status is IDLE


def test_an_answer_that_was_handed_out_whole_when_the_loudspeaker_went_is_no_error() -> None:
    talk = answer_heard(opened())
    assert talk.tell(PlaybackStopped((), lost=LOST)) == []
    assert talk.status is IDLE


def test_each_answer_that_the_loudspeaker_took_along_is_told_but_none_that_was_interrupted() -> (
    None
):
    talk = answer_heard(opened())
    other = AudioPart("resp_2", "item_2", 0)
    talk.tell(created("resp_2"), wire.AudioDelta(other, SECOND))
    told = talk.tell(PlaybackStopped((Heard(PART, 900), Heard(other, 0)), lost=LOST))
    assert [step for step in told if isinstance(step, ErrorReported)] == [
        not_played(),
        not_played("not played"),
    ]
    talk = answer_heard(opened())
    talk.tell(InterruptRequested())
    told = talk.tell(PlaybackStopped((Heard(PART, 900),), lost=LOST))
    assert not [step for step in told if isinstance(step, ErrorReported)]


def test_an_answer_that_still_grows_when_the_loudspeaker_goes_away_is_given_up() -> None:
    talk = answer_heard(opened(), generated=False)
    told = talk.tell(PlaybackStopped((Heard(PART, 250),), lost=LOST))
    assert told == [TruncateItem("item_1", 0, 250), CancelResponse("resp_1"), not_played()]
    assert talk.tell(wire.AudioDelta(PART, SECOND), wire.AudioDone(PART)) == []
    assert talk.status is IDLE
    talk.tell(done("resp_1", "cancelled"))
    assert talk.status is IDLE
    assert talk.deadline is None


# -------------------------------------------------------------- requests


def test_an_interrupt_from_outside_cancels_and_silences_everything() -> None:
    talk = answer_heard(opened(), generated=False)
    assert talk.tell(InterruptRequested()) == [CancelResponse("resp_1"), StopPlayback()]
    talk.tell(PlaybackStopped((Heard(PART, 100),)))
    assert talk.status is IDLE, "though the service has not ended its response yet"


def test_an_interrupt_before_the_answer_begins_cancels_it_when_it_does() -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), InterruptRequested())
    assert talk.status is IDLE
    assert talk.tell(created("resp_1")) == [CancelResponse("resp_1")]
    assert talk.tell(wire.AudioDelta(PART, SECOND)) == []
    assert talk.status is IDLE


def test_an_answer_that_was_unwanted_and_never_came_does_not_block_the_next_request() -> None:
    talk = opened(reply_patience_s=5.0, silence_patience_s=5.0)
    talk.tell(wire.InputCommitted("item_0"), InterruptRequested(), SayRequested("hello"))
    talk.now += 5
    assert talk.tell(TimePassed()) == [message("hello"), CreateResponse()]


def test_a_prompt_is_put_into_the_conversation_and_answered() -> None:
    talk = opened()
    assert talk.tell(SayRequested("hello")) == [message("hello"), CreateResponse()]
    assert talk.status is THINKING


def test_an_announcement_is_spoken_as_it_stands_and_never_truncated() -> None:
    talk = opened()
    assert talk.tell(SayRequested("dinner", "verbatim")) == [say("dinner")]
    talk.tell(created("resp_1", SAY_METADATA), wire.AudioDelta(PART, SECOND))
    talk.tell(PlaybackStarted(), STARTED)
    assert commands(talk.tell(PlaybackStopped((Heard(PART, 10),)))) == []


def test_a_request_waits_for_the_answer_and_for_the_speech_before_it() -> None:
    talk = opened()
    talk.tell(created("resp_1"))
    assert talk.tell(SayRequested("hello")) == []
    assert talk.tell(STARTED) == [SpeechNoticed("started", "service")]
    assert commands(talk.tell(done("resp_1", "cancelled"))) == []
    talk.tell(STOPPED, created("resp_2"))
    told = commands(talk.tell(done("resp_2", "completed")))
    assert told == [message("hello"), CreateResponse()]


def test_what_cannot_be_said_is_told() -> None:
    closed = Talk().tell(SayRequested("hello"))
    assert closed == [ErrorReported("conversation", "not_said", "not said: there is no connection")]
    talk = opened()
    talk.tell(created("resp_1"))
    told = talk.tell(*[SayRequested(str(number)) for number in range(17)])
    assert told == [
        ErrorReported("conversation", "not_said", "not said: too much is waiting to be said")
    ]


# ---------------------------------------------------------------- deadlines


def test_an_answer_that_never_comes_is_given_up() -> None:
    talk = opened(reply_patience_s=5.0, silence_patience_s=5.0)
    assert talk.deadline is None
    talk.tell(wire.InputCommitted("item_0"))
    assert talk.deadline == pytest.approx(talk.now + 5)
    assert talk.tell(TimePassed()) == [], "too early"
    talk.now += 5
    assert talk.tell(TimePassed()) == [AnswerGivenUp("no_reply", "no answer came in 5 s")]
    assert talk.status is IDLE
    assert talk.tell(TimePassed()) == []


def test_an_answer_that_stops_growing_is_given_up_and_what_came_of_it_is_played() -> None:
    talk = answer_heard(opened(reply_patience_s=5.0, silence_patience_s=5.0), generated=False)
    talk.now += 5
    assert EndPlay(PART) in talk.tell(TimePassed())
    talk.tell(PlaybackFinished())
    assert talk.status is IDLE


# -------------------------------------------------------------- connection


def test_nothing_is_heard_while_there_is_no_connection() -> None:
    talk = Talk()
    talk.tell(
        GATE_OPENED,
        wire.InputCommitted("item_0"),
        created("resp_1"),
        wire.AudioDelta(PART, SECOND),
        done("resp_1", "failed"),
    )
    assert talk.statuses == []


def test_a_question_is_owed_its_answer_over_a_lost_connection() -> None:
    talk = opened(outage_s=5.0)
    talk.tell(STARTED, STOPPED, created("resp_1"), SessionLost("gone"))
    assert talk.status is THINKING
    talk.now += 5
    why = "not answered: the connection was lost for too long"
    assert talk.tell(TimePassed()) == [AnswerGivenUp("not_answered", why)]
    assert talk.status is IDLE


def test_a_question_is_put_to_the_next_session_once() -> None:
    talk = opened()
    talk.tell(STARTED, STOPPED, created("resp_1"), SessionLost("gone"))
    (history, asked) = talk.tell(SessionOpened(), heard=False)
    assert isinstance(history, CreateItem)
    assert history.item["content"][0]["type"] == "input_audio"
    assert asked == CreateResponse()
    talk.tell(created("resp_2"), wire.AudioDelta(AudioPart("resp_2", "item_2", 0), SECOND))
    assert talk.tell(SessionLost("gone")) == [EndPlay(AudioPart("resp_2", "item_2", 0))]


def test_a_question_that_nobody_knows_is_given_up_when_its_connection_goes() -> None:
    talk = opened()
    talk.tell(created("resp_1"))
    (given_up,) = talk.tell(SessionLost("gone"))
    assert isinstance(given_up, AnswerGivenUp)
    assert talk.status is IDLE


def test_what_had_arrived_is_played_to_its_end_but_its_item_is_not_truncated() -> None:
    talk = answer_heard(opened(), generated=False)
    assert talk.tell(SessionLost("gone")) == [EndPlay(PART)]
    assert talk.status is SPEAKING
    talk.tell(SessionOpened(), STARTED)
    assert commands(talk.tell(PlaybackStopped((Heard(PART, 400),)))) == []


def test_requests_that_waited_are_reported_when_the_connection_goes() -> None:
    talk = opened()
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), SayRequested("hello"))
    assert talk.tell(SessionLost("gone")) == [
        EndPlay(PART),
        ErrorReported("conversation", "not_said", "not said: gone"),
    ]


def test_a_renewed_session_hears_the_turn_again_and_knows_no_item_of_the_old_one() -> None:
    talk = answer_heard(opened(), generated=False)
    talk.tell(STARTED)
    told = talk.tell(SessionRenewed())
    assert told == [EndPlay(PART)]
    assert commands(talk.tell(PlaybackStopped((Heard(PART, 400),)))) == []
    assert talk.tell(STARTED) == [SpeechNoticed("started", "service")]


def test_another_service_may_work_otherwise() -> None:
    talk = opened()
    other = DialogueSettings(service_cancels=False, truncation="service", replies=False)
    talk.tell(SettingsChanged(other))
    talk.tell(wire.InputCommitted("item_0"))
    assert talk.status is IDLE, "it does not answer unasked"
    answer_heard(talk, generated=False)
    told = commands(talk.tell(STARTED))
    assert told == [CancelResponse("resp_1"), StopPlayback()]
    assert commands(talk.tell(PlaybackStopped((Heard(PART, 400),)))) == []


def test_where_we_end_the_turns_silence_hands_the_turn_over_and_asks_for_an_answer() -> None:
    talk = opened(local_turns=True, replies=False, service_cancels=False)
    talk.tell(GATE_OPENED)
    assert talk.tell(GATE_CLOSED) == [
        SpeechNoticed("stopped", "local"),
        CommitAudio(),
        CreateResponse(),
    ]
    talk.tell(wire.InputCommitted("item_0"))
    answer_heard(talk)
    talk.tell(PlaybackFinished())
    assert talk.statuses == [LISTENING, THINKING, SPEAKING, IDLE]


def test_where_we_end_the_turns_speech_over_an_answer_interrupts_it() -> None:
    talk = opened(local_turns=True, replies=False, service_cancels=False)
    answer_heard(talk, generated=False)
    assert commands(talk.tell(GATE_OPENED)) == [CancelResponse("resp_1"), StopPlayback()]


def test_where_we_end_the_turns_an_answer_to_half_of_what_is_said_is_stopped_at_once() -> None:
    talk = opened(local_turns=True, replies=False, service_cancels=False)
    talk.tell(created("resp_1"), GATE_OPENED, wire.AudioDelta(PART, SECOND))
    assert talk.tell(PlaybackStarted()) == [CancelResponse("resp_1"), StopPlayback()]
    talk.tell(PlaybackStopped((Heard(PART, 20),)))
    assert commands(talk.tell(GATE_CLOSED)) == [CommitAudio()]
    assert talk.tell(done("resp_1", "cancelled")) == [CreateResponse()]


def test_where_we_end_the_turns_what_is_said_while_thinking_is_answered_once_and_together() -> None:
    talk = opened(local_turns=True, replies=False, service_cancels=False)
    for _ in range(3):
        talk.tell(GATE_OPENED, GATE_CLOSED)
    assert commands(talk.tell(created("resp_1"))) == [CancelResponse("resp_1")]
    assert talk.tell(done("resp_1", "cancelled")) == [CreateResponse()]
    assert talk.tell(created("resp_2"), done("resp_2", "completed")) == []
    assert talk.status is IDLE


# ------------------------------------------------ turns by the gate, and no session


def by_the_gate() -> Talk:
    return Talk(local_turns=True, replies=False, service_cancels=False, outage_s=5.0)


def test_where_we_end_the_turns_what_is_said_before_there_is_a_session_waits_for_it() -> None:
    talk = by_the_gate()
    assert talk.tell(GATE_OPENED) == [SpeechNoticed("started", "local")]
    assert talk.status is LISTENING
    assert talk.tell(GATE_CLOSED) == [SpeechNoticed("stopped", "local")]
    assert talk.status is THINKING
    assert talk.tell(SessionOpened()) == [CommitAudio(), CreateResponse()]
    assert talk.tell(wire.InputCommitted("item_0"), created("resp_1")) == []


def test_where_we_end_the_turns_what_is_being_said_when_the_session_comes_goes_on() -> None:
    talk = by_the_gate()
    talk.tell(GATE_OPENED, GATE_CLOSED, GATE_OPENED)
    assert talk.tell(SessionOpened()) == []
    assert talk.status is LISTENING
    assert commands(talk.tell(GATE_CLOSED)) == [CommitAudio(), CreateResponse()]


def test_where_we_end_the_turns_one_whose_session_goes_is_handed_to_the_next() -> None:
    talk = by_the_gate()
    talk.tell(SessionOpened(), GATE_OPENED, SessionLost("gone"))
    assert talk.status is LISTENING
    assert commands(talk.tell(GATE_CLOSED)) == []
    assert talk.tell(SessionOpened()) == [CommitAudio(), CreateResponse()]
    assert talk.statuses == [LISTENING, THINKING]


def test_a_turn_whose_session_goes_waits_from_then_on_and_not_for_ever() -> None:
    talk = by_the_gate()
    talk.tell(SessionOpened(), GATE_OPENED)
    talk.now += 20
    talk.tell(SessionLost("gone"))
    lost_at = talk.now
    assert talk.deadline is None
    talk.tell(GATE_CLOSED)
    assert talk.deadline == pytest.approx(lost_at + 5)
    assert talk.tell(TimePassed()) == [], "too early"
    talk.now += 5
    why = "not answered: there was no connection for too long"
    assert talk.tell(TimePassed()) == [
        ClearAudio(),
        AnswerGivenUp("not_answered", why),
    ]
    assert talk.statuses == [LISTENING, THINKING, IDLE]
    assert talk.deadline is None
    assert talk.tell(SessionOpened()) == []


def test_a_turn_of_which_the_session_has_heard_nothing_is_told_and_not_handed_over() -> None:
    talk = by_the_gate()
    talk.tell(GATE_OPENED, GATE_CLOSED)
    why = "not answered: the connection came too late for what was said"
    assert talk.tell(SessionOpened(), heard=False) == [
        ClearAudio(),
        AnswerGivenUp("not_answered", why),
    ]
    assert talk.statuses == [LISTENING, THINKING, IDLE]


@pytest.mark.parametrize(
    ("end", "told"), [(SpeechAborted(), []), (InterruptRequested(), [ClearAudio()])]
)
def test_a_turn_by_the_gate_that_is_taken_back_is_not_handed_over(
    end: Input, told: list[Output]
) -> None:
    talk = by_the_gate()
    talk.tell(GATE_OPENED, GATE_CLOSED)
    assert talk.tell(end) == told
    assert talk.status is IDLE
    assert talk.tell(SessionOpened()) == []


def test_a_button_that_is_pressed_while_a_turn_by_the_gate_waits_has_its_own_patience() -> None:
    talk = by_the_gate()
    talk.tell(GATE_OPENED, GATE_CLOSED, ButtonPressed(), ButtonReleased())
    assert talk.deadline == pytest.approx(0.3 + 10)
    assert talk.tell(SessionOpened()) == [CommitAudio(), CreateResponse()]


def test_where_the_service_ends_the_turns_one_that_it_has_not_told_of_is_not_kept() -> None:
    talk = opened()
    talk.tell(GATE_OPENED, SessionLost("gone"))
    assert talk.status is IDLE
    assert talk.tell(GATE_CLOSED, SessionOpened()) == []


def test_another_service_may_leave_the_end_of_the_turns_to_us_and_keep_nothing() -> None:
    talk = Talk()
    by_us = DialogueSettings(service_cancels=False, replies=False, local_turns=True, outage_s=0.0)
    talk.tell(SettingsChanged(by_us))
    talk.tell(GATE_OPENED, GATE_CLOSED)
    assert [type(step) for step in talk.tell(TimePassed())] == [ClearAudio, AnswerGivenUp]


# ------------------------------------------------------------------ push to talk, urgency


def test_the_button_makes_a_turn_and_asks_for_its_answer_once() -> None:
    talk = opened()
    assert talk.tell(ButtonPressed()) == [SpeechNoticed("started", "local")]
    assert talk.status is LISTENING
    assert talk.tell(ButtonReleased()) == [
        SpeechNoticed("stopped", "local"),
        CommitAudio(),
        CreateResponse(),
    ]
    assert talk.status is THINKING
    assert talk.tell(wire.InputCommitted("item_0"), created("resp_1")) == []
    assert talk.tell(done("resp_1", "completed")) == []
    assert talk.status is IDLE


def test_the_button_silences_everything_and_its_answer_waits_for_the_service() -> None:
    talk = answer_heard(opened(), generated=False)
    assert talk.tell(ButtonPressed()) == [
        SpeechNoticed("started", "local"),
        CancelResponse("resp_1"),
        StopPlayback(),
    ]
    talk.tell(PlaybackStopped((Heard(PART, 200),)))
    assert commands(talk.tell(ButtonReleased())) == [CommitAudio()]
    assert talk.tell(wire.InputCommitted("item_0")) == []
    assert talk.tell(done("resp_1", "cancelled")) == [CreateResponse()]


def test_what_was_said_before_the_button_was_pressed_is_no_turn_and_ends_none() -> None:
    talk = opened()
    talk.tell(STARTED, ButtonPressed())
    assert talk.tell(STOPPED) == []
    assert talk.status is LISTENING
    assert talk.tell(wire.InputCommitted("item_0")) == [DeleteItem("item_0")]
    assert commands(talk.tell(created("resp_1"))) == [CancelResponse("resp_1")]
    assert commands(talk.tell(ButtonReleased())) == [CommitAudio()]
    assert talk.tell(done("resp_1", "cancelled")) == [CreateResponse()]


def test_a_button_that_was_not_pressed_does_nothing() -> None:
    assert Talk().tell(ButtonReleased()) == []
    assert opened().tell(ButtonReleased()) == []


def test_a_turn_by_button_waits_for_its_session() -> None:
    talk = Talk()
    assert talk.tell(ButtonPressed(), ButtonReleased()) == [
        SpeechNoticed("started", "local"),
        SpeechNoticed("stopped", "local"),
    ]
    assert talk.status is THINKING
    assert talk.tell(SessionOpened()) == [CommitAudio(), CreateResponse()]
    assert talk.tell(wire.InputCommitted("item_0"), created("resp_1")) == []


def test_a_turn_by_button_goes_on_when_it_is_pressed_again_or_its_session_comes() -> None:
    talk = Talk()
    talk.tell(ButtonPressed(), ButtonReleased(), ButtonPressed())
    assert talk.status is LISTENING
    assert talk.tell(SessionOpened()) == []
    assert talk.status is LISTENING
    assert commands(talk.tell(ButtonReleased())) == [CommitAudio(), CreateResponse()]


@pytest.mark.parametrize(
    "end", [SpeechAborted(), InterruptRequested(), SessionAwaited(False, "gone")]
)
def test_a_turn_by_button_that_is_taken_back_is_not_handed_over(end: Input) -> None:
    talk = Talk()
    talk.tell(ButtonPressed(), ButtonReleased(), end)
    assert talk.status is IDLE
    assert talk.tell(SessionOpened()) == []


def test_what_is_urgent_interrupts_and_goes_first() -> None:
    talk = opened()
    talk.tell(SayRequested("one"), SayRequested("two"))
    assert talk.tell(SayRequested("fire", "verbatim", urgent=True)) == []
    assert talk.tell(created("resp_1")) == [CancelResponse("resp_1")]
    assert talk.tell(done("resp_1", "cancelled")) == [say("fire")]
    talk.tell(created("resp_2"))
    last = talk.tell(done("resp_2", "completed"))
    assert last == [message("two"), CreateResponse()]


def test_an_announcement_to_be_remembered_becomes_words_of_the_assistant() -> None:
    assert opened().tell(SayRequested("dinner", "verbatim", remember=True)) == [
        say("dinner"),
        message("dinner", "assistant"),
    ]


def test_too_many_requests_are_told_before_they_are_made() -> None:
    talk = opened()
    assert not talk.mind.full
    talk.tell(*[SayRequested(str(number)) for number in range(17)])
    assert talk.mind.full


# ------------------------------------------------------------ function calls

WEATHER = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "weather")


def calls_of(steps: Iterable[Output]) -> list[str]:
    batches = [step.calls for step in steps if isinstance(step, CallsRequested)]
    return [call.call_id for batch in batches for call in batch]


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_call_that_nobody_can_answer_is_reported_if_it_was_complete(status: str) -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    nameless = replace(WEATHER, call_id="")
    steps = talk.tell(wire.ResponseDone("resp_1", status, "", None, (nameless,), {}))
    codes = [step.code for step in steps if isinstance(step, AnswerGivenUp)]
    assert codes == (["not_answered"] if status == "completed" else [])
    assert talk.status is IDLE


@pytest.mark.parametrize("status", ["incomplete", "failed", "cancelled"])
def test_a_call_that_took_long_to_write_and_was_not_finished_ends_in_idle(status: str) -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    talk.tell(wire.ItemReported(WEATHER, "resp_1", done=False))
    talk.now += 20.0
    talk.tell(TimePassed())
    talk.tell(wire.CallArgumentsDone("resp_1", "item_c", "call_1", "weather", "{}"))
    assert calls_of(talk.tell(done("resp_1", status))) == []
    assert talk.status is IDLE
    assert talk.deadline is None


def test_calls_of_an_answer_that_ends_without_an_id_are_made() -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    talk.tell(wire.ItemReported(WEATHER, "resp_1", done=True))
    assert calls_of(talk.tell(done("", "completed"))) == ["call_1"]
    talk.tell(CallAnswered("call_1", "sunny"))
    talk.tell(created("resp_2"), done("resp_2", "completed"))
    assert talk.status is IDLE


def test_calls_of_answers_that_never_have_an_id_are_made() -> None:
    talk = opened()
    for call_id in ("call_1", "call_2"):
        talk.tell(wire.InputCommitted("item_0"), created(""))
        talk.tell(wire.CallArgumentsDone("", "item_c", call_id, "weather", "{}"))
        assert calls_of(talk.tell(done("", "completed"))) == [call_id]
        talk.tell(CallAnswered(call_id, "sunny"), created(""), done("", "completed"))
        assert talk.status is IDLE


# ------------------------------------------- results that need no answer, or take long

TOLD = message("Say that it takes a moment.", "system")


def test_a_result_that_needs_no_answer_gets_none() -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    talk.tell(wire.ItemReported(WEATHER, "resp_1", done=True), done("resp_1", "completed"))
    told = commands(talk.tell(CallAnswered("call_1", "good", silent=True)))
    assert [type(each) for each in told] == [CreateItem]
    assert talk.status is IDLE
    assert talk.deadline is None


def test_one_call_of_two_that_needs_an_answer_gets_it_for_both() -> None:
    talk = opened()
    second = replace(WEATHER, id="item_d", call_id="call_2")
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    for item in (WEATHER, second):
        talk.tell(wire.ItemReported(item, "resp_1", done=True))
    talk.tell(done("resp_1", "completed"), CallAnswered("call_1", "good", silent=True))
    assert CreateResponse() in talk.tell(CallAnswered("call_2", "sunny"))


def test_while_calls_take_long_the_model_may_say_so_and_call_nothing() -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    talk.tell(wire.ItemReported(WEATHER, "resp_1", done=True), done("resp_1", "completed"))
    note = CallsTakeLong(("call_1",), "Say that it takes a moment.")
    assert commands(talk.tell(note)) == [TOLD, CreateResponse({"tool_choice": "none"})]
    talk.tell(created("resp_2"), done("resp_2", "completed"))
    assert talk.status is THINKING, "the call is still to come"
    assert CreateResponse() in talk.tell(CallAnswered("call_1", "sunny"))


@pytest.mark.parametrize(
    "since", [STARTED, InterruptRequested(), CallAnswered("call_1", "sunny"), SessionLost("gone")]
)
def test_nobody_is_told_that_calls_take_long_which_nobody_waits_for(since: Input) -> None:
    talk = opened()
    talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    talk.tell(wire.ItemReported(WEATHER, "resp_1", done=True), done("resp_1", "completed"), since)
    assert TOLD not in talk.tell(CallsTakeLong(("call_1",), "Say that it takes a moment."))


def call_again(talk: Talk, number: int) -> list[Output]:
    """An answer that only calls, and the result."""
    item = replace(WEATHER, call_id=f"call_{number}")
    talk.tell(created(f"resp_{number}"), wire.ItemReported(item, f"resp_{number}", done=True))
    talk.tell(done(f"resp_{number}", "completed"))
    return talk.tell(CallAnswered(f"call_{number}", "sunny"))


def test_after_three_rounds_of_calls_the_model_must_answer_and_the_next_question_may_call() -> None:
    talk = opened(call_rounds_most=3)
    talk.tell(wire.InputCommitted("item_0"))
    told = [call_again(talk, number) for number in (1, 2, 3)]
    asked = [each.settings for step in told for each in step if isinstance(each, CreateResponse)]
    assert asked == [None, None, {"tool_choice": "none"}]
    last = call_again(talk, 4)
    assert not any(isinstance(each, CreateResponse) for each in last)
    assert any(isinstance(each, AnswerGivenUp) for each in last)
    assert talk.status is IDLE
    talk.tell(STARTED, STOPPED, wire.InputCommitted("item_0"))
    assert CreateResponse() in call_again(talk, 5)


def test_rounds_are_counted_for_each_question_while_calls_of_another_are_open() -> None:
    talk = opened(call_rounds_most=3)
    for number in range(1, 6):
        told = talk.tell(SayRequested("another question"))
        assert CreateResponse() in told
        item = replace(WEATHER, call_id=f"call_{number}")
        talk.tell(created(f"resp_{number}"), wire.ItemReported(item, f"resp_{number}", done=True))
        told = talk.tell(done(f"resp_{number}", "completed"))
        assert [step.round for step in told if isinstance(step, CallsRequested)] == [1]


# ------------------------------------------------------- results and losses

CALL = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "weather")


def asking_for_weather(talk: Talk, response_id: str = "resp_1") -> Talk:
    """The user asked something, and the answer is a function call."""
    talk.tell(*events.user(1, "Weather?"), wire.InputCommitted("user_1"), created(response_id))
    talk.tell(wire.ResponseDone(response_id, "completed", "", None, (CALL,), {}))
    assert talk.status is THINKING
    return talk


def test_a_result_that_comes_while_there_is_no_session_is_answered_by_the_next() -> None:
    talk = asking_for_weather(opened(outage_s=5.0))
    talk.tell(SessionLost("gone"))
    assert commands(talk.tell(CallAnswered("call_1", "sunny"))) == []
    assert talk.status is THINKING
    items = [each for each in talk.tell(SessionOpened()) if isinstance(each, CreateItem)]
    assert items[-1].item["output"] == "sunny"
    assert talk.status is THINKING


def test_a_result_for_which_no_session_comes_is_reported_once() -> None:
    talk = asking_for_weather(opened(outage_s=5.0))
    talk.tell(SessionLost("gone"), CallAnswered("call_1", "sunny"))
    assert talk.deadline is not None
    talk.now = talk.deadline
    given_up = "not answered: the connection was lost for too long"
    assert talk.tell(TimePassed()) == [AnswerGivenUp("not_answered", given_up)]
    assert talk.status is IDLE
    assert talk.deadline is None


def test_a_question_waits_for_a_session_from_its_loss_on_not_from_the_latest_result() -> None:
    talk = asking_for_weather(opened(outage_s=5.0))
    talk.tell(AnswerRequested(), created("resp_2"), SessionLost("gone"))
    deadline = talk.deadline
    assert deadline is not None
    talk.tell(CallAnswered("call_1", "sunny"))
    assert talk.deadline == deadline


def test_whoever_asked_for_silence_gets_no_answer_to_the_results_that_come_later() -> None:
    talk = asking_for_weather(opened())
    talk.tell(InterruptRequested())
    told = talk.tell(CallAnswered("call_1", "sunny"))
    assert [type(each) for each in told] == [CreateItem], "the model knows it, and says nothing"
    assert talk.status is IDLE


def test_an_answer_that_nobody_waits_for_any_more_is_not_asked_for_again() -> None:
    talk = opened(outage_s=5.0)
    talk.tell(*events.user(1, "Weather?"), wire.InputCommitted("user_1"), AnswerRequested())
    talk.tell(SessionLost("gone"))
    assert talk.status is THINKING
    talk.tell(AnswerDropped(), AnswerDropped())
    assert talk.status is IDLE
    told = talk.tell(SessionOpened())
    assert not [each for each in told if isinstance(each, CreateResponse | AnswerGivenUp)]


def test_a_refused_turn_whose_answer_nobody_waits_for_is_not_reported() -> None:
    talk = opened()
    (commit,) = [
        each
        for each in talk.tell(ButtonPressed(), ButtonReleased())
        if isinstance(each, CommitAudio)
    ]
    talk.tell(AnswerDropped())
    refused = wire.ServiceErrorReported("empty", "", "No.", commit.event_id, Severity.BENIGN)
    assert not [each for each in talk.tell(refused) if isinstance(each, AnswerGivenUp)]


def test_what_is_to_be_said_is_given_up_when_no_session_will_come() -> None:
    talk = Talk()
    talk.tell(SessionAwaited(True), SayRequested("hello"))
    assert talk.status is THINKING
    refused = ErrorReported("conversation", "not_said", "not said: the key is wrong")
    assert talk.tell(SessionAwaited(False, "the key is wrong")) == [refused]
    assert talk.status is IDLE


def test_a_turn_of_which_nothing_is_left_when_the_session_comes_is_reported() -> None:
    talk = by_the_gate()
    talk.tell(SessionAwaited(True), GATE_OPENED, GATE_CLOSED)
    too_late = "not answered: the connection came too late for what was said"
    assert AnswerGivenUp("not_answered", too_late) in talk.tell(SessionOpened(), heard=False)
    assert talk.status is IDLE


def test_arguments_of_an_answer_without_a_name_begin_none() -> None:
    talk = opened()
    assert talk.tell(wire.CallArgumentsDone("", "item_c", "call_1", "weather", "{}")) == []
    assert talk.status is IDLE


def test_an_interruption_of_which_the_loudspeaker_knows_nothing_is_reported_all_the_same() -> None:
    talk = answer_heard(opened())
    talk.tell(STARTED)
    (report,) = [each for each in talk.tell(PlaybackStopped(())) if isinstance(each, Interruption)]
    assert (report.item_id, report.audio_end_ms) == (None, 0)


def test_results_of_a_question_before_are_known_to_the_answer_that_comes_anyway() -> None:
    talk = asking_for_weather(opened())
    talk.tell(STARTED, STOPPED, wire.InputCommitted("user_2"))
    told = talk.tell(CallAnswered("call_1", "sunny"))
    assert [type(each) for each in told] == [CreateItem], "the service answers by itself"
    assert talk.status is THINKING


def test_what_is_to_be_said_is_given_up_when_a_hoped_for_session_takes_too_long() -> None:
    talk = Talk()
    talk.tell(SessionAwaited(True), SayRequested("hello"))
    assert talk.deadline is not None
    talk.now = talk.deadline
    why = "not said: there was no connection for too long"
    assert talk.tell(TimePassed()) == [ErrorReported("conversation", "not_said", why)]
    assert talk.status is IDLE


# ------------------------------------------------------------------ found by random stories

CALL = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "weather")


def calling(talk: Talk) -> Talk:
    """A question whose answer calls a function."""
    talk.tell(STARTED, STOPPED, wire.InputCommitted("item_0"), created("resp_1"))
    talk.tell(wire.ResponseDone("resp_1", "completed", "", None, (CALL,), {}))
    return talk


def test_a_button_that_is_held_stays_held_over_a_lost_session() -> None:
    talk = opened()
    talk.tell(ButtonPressed())
    talk.tell(SessionLost("gone"))
    assert talk.status is LISTENING
    assert talk.deadline == pytest.approx(talk.now + 10)
    talk.tell(SessionOpened())
    assert talk.status is LISTENING
    assert commands(talk.tell(ButtonReleased())) == [CommitAudio(), CreateResponse()]


def test_a_turn_by_button_that_is_over_while_the_session_is_away_is_answered_by_the_next() -> None:
    talk = opened()
    talk.tell(ButtonPressed(), SessionLost("gone"), ButtonReleased())
    assert talk.status is THINKING
    assert commands(talk.tell(SessionOpened())) == [CommitAudio(), CreateResponse()]


def test_an_aborted_turn_by_button_lets_the_service_detect_turns_again() -> None:
    talk = opened()
    talk.tell(ButtonPressed())
    talk.now += 0.1
    assert ResumeTurnDetection() in talk.mind.handle(SpeechAborted(), talk.now)


def test_a_question_that_only_waits_is_not_overdue() -> None:
    talk = opened()
    talk.now += 100
    talk.tell(STARTED, AnswerRequested(after_speech=True))
    assert talk.tell(TimePassed()) == []


def test_a_result_is_repeated_behind_its_call_also_to_a_third_session() -> None:
    talk = calling(opened())
    talk.tell(SessionLost("gone"), SessionOpened(), CallAnswered("call_1", "sunny"))
    made = replace(CALL, id="item_d")
    talk.tell(wire.ItemReported(made, "", done=True), created("resp_2"), SessionLost("gone"))
    items = [step.item for step in talk.tell(SessionOpened()) if isinstance(step, CreateItem)]
    kinds = [item["type"] for item in items]
    assert kinds[-2:] == ["function_call", "function_call_output"]


def test_an_answer_outside_the_conversation_that_never_begins_keeps_nothing_busy() -> None:
    talk = opened()
    talk.tell(AnswerRequested({"conversation": "none"}, outside=True))
    assert not talk.mind.quiet
    talk.now += 15
    assert talk.tell(TimePassed()) == []
    assert talk.mind.quiet


def test_a_prompt_whose_session_goes_is_owed_and_not_called_unsaid() -> None:
    talk = opened()
    (prompt, _) = talk.tell(SayRequested("Greet me"))
    assert isinstance(prompt, CreateItem)
    said = wire.Item("item_p", "user", "Greet me", False, "completed", "", "")
    talk.tell(wire.ItemReported(said, "", done=True), created("resp_1"))
    assert talk.tell(SessionLost("gone")) == []
    assert CreateResponse() in talk.tell(SessionOpened(), heard=False)


def test_an_announcement_whose_session_goes_before_its_first_sound_is_reported() -> None:
    talk = opened()
    talk.tell(SayRequested("dinner", "verbatim"), created("resp_1", SAY_METADATA))
    assert talk.tell(SessionLost("gone")) == [
        ErrorReported("conversation", "not_said", "not said: gone")
    ]


def test_a_late_result_after_closing_on_purpose_asks_for_nothing() -> None:
    talk = calling(opened())
    talk.tell(SessionLost("closed", closing=True), CallAnswered("call_1", "sunny"))
    assert talk.status is IDLE


def test_a_turn_that_does_not_count_and_has_no_id_cannot_be_deleted() -> None:
    talk = opened()
    talk.tell(STARTED, SpeechAborted())
    assert talk.tell(wire.InputCommitted("")) == []


def test_speech_that_the_service_hears_of_what_was_taken_back_is_nobodys() -> None:
    """Its report and our request to forget the sound crossed."""
    talk = opened()
    talk.tell(SpeechAborted(), wire.InputCleared())  # this service says so
    talk.tell(SpeechAborted())
    assert talk.tell(STARTED) == []
    assert talk.status is IDLE
    steps = talk.tell(wire.InputCommitted("item_0"), created("resp_1"))
    assert steps == [DeleteItem("item_0"), CancelResponse("resp_1")]
    talk.tell(wire.InputCleared(), done("resp_1", "cancelled"), STARTED)
    assert talk.status is LISTENING


@pytest.mark.parametrize("says_so", [True, False])
def test_a_service_that_does_not_report_what_it_forgets_is_listened_to(says_so: bool) -> None:
    talk = opened()
    if says_so:
        talk.tell(SpeechAborted(), wire.InputCleared())
    talk.tell(SpeechAborted())
    talk.now += 2.0 if says_so else 0.0
    talk.tell(STARTED)
    assert talk.status is LISTENING
