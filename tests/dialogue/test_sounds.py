"""Sound files are played in the queue of the answers, and need no session."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rtaudio_daemon.dialogue.announcements import SAY_METADATA
from rtaudio_daemon.dialogue.inputs import (
    Input,
    InterruptRequested,
    PlayRequested,
    SayRequested,
    SessionAwaited,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import CreateResponse, EndPlay, Output, Play, StopPlayback
from rtaudio_daemon.notifications import (
    AudioPart,
    ErrorReported,
    Heard,
    Interruption,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    TextSaid,
)
from rtaudio_daemon.protocol import events as wire

from .talk import (
    GATE_CLOSED,
    GATE_OPENED,
    IDLE,
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
    opened,
)

BELL = AudioPart("rtaudio_sound_1", "rtaudio_sound", 0)
SHORT = PlayRequested(SECOND, said="bell")
LONG = PlayRequested(SECOND * 10, said="bell")
URGENT = PlayRequested(SECOND, urgent=True, said="alarm")
WORDS = SayRequested("Dinner is ready.", "verbatim", said="dinner")
HEARD = (PlaybackStarted(), PlaybackFinished())
CUT = PlaybackStopped((Heard(BELL, 700),), 50)


def receipts(steps: Iterable[Output]) -> list[TextSaid]:
    return [step for step in steps if isinstance(step, TextSaid)]


def played_s(steps: Iterable[Output], part: AudioPart = BELL) -> float:
    found = [step.pcm for step in steps if isinstance(step, Play) and step.part == part]
    return len(b"".join(found)) / len(SECOND)


def asked(steps: Iterable[Output]) -> int:
    return sum(isinstance(step, CreateResponse) for step in steps)


@pytest.mark.parametrize("talk", [opened(), Talk()])
def test_a_sound_is_played_with_and_without_a_session(talk: Talk) -> None:
    begun = talk.tell(SHORT)
    assert (played_s(begun), begun[-1]) == (1.0, EndPlay(BELL))
    assert talk.status is THINKING
    talk.tell(PlaybackStarted())
    assert talk.status is SPEAKING
    assert receipts(talk.tell(PlaybackFinished())) == [TextSaid("bell", "said", 1000)]
    assert talk.status is IDLE
    assert talk.deadline is None


def test_a_long_sound_is_handed_over_two_seconds_ahead() -> None:
    talk = Talk()
    begun, began = talk.tell(LONG), talk.now
    assert played_s(begun) == 2.0
    handed_s = 2.0
    while talk.deadline is not None:
        talk.now = talk.deadline
        handed_s += played_s(talk.tell(TimePassed()))
        assert 1.5 <= handed_s - (talk.now - began) <= 2.5 or handed_s == 10.0
    assert handed_s == 10.0
    assert 7.5 <= talk.now - began <= 8.5
    assert receipts(talk.tell(*HEARD)) == [TextSaid("bell", "said", 10_000)]


def test_the_rest_is_made_up_for_after_a_sleep() -> None:
    talk = Talk()
    talk.tell(LONG)
    talk.now += 3.2
    assert played_s(talk.tell(TimePassed())) == 3.0


def test_sounds_and_words_keep_their_order() -> None:
    talk = opened()
    steps = talk.tell(SHORT, WORDS, PlayRequested(SECOND, said="second"))
    assert (played_s(steps), asked(steps)) == (1.0, 1)
    answer = (created("resp_1", SAY_METADATA), wire.AudioDelta(PART, SECOND), wire.AudioDone(PART))
    steps = talk.tell(*answer, done("resp_1", "completed"))
    second = AudioPart("rtaudio_sound_2", "rtaudio_sound", 0)
    assert played_s(steps, second) == 0, "not before the words are over"
    steps = talk.tell(*HEARD)
    assert [each.id for each in receipts(steps)] == ["bell", "dinner"]
    assert played_s(steps, second) == 1.0


def test_words_wait_until_a_long_sound_is_handed_over() -> None:
    talk = opened()
    assert asked(talk.tell(LONG, WORDS)) == 0
    talk.now += 8
    assert asked(talk.tell(TimePassed())) == 1


def test_a_sound_waits_for_an_answer_and_for_who_speaks() -> None:
    talk = answer_heard(opened())
    assert played_s(talk.tell(SHORT)) == 0
    assert played_s(talk.tell(PlaybackFinished())) == 1.0
    talk = opened()
    talk.tell(STARTED)
    assert played_s(talk.tell(SHORT, STOPPED)) == 0, "their answer comes first"


def test_an_urgent_sound_ends_an_answer_and_goes_before_what_waits() -> None:
    talk = answer_heard(opened(), generated=False)
    talk.tell(SHORT)
    steps = talk.tell(URGENT)
    assert StopPlayback() in steps
    steps = talk.tell(PlaybackStopped((Heard(PART, 400),), 50), done("resp_1", "cancelled"))
    assert played_s(steps) == 1.0
    assert receipts(talk.tell(*HEARD))[0].id == "alarm"


def test_an_urgent_sound_does_not_wait_for_the_service() -> None:
    talk = answer_heard(opened(), generated=False)
    assert played_s(talk.tell(URGENT, PlaybackStopped((Heard(PART, 400),), 50))) == 1.0


def test_urgent_words_end_a_sound() -> None:
    talk = opened()
    talk.tell(LONG, PlaybackStarted())
    steps = talk.tell(SayRequested("Fire!", "verbatim", urgent=True, said="fire"), CUT)
    assert asked(steps) == 1
    assert receipts(steps) == [TextSaid("bell", "interrupted", 700)]


@pytest.mark.parametrize(
    ("options", "speech"),
    [
        ({}, STARTED),
        ({}, GATE_OPENED),
        ({"interruption": "us", "truncation": "us"}, GATE_OPENED),
        ({}, InterruptRequested()),
    ],
)
@pytest.mark.parametrize("sound", [SHORT, LONG])
def test_what_ends_an_answer_ends_a_sound(
    options: dict[str, str], speech: Input, sound: PlayRequested
) -> None:
    talk = opened(**options)
    talk.tell(sound, PlaybackStarted())
    steps = talk.tell(speech, CUT)
    assert StopPlayback() in steps
    assert receipts(steps) == [TextSaid("bell", "interrupted", 700)]
    assert [each.item_id for each in steps if isinstance(each, Interruption)] == [None]
    talk.now += 20
    assert played_s(talk.tell(GATE_CLOSED)) == 0, "the rest is forgotten"


def test_without_a_session_speech_ends_a_sound_and_nothing_else() -> None:
    talk = Talk()
    talk.tell(LONG, PlaybackStarted())
    steps = talk.tell(GATE_OPENED, CUT)
    assert receipts(steps) == [TextSaid("bell", "interrupted", 700)]
    talk = answer_heard(opened())
    talk.tell(SessionLost("gone"))
    assert StopPlayback() not in talk.tell(GATE_OPENED)


def test_nobody_interrupts_a_sound_where_nobody_interrupts_an_answer() -> None:
    talk = Talk(interruption="nobody")
    talk.tell(LONG, PlaybackStarted())
    assert StopPlayback() not in talk.tell(GATE_OPENED)


def test_an_answer_that_comes_in_a_sound_is_played_after_it() -> None:
    talk = opened(interruption="nobody")
    talk.tell(LONG, PlaybackStarted())
    steps = talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND))
    plays = [step.part for step in steps if isinstance(step, Play)]
    assert played_s(steps) > 7
    assert plays[-1] == PART
    assert plays.count(PART) == 1


def test_silence_is_wanted_also_of_the_sounds_that_wait() -> None:
    talk = Talk()
    talk.tell(LONG, PlaybackStarted(), PlayRequested(SECOND, said="second"))
    steps = talk.tell(InterruptRequested(), CUT)
    assert [(each.id, each.outcome) for each in receipts(steps)] == [
        ("second", "dropped"),
        ("bell", "interrupted"),
    ]


def test_a_sound_outlives_its_session_and_so_does_one_that_waits() -> None:
    talk = opened()
    talk.tell(LONG, PlaybackStarted(), WORDS, PlayRequested(SECOND, said="second"))
    steps = talk.tell(SessionLost("gone"), SessionAwaited(False, "refused"))
    assert [(each.id, each.outcome) for each in receipts(steps)] == [("dinner", "dropped")]
    talk.now += 20
    steps = talk.tell(TimePassed(), *HEARD)
    assert receipts(steps) == [TextSaid("bell", "said", 10_000)]
    assert receipts(talk.tell(*HEARD)) == [TextSaid("second", "said", 1000)]


def test_a_renewal_does_not_end_a_sound() -> None:
    talk = opened()
    talk.tell(LONG, PlaybackStarted())
    assert EndPlay(BELL) not in talk.tell(SessionRenewed())


def test_a_sound_waits_with_words_for_a_session_that_may_come() -> None:
    talk = opened()
    talk.tell(SessionLost("gone"), SessionAwaited(True))
    assert played_s(talk.tell(WORDS, SHORT)) == 0
    assert asked(talk.tell(SessionOpened(), heard=False)) == 1
    talk = opened()
    talk.tell(SessionLost("gone"), SessionAwaited(True))
    talk.tell(WORDS, SHORT)
    talk.now += 60
    assert played_s(talk.tell(TimePassed())) == 1.0, "it does not wait for ever"


@pytest.mark.parametrize("sound", [SHORT, LONG])
def test_a_lost_loudspeaker_ends_a_sound(sound: PlayRequested) -> None:
    talk = Talk()
    talk.tell(sound, PlaybackStarted())
    steps = talk.tell(PlaybackStopped((Heard(BELL, 700),), 0, "unplugged"))
    assert receipts(steps) == [TextSaid("bell", "not_played", 700)]
    assert [each.code for each in steps if isinstance(each, ErrorReported)] == ["not_played"]
    talk.now += 20
    assert talk.tell(TimePassed()) == []
    assert talk.status is IDLE


def test_of_too_many_the_last_is_dropped() -> None:
    talk = opened()
    talk.tell(LONG, *[PlayRequested(SECOND) for _ in range(16)])
    steps = talk.tell(PlayRequested(SECOND, said="last"))
    assert receipts(steps) == [TextSaid("last", "dropped")]
    assert [each.code for each in steps if isinstance(each, ErrorReported)] == ["not_played"]


def test_an_assumed_loudspeaker_plays_no_file() -> None:
    talk = opened(playback="assumed")
    assert receipts(talk.tell(SHORT)) == [TextSaid("bell", "dropped")]
