"""An interruption that was nobody's: the answer pauses, and plays on where it stopped."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

import pytest

from rtaudio_daemon.dialogue.inputs import (
    ButtonPressed,
    ContinueRequested,
    InterruptRequested,
    PlayRequested,
    SayRequested,
    SessionLost,
    SessionRenewed,
    SettingsChanged,
    SpeechAborted,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import (
    CancelResponse,
    CreateItem,
    CreateResponse,
    DeleteItem,
    EndPlay,
    Output,
    Play,
    StopPlayback,
    TruncateItem,
)
from rtaudio_daemon.dialogue.playing import Playing
from rtaudio_daemon.dialogue.sound_parts import BYTES_PER_MS, faded_in
from rtaudio_daemon.notifications import (
    AudioPart,
    ErrorReported,
    Heard,
    Interruption,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    Transcript,
)
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity

from .talk import (
    GATE_CLOSED,
    GATE_OPENED,
    IDLE,
    LISTENING,
    PART,
    SPEAKING,
    STARTED,
    STOPPED,
    THINKING,
    Talk,
    commands,
    created,
    done,
    message,
    opened,
)

SOUND = array("h", [(at * 7919) % 20011 - 10005 for at in range(24_000)]).tobytes()
COMMITTED = wire.InputCommitted("item_0")
NOBODY = SpeechAborted(nobody=True)
REST = AudioPart("rtaudio_rest_1", "rtaudio_rest_1_1", 0)


def stopped(heard_ms: int, part: AudioPart = PART) -> PlaybackStopped:
    return PlaybackStopped((Heard(part, heard_ms, heard_ms * 24),), 20)


def talk(**options: Any) -> Talk:
    return opened(resume=True, service_cancels=False, **options)


def speaking(*, generated: bool = True, **options: Any) -> Talk:
    """An answer of one second is being heard; its words are known if it is generated."""
    one = talk(**options)
    one.tell(created("resp_1"), wire.AudioDelta(PART, SOUND))
    if generated:
        one.tell(wire.TextDone(PART, "one two three four", spoken=True))
        one.tell(wire.AudioDone(PART), done("resp_1", "completed"))
    one.tell(PlaybackStarted())
    return one


def rest_of(sound: bytes, ms: int) -> bytes:
    return faded_in(sound[(ms - 10) * BYTES_PER_MS :])


def of(kind: type[Any], steps: list[Output]) -> list[Any]:
    return [step for step in steps if isinstance(step, kind)]


def test_the_answer_plays_on_from_the_same_sample_when_the_gate_heard_nobody() -> None:
    one = speaking()
    assert one.tell(GATE_OPENED)[-1] == StopPlayback()
    assert commands(one.tell(stopped(400))) == []
    assert one.status is LISTENING
    steps = one.tell(NOBODY)
    assert commands(steps) == [Play(PART, rest_of(SOUND, 400)), EndPlay(PART)]
    assert not of(Interruption, steps)
    assert one.status is THINKING
    assert one.mind.plays_on
    one.tell(PlaybackStarted())
    assert one.status is SPEAKING
    assert one.tell(PlaybackFinished()) == [
        Transcript("assistant", "one two three four", True, "item_1")
    ]
    assert one.status is IDLE
    assert not one.mind.plays_on
    assert not one.mind.can_continue


def test_it_plays_on_when_the_gate_closes_and_the_service_never_heard_anybody() -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(400))
    assert of(Play, one.tell(GATE_CLOSED)) == [Play(PART, rest_of(SOUND, 400))]


def test_what_is_generated_meanwhile_is_kept_and_ends_with_the_rest() -> None:
    one = speaking(generated=False)
    one.tell(GATE_OPENED, stopped(400))
    second = AudioPart("resp_1", "item_1", 1)
    steps = one.tell(wire.AudioDelta(PART, SOUND), wire.AudioDone(PART))
    steps += one.tell(wire.AudioDelta(second, SOUND), done("resp_1", "completed"))
    assert commands(steps) == []
    assert commands(one.tell(NOBODY)) == [
        Play(PART, rest_of(SOUND + SOUND, 400)),
        EndPlay(PART),
        Play(second, SOUND),
        EndPlay(second),
    ]


def test_a_service_that_stops_generating_all_the_same_leaves_what_it_sent() -> None:
    one = speaking(generated=False)
    one.tell(GATE_OPENED, stopped(400))
    assert not of(ErrorReported, one.tell(done("resp_1", "cancelled", "turn_detected")))
    assert commands(one.tell(NOBODY)) == [Play(PART, rest_of(SOUND, 400)), EndPlay(PART)]


def test_the_loudspeaker_may_answer_after_it_was_decided_that_it_was_nobody() -> None:
    one = speaking()
    one.tell(GATE_OPENED)
    assert commands(one.tell(NOBODY)) == []
    assert of(Play, one.tell(stopped(400))) == [Play(PART, rest_of(SOUND, 400))]


def test_the_loudspeaker_may_answer_after_it_was_decided_that_it_was_somebody() -> None:
    one = speaking()
    one.tell(GATE_OPENED, STARTED)
    one.tell(STOPPED, COMMITTED)
    steps = one.tell(stopped(400))
    assert of(TruncateItem, steps) == [TruncateItem("item_1", 0, 400)]
    assert of(Interruption, steps)[0].audio_end_ms == 400


def test_an_answer_that_begins_before_the_loudspeaker_has_stopped_is_played_then() -> None:
    one, part = speaking(), AudioPart("resp_2", "item_2", 0)
    one.tell(GATE_OPENED, STARTED)
    one.tell(STOPPED, COMMITTED)
    assert commands(one.tell(created("resp_2"), wire.AudioDelta(part, SOUND))) == []
    steps = one.tell(stopped(400))
    assert of(TruncateItem, steps) == [TruncateItem("item_1", 0, 400)]
    assert of(DeleteItem, steps) == []
    assert of(Play, steps) == [Play(part, SOUND)]
    assert commands(one.tell(wire.AudioDelta(part, SOUND))) == [Play(part, SOUND)]


def test_what_comes_in_a_pause_is_played_although_pauses_were_switched_off_meanwhile() -> None:
    one, part = speaking(generated=False), AudioPart("resp_1", "item_2", 0)
    one.tell(GATE_OPENED, stopped(400))
    one.tell(SettingsChanged(replace(one.mind.settings, resume=False)))
    one.tell(wire.AudioDelta(part, SOUND))
    assert of(Play, one.tell(NOBODY)) == [Play(PART, rest_of(SOUND, 400)), Play(part, SOUND)]


def test_a_second_pause_counts_from_the_beginning_of_the_part() -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(400), NOBODY, PlaybackStarted())
    one.tell(GATE_OPENED, stopped(200))
    # It began again 10 ms before the 400, and 200 were heard since.
    assert of(Play, one.tell(NOBODY)) == [Play(PART, rest_of(SOUND, 590))]
    one.tell(PlaybackStarted(), GATE_OPENED, stopped(0), STARTED)
    steps = one.tell(STOPPED, COMMITTED)
    assert of(TruncateItem, steps) == [TruncateItem("item_1", 0, 580)]
    assert of(Transcript, steps) == [Transcript("assistant", "one two …", True, "item_1", True)]


@pytest.mark.parametrize("generated", [True, False])
def test_speech_that_the_service_hears_for_long_ends_the_answer_before_its_turn_does(
    generated: bool,
) -> None:
    one = speaking(generated=generated)
    one.tell(GATE_OPENED, stopped(400), STARTED)
    assert one.deadline == pytest.approx(one.now + 0.7)
    one.now += 0.6
    steps = one.tell(TimePassed())
    assert of(TruncateItem, steps) == [TruncateItem("item_1", 0, 400)]
    assert of(CancelResponse, steps) == ([] if generated else [CancelResponse("resp_1")])
    (interruption,) = of(Interruption, steps)
    assert (interruption.item_id, interruption.audio_end_ms) == ("item_1", 400)
    assert interruption.latency_ms == 120, "100 until the loudspeaker's report, and its 20"


def test_time_that_passes_before_it_is_certain_changes_nothing() -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(400), STARTED)
    assert commands(one.tell(TimePassed())) == []


def test_a_turn_ends_the_answer_however_short_it_is() -> None:
    one = speaking()
    one.tell(STARTED, stopped(400))
    steps = one.tell(STOPPED)
    assert of(TruncateItem, steps) == [TruncateItem("item_1", 0, 400)]
    assert of(Transcript, steps) == [Transcript("assistant", "one …", True, "item_1", True)]
    one.tell(COMMITTED)
    assert one.status is THINKING


def test_a_turn_by_our_own_judgement_ends_it_as_well() -> None:
    one = speaking(local_turns=True, replies=False, interruption="us")
    one.tell(GATE_OPENED, stopped(400))
    assert of(TruncateItem, one.tell(GATE_CLOSED)) == [TruncateItem("item_1", 0, 400)]


@pytest.mark.parametrize(
    "event",
    [
        ButtonPressed(),
        InterruptRequested(),
        SpeechAborted(),
        SessionLost("the line is cut"),
        SessionRenewed(),
    ],
)
def test_what_people_and_programs_want_ends_it_at_once(event: Any) -> None:
    one = speaking()
    one.tell(GATE_OPENED, stopped(400))
    steps = one.tell(event)
    assert of(Interruption, steps)[0].audio_end_ms == 400
    assert not of(Play, steps)


def test_a_turn_that_the_gate_disowns_after_its_end_is_nobodys_either() -> None:
    one = speaking()
    one.tell(GATE_OPENED, STARTED, stopped(400))
    one.tell(STOPPED)
    steps = one.tell(NOBODY)
    assert of(Play, steps) == [Play(REST, rest_of(SOUND, 400))]
    steps = one.tell(COMMITTED)
    assert of(DeleteItem, steps) == [DeleteItem("item_0")]


def interrupted(**options: Any) -> Talk:
    one = speaking(**options)
    one.tell(GATE_OPENED, STARTED, stopped(500))
    one.tell(STOPPED, COMMITTED)
    return one


def test_a_turn_without_words_is_undone_and_the_model_learns_what_else_was_heard() -> None:
    one = interrupted()
    one.tell(created("resp_2"))
    steps = one.tell(wire.UserTranscript("item_0", " … ", {}))
    assert of(Transcript, steps) == []
    assert commands(steps) == [
        DeleteItem("item_0"),
        CancelResponse("resp_2"),
        Play(REST, rest_of(SOUND, 500)),
        EndPlay(REST),
    ]
    assert one.tell(PlaybackStarted(), PlaybackFinished()) == [
        Transcript("assistant", "one two three four", True, "item_1"),
        message("three four", "assistant"),
    ]


@pytest.mark.parametrize(
    "event",
    [
        InterruptRequested(),
        SpeechAborted(),
        PlayRequested(bytes(480), urgent=True),
        SayRequested("The bell rings.", urgent=True),
    ],
)
@pytest.mark.parametrize("paused", [True, False])
def test_noise_does_not_undo_what_people_and_programs_wanted(event: Any, paused: bool) -> None:
    one = speaking()
    one.tell(*([GATE_OPENED, stopped(400), event] if paused else [event, stopped(400)]))
    one.tell(PlaybackStarted(), PlaybackFinished(), GATE_OPENED)
    steps = [*one.tell(NOBODY), *one.tell(GATE_OPENED, STARTED)]
    steps += [*one.tell(STOPPED, COMMITTED), *one.tell(wire.UserTranscript("item_0", "…", {}))]
    assert REST not in [step.part for step in of(Play, steps)]


def test_words_that_come_later_than_the_interruption_belong_to_the_rest_as_well() -> None:
    one = interrupted(generated=False)
    one.tell(wire.TextDone(PART, "one two three four", spoken=True))
    one.tell(wire.UserTranscript("item_0", "", {}), PlaybackStarted())
    assert one.tell(PlaybackFinished())[-1] == message("three four", "assistant")


def test_a_rest_whose_words_never_came_is_played_without_them() -> None:
    one = interrupted(generated=False)
    one.tell(wire.UserTranscript("item_0", "", {}))
    steps = one.tell(PlaybackStarted(), PlaybackFinished())
    assert not of(Transcript, steps)
    assert not of(CreateItem, steps)


@pytest.mark.parametrize(
    "transcript",
    [wire.UserTranscript("item_0", "stop", {}), wire.UserTranscript("item_9", "", {})],
)
def test_words_and_other_turns_undo_nothing(transcript: wire.UserTranscript) -> None:
    assert commands(interrupted().tell(transcript)) == []


def test_an_answer_that_is_heard_already_is_not_undone() -> None:
    one = interrupted()
    part = AudioPart("resp_2", "item_2", 0)
    one.tell(created("resp_2"), wire.AudioDelta(part, SOUND))
    assert commands(one.tell(wire.UserTranscript("item_0", "", {}))) == []


def test_who_wants_it_to_go_on_hears_the_rest_after_what_is_being_said() -> None:
    one = interrupted()
    part = AudioPart("resp_2", "item_2", 0)
    one.tell(created("resp_2"), wire.AudioDelta(part, SOUND), wire.AudioDone(part))
    one.tell(done("resp_2", "completed"), PlaybackStarted())
    assert one.mind.can_continue
    assert commands(one.tell(ContinueRequested())) == [
        Play(REST, rest_of(SOUND, 500)),
        EndPlay(REST),
    ]
    assert not one.mind.can_continue
    assert commands(one.tell(ContinueRequested())) == []


def test_the_rest_that_is_interrupted_has_a_rest_of_its_own() -> None:
    one = interrupted()
    one.tell(ContinueRequested(), PlaybackStarted())
    one.tell(InterruptRequested())
    steps = one.tell(stopped(400, REST))
    assert of(TruncateItem, steps) == []
    assert of(CreateItem, steps) == [message("three …", "assistant")]
    (play,) = of(Play, one.tell(ContinueRequested()))
    assert play.pcm[960:] == SOUND[(490 + 390) * BYTES_PER_MS :][960:]


def test_a_rest_whose_session_is_gone_is_played_and_told_to_nobody() -> None:
    one = interrupted()
    one.tell(SessionLost("the line is cut"))
    assert of(Play, one.tell(ContinueRequested())) == [Play(REST, rest_of(SOUND, 500))]
    assert of(CreateItem, one.tell(PlaybackStarted(), PlaybackFinished())) == []


def test_the_rest_is_forgotten_after_half_a_minute() -> None:
    one = interrupted()
    one.tell(created("resp_2"), done("resp_2", "completed"))
    one.now = one.deadline or 0.0
    one.tell(TimePassed())
    assert not one.mind.can_continue
    assert one.deadline is None


def test_nothing_is_kept_of_an_answer_that_was_interrupted_before_its_first_sound() -> None:
    one = talk()
    one.tell(created("resp_1"), STARTED)
    assert not one.mind.can_continue


def test_a_chime_and_a_file_are_not_kept() -> None:
    one = talk()
    one.mind._state.do(*one.mind._state.playing.chime("resp_1", SOUND))
    one.tell(PlaybackStarted(), InterruptRequested())
    one.tell(PlaybackStopped((Heard(AudioPart("resp_1", "rtaudio_chime", 0), 20, 480),)))
    assert not one.mind.can_continue


def test_a_part_that_was_played_whole_before_the_pause_is_not_played_again() -> None:
    one = speaking(generated=False)
    second = AudioPart("resp_1", "item_1", 1)
    one.tell(
        wire.AudioDone(PART), wire.AudioDelta(second, SOUND), GATE_OPENED, stopped(100, second)
    )
    assert of(Play, one.tell(NOBODY)) == [Play(second, rest_of(SOUND, 100))]


def test_two_who_hear_the_same_speech_make_one_pause() -> None:
    one = speaking(generated=False)
    one.tell(GATE_OPENED)
    assert commands(one.tell(STARTED)) == []
    assert commands(one.tell(stopped(400))) == []


def test_without_exact_samples_the_milliseconds_count() -> None:
    one = speaking()
    one.tell(GATE_OPENED, PlaybackStopped((Heard(PART, 400),)))
    assert of(Play, one.tell(NOBODY)) == [Play(PART, rest_of(SOUND, 400))]


def test_a_service_that_cannot_answer_beside_another_answer_is_asked_again() -> None:
    one = speaking(generated=False)
    one.tell(STARTED, stopped(400), STOPPED, COMMITTED)
    code = "conversation_already_has_active_response"
    one.tell(wire.ServiceErrorReported(code, "", "busy", "", Severity.BENIGN))
    steps = one.tell(done("resp_1", "cancelled", "client_cancelled"))
    assert of(CreateResponse, steps) == [CreateResponse()]


def test_more_sound_than_is_kept_cannot_go_on() -> None:
    playing = Playing(assumed=False)
    playing.pauses = True
    minute = bytes(60_000 * BYTES_PER_MS)
    for _ in range(10):
        playing.received(PART, minute, in_session=True)
    playing.started()
    assert playing.may_pause
    playing.pause(0.0)
    assert playing.received(PART, b"\0\0", in_session=True) == []
    playing.note_pause(stopped(400), 0.1)
    (play,) = playing.resume()
    assert isinstance(play, Play)
    assert len(play.pcm) == 10 * len(minute) - 390 * BYTES_PER_MS, "what was too much is missing"
    playing.received(PART, b"\0\0", in_session=True)
    assert not playing.may_pause


def test_a_fade_is_as_long_as_there_is_sound() -> None:
    assert faded_in(b"") == b""
    assert faded_in(b"\x10\x00\x10") == b"\x10\x00\x10"
