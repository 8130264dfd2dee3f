"""What becomes of each text that a program wanted to be said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from rtaudio_daemon.dialogue.announcements import SAY_METADATA
from rtaudio_daemon.dialogue.inputs import (
    CallAnswered,
    Input,
    InterruptRequested,
    SayRequested,
    SessionAwaited,
    SessionLost,
    SessionOpened,
    SessionRenewed,
    TimePassed,
)
from rtaudio_daemon.dialogue.outputs import EndPlay, Output, Play
from rtaudio_daemon.notifications import (
    AudioPart,
    Heard,
    Interruption,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    TextSaid,
)
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity

from .talk import PART, SECOND, STARTED, created, done, opened

VERBATIM = SayRequested("Dinner is ready.", "verbatim", said="said_1")
PROMPT = SayRequested("What is the weather?", said="said_1")
BEGUN = created("resp_1", SAY_METADATA)
SOUND: Sequence[Input] = (wire.AudioDelta(PART, SECOND), wire.AudioDone(PART))
DONE = done("resp_1", "completed")
HEARD: Sequence[Input] = (BEGUN, *SOUND, DONE, PlaybackStarted())
REFUSED = wire.ServiceErrorReported("no", "", "No.", "rtaudio_response_1", Severity.RETRY)
CUT = PlaybackStopped((Heard(PART, 400),), 50)
LOST = PlaybackStopped((Heard(PART, 400),), 0, "unplugged")
CALL = wire.Item("item_c", "call", "{}", False, "completed", "call_1", "weather")


ITEM = wire.Item("item_p", "user", PROMPT.text, False, "completed", "", "")
ASKED: Sequence[Input] = (PROMPT, wire.ItemReported(ITEM, "", done=True), created("resp_1"))


def receipts(steps: Iterable[Output]) -> list[TextSaid]:
    return [step for step in steps if isinstance(step, TextSaid)]


@pytest.mark.parametrize(
    ("happenings", "outcome", "heard_ms"),
    [
        ([*HEARD, PlaybackFinished()], "said", 1000),
        ([BEGUN, *SOUND, PlaybackStarted(), PlaybackFinished(), DONE], "said", 1000),
        ([*HEARD, InterruptRequested(), CUT], "interrupted", 400),
        ([*HEARD, STARTED, CUT], "interrupted", 400),
        ([InterruptRequested(), BEGUN, done("resp_1", "cancelled")], "interrupted", 0),
        ([*HEARD, LOST], "not_played", 400),
        ([BEGUN, DONE], "not_played", 0),
        ([BEGUN, done("resp_1", "failed")], "failed", 0),
        ([REFUSED], "failed", 0),
        ([SessionRenewed()], "dropped", 0),
        ([SessionLost("gone")], "dropped", 0),
    ],
)
def test_a_text_has_one_outcome(happenings: list[Input], outcome: str, heard_ms: int) -> None:
    talk = opened()
    told = talk.tell(VERBATIM, *happenings)
    assert receipts(told) == [TextSaid("said_1", outcome, heard_ms)]  # type: ignore[arg-type]
    assert receipts(talk.tell(PlaybackFinished(), SessionLost("gone"), SessionOpened())) == []


def test_what_waits_when_silence_is_asked_for_is_dropped() -> None:
    talk = opened()
    talk.tell(VERBATIM, BEGUN, SayRequested("More.", "verbatim", said="said_2"))
    assert receipts(talk.tell(InterruptRequested())) == [TextSaid("said_2", "dropped")]


def test_what_comes_while_nothing_can_be_said_is_dropped() -> None:
    talk = opened()
    talk.tell(SessionLost("gone"), SessionAwaited(False, "refused"))
    assert receipts(talk.tell(VERBATIM)) == [TextSaid("said_1", "dropped")]


def test_what_waits_for_a_session_in_vain_is_dropped() -> None:
    talk = opened()
    talk.tell(SessionLost("gone"), SessionAwaited(True))
    assert receipts(talk.tell(VERBATIM)) == []
    talk.now += 60
    assert receipts(talk.tell(TimePassed())) == [TextSaid("said_1", "dropped")]


def test_an_answer_that_never_comes_fails() -> None:
    talk = opened()
    talk.tell(VERBATIM, BEGUN)
    talk.now += 60
    assert receipts(talk.tell(TimePassed())) == [TextSaid("said_1", "failed")]


def test_a_prompt_that_is_put_to_another_session_keeps_its_receipt() -> None:
    talk = opened()
    talk.tell(*ASKED, SessionLost("gone"), SessionAwaited(True))
    talk.tell(SessionOpened(), heard=False)
    part = AudioPart("resp_2", "item_2", 0)
    told = talk.tell(created("resp_2"), wire.AudioDelta(part, SECOND), wire.AudioDone(part))
    told += talk.tell(done("resp_2", "completed"), PlaybackStarted(), PlaybackFinished())
    assert receipts(told) == [TextSaid("said_1", "said", 1000)]


def test_a_prompt_that_no_other_session_comes_for_is_dropped() -> None:
    talk = opened()
    talk.tell(*ASKED, SessionLost("gone"))
    talk.now += 60
    assert receipts(talk.tell(TimePassed())) == [TextSaid("said_1", "dropped")]


def test_a_prompt_that_calls_a_function_is_said_with_the_answer_to_its_result() -> None:
    talk = opened()
    told = talk.tell(PROMPT, created("resp_1"), wire.ItemReported(CALL, "resp_1", done=True), DONE)
    told += talk.tell(CallAnswered("call_1", "sunny"))
    assert receipts(told) == []
    part = AudioPart("resp_2", "item_2", 0)
    told = talk.tell(created("resp_2"), wire.AudioDelta(part, SECOND), wire.AudioDone(part))
    told += talk.tell(done("resp_2", "completed"), PlaybackStarted(), PlaybackFinished())
    assert receipts(told) == [TextSaid("said_1", "said", 1000)]


def test_a_chime_is_played_before_the_words_and_is_none_of_them() -> None:
    talk = opened()
    chime = bytes(960)
    part = AudioPart("resp_1", "rtaudio_chime", 0)
    told = talk.tell(SayRequested("Dinner.", "verbatim", said="said_1", chime=chime), BEGUN, *SOUND)
    played = [step for step in told if isinstance(step, Play | EndPlay)]
    assert played == [Play(part, chime), EndPlay(part), Play(PART, SECOND), EndPlay(PART)]
    told = talk.tell(DONE, PlaybackStarted(), PlaybackFinished())
    assert receipts(told) == [TextSaid("said_1", "said", 1000)]


def test_a_text_that_is_stopped_in_its_chime_was_not_heard() -> None:
    talk = opened()
    part = AudioPart("resp_1", "rtaudio_chime", 0)
    talk.tell(SayRequested("Dinner.", "verbatim", said="said_1", chime=bytes(9600)), *HEARD)
    told = talk.tell(InterruptRequested(), PlaybackStopped((Heard(part, 100), Heard(PART, 0)), 50))
    assert receipts(told) == [TextSaid("said_1", "interrupted", 0)]
    (interruption,) = [step for step in told if isinstance(step, Interruption)]
    assert (interruption.item_id, interruption.audio_end_ms) == (PART.item_id, 0)


def test_an_assumed_loudspeaker_plays_no_chime() -> None:
    talk = opened(playback="assumed")
    talk.tell(SayRequested("Dinner.", "verbatim", said="said_1", chime=bytes(960)), BEGUN)
    assert not [step for step in talk.tell(*SOUND) if isinstance(step, Play)]


def test_a_receipt_is_owed_until_it_is_given() -> None:
    talk = opened()
    assert not talk.mind.owes_receipt
    talk.tell(VERBATIM)
    assert talk.mind.owes_receipt
    talk.tell(*HEARD, PlaybackFinished())
    assert not talk.mind.owes_receipt
