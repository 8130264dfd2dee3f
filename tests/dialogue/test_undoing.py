"""What interrupted an answer turns out to be nobody, while something else happens as well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rtaudio_daemon.dialogue.inputs import (
    AskRequested,
    ButtonPressed,
    ButtonReleased,
    CallAnswered,
    ContinueRequested,
    InterruptRequested,
    PlayRequested,
    SayRequested,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    SettingsChanged,
    SoundHeldBack,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import (
    CallsRequested,
    CancelResponse,
    CreateItem,
    CreateResponse,
    DeleteItem,
    EndPlay,
    ListenWithoutWakeWord,
    Play,
    QuestionClosed,
    StopPlayback,
    TruncateItem,
)
from rtaudio_daemon.notifications import (
    AudioPart,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    SpeechNoticed,
    TextSaid,
    Transcript,
)
from rtaudio_daemon.protocol import events as wire

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
    created,
    done,
    message,
    opened,
)
from .test_resuming import (
    COMMITTED,
    NOBODY,
    REST,
    SOUND,
    interrupted,
    of,
    rest_of,
    speaking,
    stopped,
    talk,
)

WORDLESS = wire.UserTranscript("item_0", "…", {})
PLAYS_ON = [Play(PART, rest_of(SOUND, 400)), EndPlay(PART)]


def call(name: str = "weather") -> wire.Event:
    item = wire.Item("item_c", "call", "{}", False, "completed", "call_1", name)
    return wire.ResponseDone("resp_2", "completed", "", None, (item,), {})


def past(one: Talk) -> list[str]:
    """What the next session is given, in words."""
    given = of(CreateItem, one.tell(SessionOpened(), heard=False))
    return [each.item["content"][0].get("text", "a sound") for each in given]


# -------------------------------------------------------------- who interrupted


def test_a_button_is_somebody_although_it_has_no_words() -> None:
    one = speaking()
    one.tell(GATE_OPENED, STARTED, stopped(400))
    one.tell(STOPPED, COMMITTED, created("resp_2"))
    part = AudioPart("resp_2", "item_2", 0)
    one.tell(wire.AudioDelta(part, SOUND), PlaybackStarted(), ButtonPressed(), stopped(300, part))
    one.mind.unsent.sent(SECOND, one.now)
    one.tell(ButtonReleased(), wire.InputCommitted("item_b"))
    assert of(Play, one.tell(wire.UserTranscript("item_b", "", {}))) == []
    assert one.mind.can_continue


def test_noise_long_after_an_answer_was_stopped_by_hand_brings_none_of_it_back() -> None:
    one = speaking()
    one.tell(InterruptRequested(), stopped(400), GATE_OPENED, STARTED)
    one.tell(STOPPED, COMMITTED)
    assert of(Play, one.tell(WORDLESS)) == []
    assert of(Play, one.tell(GATE_OPENED, NOBODY)) == []


def test_who_wants_silence_while_the_loudspeaker_stops_for_noise_gets_it() -> None:
    one, second = answer_heard(opened(service_cancels=False)), AudioPart("resp_1", "item_1", 1)
    one.tell(SettingsChanged(replace(one.mind.settings, resume=True)))
    one.tell(created("resp_1"), wire.AudioDelta(second, SOUND))
    one.tell(STARTED, InterruptRequested(), stopped(0, second))
    assert one.mind.can_continue
    assert of(Play, one.tell(NOBODY)) == []


def test_of_a_sound_file_that_noise_ends_without_a_session_nothing_is_kept() -> None:
    one = speaking()
    one.tell(SessionLost("the line is cut"))
    one.tell(PlayRequested(SOUND), PlaybackFinished(), PlaybackStarted())
    assert of(StopPlayback, one.tell(GATE_OPENED)) == [StopPlayback()]
    one.tell(stopped(400, AudioPart("rtaudio_sound_1", "rtaudio_sound", 0)))
    assert not one.mind.can_continue


@pytest.mark.parametrize("nobody", [True, False])
def test_who_still_speaks_when_an_answer_begins_pauses_it(nobody: bool) -> None:
    one = talk(local_turns=True, replies=False, interruption="us")
    one.tell(GATE_OPENED, created("resp_1"), wire.AudioDelta(PART, SOUND))
    assert of(StopPlayback, one.tell(PlaybackStarted())) == [StopPlayback()]
    one.tell(stopped(40))
    steps = one.tell(NOBODY if nobody else GATE_CLOSED)
    assert of(Play, steps) == ([Play(PART, rest_of(SOUND, 40))] if nobody else [])
    assert of(TruncateItem, steps) == ([] if nobody else [TruncateItem("item_1", 0, 40)])
    assert of(CancelResponse, steps) == ([] if nobody else [CancelResponse("resp_1")])


def test_an_answer_that_begins_while_a_button_is_held_is_over_at_once() -> None:
    one = talk(local_turns=True, replies=False, interruption="us")
    one.tell(ButtonPressed(), created("resp_1"), wire.AudioDelta(PART, SOUND))
    steps = one.tell(PlaybackStarted(), stopped(40))
    assert of(TruncateItem, steps) == [TruncateItem("item_1", 0, 40)]


def test_who_begins_just_before_an_answer_plays_on_pauses_it_again() -> None:
    one = speaking(interruption="us")
    one.tell(GATE_OPENED, stopped(400), NOBODY)
    assert of(StopPlayback, one.tell(GATE_OPENED)) == [], "nothing is heard"
    assert of(StopPlayback, one.tell(PlaybackStarted())) == [StopPlayback()]


def test_without_undo_only_speech_over_what_is_heard_interrupts() -> None:
    one = opened(interruption="us")
    one.tell(GATE_OPENED, created("resp_1"), wire.AudioDelta(PART, SOUND))
    assert of(StopPlayback, one.tell(PlaybackStarted())) == []


def test_a_second_noise_before_the_loudspeaker_has_stopped_for_the_first_is_one_too() -> None:
    one = speaking()
    one.tell(GATE_OPENED, NOBODY)
    assert of(StopPlayback, one.tell(GATE_OPENED)) == [], "it stops already"
    assert of(Play, one.tell(stopped(400))) == []
    assert of(Play, one.tell(NOBODY)) == PLAYS_ON[:1]


def test_an_answer_that_begins_while_the_loudspeaker_stops_can_be_stopped_as_well() -> None:
    one, part = speaking(), AudioPart("resp_2", "item_2", 0)
    one.tell(InterruptRequested(), created("resp_2"), wire.AudioDelta(part, SOUND))
    assert of(StopPlayback, one.tell(InterruptRequested())) == [StopPlayback()]
    assert of(TruncateItem, one.tell(stopped(400))) == [TruncateItem("item_1", 0, 400)]
    assert of(DeleteItem, one.tell(stopped(0, part))) == [DeleteItem("item_2")]


# -------------------------------------------------------------------- more than one


def test_a_cough_that_is_reported_after_it_was_taken_back_is_over_when_forgotten() -> None:
    """It reports in order; the first time nobody knows yet that it reports what it forgets."""
    one = speaking()
    one.tell(GATE_OPENED, stopped(400), NOBODY, PlaybackStarted())
    assert of(StopPlayback, one.tell(STARTED)) == [StopPlayback()]
    one.tell(stopped(100))
    steps = one.tell(wire.InputCleared())
    assert SpeechNoticed("stopped", "service") in steps
    assert of(Play, steps) == [Play(PART, rest_of(SOUND, 490))]
    assert one.tell(TimePassed()) == []
    one.tell(PlaybackStarted(), STARTED, wire.InputCleared())
    assert one.status is SPEAKING, "what it forgets by itself ends what it hears"


def test_two_coughs_in_a_row_are_undone_together() -> None:
    one = interrupted()
    one.tell(created("resp_2"), GATE_OPENED, wire.SpeechStarted("item_9"))
    steps = one.tell(WORDLESS)
    assert of(DeleteItem, steps) == [DeleteItem("item_0")]
    assert of(Play, steps) == [], "not over whoever that is"
    one.tell(STOPPED, wire.InputCommitted("item_9"))
    steps = one.tell(wire.UserTranscript("item_9", "", {}))
    assert of(DeleteItem, steps) == [DeleteItem("item_9")]
    assert of(Play, steps) == [Play(REST, rest_of(SOUND, 500))]


def test_noise_over_the_next_answer_does_not_bring_back_the_one_before_it() -> None:
    one = speaking()
    one.tell(GATE_OPENED, STARTED, stopped(400), STOPPED)  # of which no turn comes
    part = AudioPart("resp_2", "item_2", 0)
    one.tell(created("resp_2"), wire.AudioDelta(part, SOUND), PlaybackStarted())
    one.tell(GATE_OPENED, stopped(300, part))
    assert of(Play, one.tell(NOBODY)) == [Play(part, rest_of(SOUND, 300))]


def test_a_cough_before_a_question_does_not_undo_the_question() -> None:
    one = interrupted()
    one.tell(STARTED, STOPPED, wire.InputCommitted("item_9"), created("resp_2"))
    steps = one.tell(WORDLESS)
    assert steps == [DeleteItem("item_0")]
    assert one.status is THINKING
    steps = one.tell(wire.UserTranscript("item_9", "and then?", {}))
    assert steps == [Transcript("user", "and then?", True, "item_9")]
    part = AudioPart("resp_2", "item_2", 0)
    assert of(Play, one.tell(wire.AudioDelta(part, SOUND))) == [Play(part, SOUND)]


def test_an_item_of_long_silence_is_nobody_who_interrupts() -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(400), wire.InputTimedOut("item_0"))
    assert of(TruncateItem, one.tell(COMMITTED)) == []
    assert of(Play, one.tell(NOBODY)) == PLAYS_ON[:1]


# ------------------------------------------- what was generated, and heard by nobody


def answered(response_id: str, *items: str, status: str = "completed") -> wire.Event:
    output = tuple(
        wire.Item(item_id, "assistant", "five six", False, status, "", "") for item_id in items
    )
    return wire.ResponseDone(response_id, status, "", None, output, {})


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_the_model_does_not_remember_what_it_answered_to_a_cough(status: str) -> None:
    one = interrupted()
    one.tell(created("resp_2"), WORDLESS)
    one.tell(
        wire.ItemReported(
            wire.Item("item_2", "assistant", "", False, "", "", ""), "resp_2", done=False
        )
    )
    assert one.tell(answered("resp_2", "item_2", "", status=status)) == [DeleteItem("item_2")]
    one.tell(SessionLost("gone"))
    assert "five six" not in past(one)


def test_of_an_interrupted_answer_what_came_later_is_not_remembered_either() -> None:
    one = speaking(generated=False)
    one.tell(
        InterruptRequested(), stopped(400), wire.AudioDelta(AudioPart("resp_1", "item_2", 0), SOUND)
    )
    assert of(DeleteItem, one.tell(answered("resp_1", "item_1", "item_2"))) == [
        DeleteItem("item_2")
    ]


def test_where_a_sound_is_of_no_item_none_is_forgotten() -> None:
    one = talk()
    one.tell(created("resp_1"), wire.AudioDelta(AudioPart("resp_1", "", 0), SOUND))
    one.tell(InterruptRequested())
    assert of(DeleteItem, one.tell(answered("resp_1", "item_1"))) == []


def test_what_was_read_of_a_written_answer_is_remembered() -> None:
    one = talk()
    one.tell(created("resp_1"), wire.TextDone(PART, "one two", spoken=False), InterruptRequested())
    assert of(DeleteItem, one.tell(answered("resp_1", "item_1"))) == []


def test_written_words_of_an_answer_that_never_began_are_reported() -> None:
    steps = talk().tell(wire.TextDone(PART, "one two", spoken=False))
    assert steps == [Transcript("assistant", "one two", True, "item_1")]


def test_a_service_that_truncates_by_itself_knows_what_was_heard() -> None:
    one = interrupted(truncation="service")
    one.tell(created("resp_2"), WORDLESS)
    assert of(DeleteItem, one.tell(answered("resp_2", "item_2"))) == []


# ------------------------------------------------------------------- what is called


def test_calls_of_the_answer_to_a_cough_get_no_answer() -> None:
    one = interrupted()
    assert of(CallsRequested, one.tell(created("resp_2"), call()))
    one.tell(WORDLESS)
    assert of(CreateResponse, one.tell(CallAnswered("call_1", "sunny"))) == []
    one.tell(PlaybackStarted(), PlaybackFinished())
    assert one.status is IDLE


def test_the_rest_waits_for_one_who_speaks_when_its_call_is_carried_out() -> None:
    one = interrupted()
    one.tell(created("resp_2"), call("go_on"), GATE_OPENED)
    assert of(Play, one.tell(ContinueRequested())) == []
    assert of(Play, one.tell(GATE_CLOSED)) == [Play(REST, rest_of(SOUND, 500))]


def test_the_rest_that_waited_for_somebody_is_kept_on() -> None:
    one = interrupted()
    one.tell(created("resp_2"), call("go_on"), STARTED, ContinueRequested())
    assert of(Play, one.tell(STOPPED, COMMITTED)) == []
    assert [each.pcm for each in of(Play, one.tell(ContinueRequested()))] == [rest_of(SOUND, 500)]


def test_where_nobody_interrupts_the_rest_waits_for_nobody() -> None:
    one = interrupted()
    one.tell(SettingsChanged(replace(one.mind.settings, interruption="nobody")), STARTED)
    assert of(Play, one.tell(ContinueRequested())) == [Play(REST, rest_of(SOUND, 500))]


def test_the_result_of_a_call_that_comes_in_a_pause_is_answered_after_it() -> None:
    one = speaking(generated=False)
    one.tell(GATE_OPENED, stopped(400))
    item = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "weather")
    one.tell(wire.ResponseDone("resp_1", "completed", "", None, (item,), {}))
    assert of(CreateResponse, one.tell(CallAnswered("call_1", "sunny"))) == []
    steps = one.tell(NOBODY)
    assert of(Play, steps) == PLAYS_ON[:1]
    assert of(CreateResponse, steps) == [CreateResponse()]


# -------------------------------------------------------------- questions of programs


def asking() -> Talk:
    """A question of a second is heard, which may be answered within 4 s."""
    one = talk()
    one.tell(AskRequested("ask_1", "Shall I?", timeout_s=4.0, transcribed=True))
    (asked,) = one.mind._state.answers._asked_outside.values()
    one.tell(created("resp_1", (asked.settings or {})["metadata"]), wire.AudioDelta(PART, SOUND))
    one.tell(wire.AudioDone(PART), done("resp_1", "completed"), PlaybackStarted())
    return one


def test_a_cough_over_a_question_does_not_begin_the_time_for_its_answer() -> None:
    one = asking()
    one.tell(GATE_OPENED, stopped(400))
    assert of(ListenWithoutWakeWord, one.tell(NOBODY)) == [ListenWithoutWakeWord(False)]
    one.tell(PlaybackStarted())
    assert one.status is SPEAKING
    one.now += 10
    assert of(QuestionClosed, one.tell(TimePassed())) == []
    assert of(TextSaid, one.tell(PlaybackFinished())) == [TextSaid("ask_1", "said", 1000)]
    assert one.status is LISTENING
    one.now += 4
    assert of(QuestionClosed, one.tell(TimePassed())) != []


def test_a_turn_without_words_over_a_question_is_undone_and_its_time_begins_anew() -> None:
    one = asking()
    one.tell(GATE_OPENED, STARTED, stopped(400))
    one.tell(STOPPED, COMMITTED)
    one.now += 3.9
    assert of(Play, one.tell(WORDLESS)) == [Play(REST, rest_of(SOUND, 400))]
    one.tell(PlaybackStarted())
    assert one.status is SPEAKING
    one.tell(PlaybackFinished())
    assert one.status is LISTENING
    one.now += 3
    one.tell(STARTED, STOPPED, COMMITTED)
    steps = one.tell(wire.UserTranscript("item_0", "yes", {}))
    assert of(QuestionClosed, steps) == [QuestionClosed("ask_1", "answered", "yes")]


def test_a_cough_over_a_question_and_a_second_one_leave_the_time_for_its_answer() -> None:
    one = asking()
    one.tell(GATE_OPENED, STARTED, stopped(400), STOPPED, COMMITTED)
    one.tell(wire.SpeechStarted("item_9"), STOPPED, wire.InputCommitted("item_9"))
    assert one.status is THINKING
    one.tell(WORDLESS)
    assert one.status is LISTENING


# --------------------------------------------------------------- sessions and devices


@pytest.mark.parametrize("gone", [SessionLost("the line is cut"), SessionRenewed()])
def test_what_was_heard_before_a_session_ended_in_a_pause_is_what_the_next_one_is_told(
    gone: Any,
) -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(600))
    steps = one.tell(gone)
    assert of(TruncateItem, steps) == [], "no session has that item any more"
    given = of(CreateItem, steps) or of(CreateItem, one.tell(SessionOpened(), heard=False))
    assert [each.item["content"][0]["text"] for each in given] == ["one two …"]


def test_words_that_come_back_with_the_rest_are_no_secret_from_the_next_session() -> None:
    one = interrupted()
    one.tell(SessionLost("the line is cut"), ContinueRequested(), PlaybackStarted())
    one.tell(PlaybackFinished())
    assert past(one) == ["one two …", "a sound", "three four"]


def test_what_is_held_back_for_another_voice_ends_the_answer_of_the_former() -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(400), SoundHeldBack())
    one.mind.unsent.held_back(SECOND, one.now)
    steps = one.tell(GATE_CLOSED)
    assert of(Play, steps) == [], "although the service in use hears nobody"
    assert of(TruncateItem, steps) == [TruncateItem("item_1", 0, 400)]


def test_a_voice_that_takes_over_over_an_answer_is_given_no_names_of_the_former_session() -> None:
    one = speaking(generated=False)
    one.tell(GATE_OPENED, stopped(400), SoundHeldBack())
    one.mind.unsent.held_back(SECOND, one.now)
    steps = one.tell(SessionRenewed())
    assert of(TruncateItem, steps) == []
    assert of(CancelResponse, steps) == []
    assert not one.mind._state.playing.queued


@pytest.mark.parametrize("verdict", [NOBODY, None])
def test_a_loudspeaker_that_goes_before_it_could_pause_is_not_waited_for(verdict: Any) -> None:
    one = speaking(generated=False)
    second = AudioPart("resp_1", "item_1", 1)
    one.tell(GATE_OPENED, *([verdict] if verdict else []), wire.AudioDelta(second, SOUND))
    lost = PlaybackStopped((Heard(PART, 400, 9600),), lost="it was unplugged")
    steps = one.tell(lost, PlaybackStopped())
    assert of(CancelResponse, steps) == [CancelResponse("resp_1")]
    assert of(TruncateItem, steps)[0] == TruncateItem("item_1", 0, 400)
    assert not one.mind._state.playing.queued
    assert of(Play, one.tell(NOBODY)) == []


def test_a_loudspeaker_that_goes_after_it_was_somebody_has_stopped_all_the_same() -> None:
    one = speaking()
    one.tell(GATE_OPENED, STARTED)
    one.tell(STOPPED, COMMITTED)
    lost = PlaybackStopped((Heard(PART, 400, 9600),), lost="it was unplugged")
    assert of(TruncateItem, one.tell(lost)) == [TruncateItem("item_1", 0, 400)]


def test_a_loudspeaker_that_goes_in_the_pause_takes_nothing_with_it() -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(400), PlaybackStopped())
    assert of(Play, one.tell(NOBODY)) == PLAYS_ON[:1]


# --------------------------------------------------------------------------- words


def test_words_of_sound_that_is_not_kept_are_not_said_with_the_rest() -> None:
    """It was still generated when it was interrupted: half of it came in time."""
    one = interrupted(generated=False)
    one.tell(wire.AudioDelta(PART, SOUND), wire.TextDone(PART, "one two three four", spoken=True))
    one.tell(WORDLESS, PlaybackStarted())
    # 500 of 2000 ms were heard, and 500 more are kept.
    assert one.tell(PlaybackFinished()) == [
        Transcript("assistant", "one two …", True, "item_1", cut=True),
        message("two …", "assistant"),
    ]


def test_a_rest_without_a_whole_word_has_none() -> None:
    one = interrupted(generated=False)
    one.tell(wire.AudioDelta(PART, SOUND), wire.TextDone(PART, "immeasurable", spoken=True))
    one.tell(WORDLESS, PlaybackStarted())
    assert of(Transcript, one.tell(PlaybackFinished())) == []


def test_an_urgent_text_is_heard_at_once_and_the_answer_no_more() -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(400))
    assert of(TruncateItem, one.tell(SayRequested("The bell rings.", urgent=True))) != []
    assert of(Play, one.tell(NOBODY)) == []
