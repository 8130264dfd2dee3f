"""What is reported of a text that was interrupted, and of its words, when its rest is played."""

from __future__ import annotations

from rtaudio_daemon.dialogue.announcements import SAY_METADATA
from rtaudio_daemon.dialogue.inputs import ContinueRequested, SayRequested
from rtaudio_daemon.dialogue.outputs import ListenWithoutWakeWord, Play
from rtaudio_daemon.notifications import (
    AudioPart,
    PlaybackFinished,
    PlaybackStarted,
    TextSaid,
    Transcript,
)
from rtaudio_daemon.protocol import events as wire

from .talk import GATE_CLOSED, GATE_OPENED, PART, STARTED, STOPPED, Talk, created, done
from .test_resuming import COMMITTED, REST, SOUND, of, speaking, stopped, talk

WORDLESS = wire.UserTranscript("item_0", "…", {})
WHOLE = Transcript("assistant", "one two three four", True, "item_1")
HALF = Transcript("assistant", "one two …", True, "item_1", cut=True)


def said(said_id: str = "said_1", *, listen: bool = False, generated: bool = True) -> Talk:
    """A text of one second is interrupted by a turn after 500 ms."""
    one = talk()
    one.tell(SayRequested("One two three four.", "verbatim", said=said_id, listen=listen))
    one.tell(created("resp_1", SAY_METADATA), wire.AudioDelta(PART, SOUND))
    if generated:
        one.tell(wire.TextDone(PART, "one two three four", spoken=True), wire.AudioDone(PART))
        one.tell(done("resp_1", "completed"))
    one.tell(PlaybackStarted(), GATE_OPENED, STARTED)
    one.tell(stopped(500))
    return one


def test_an_answer_that_nobody_interrupted_is_not_marked_as_cut_any_more() -> None:
    one = speaking()
    one.tell(GATE_OPENED, STARTED, stopped(500))
    assert of(Transcript, one.tell(STOPPED, COMMITTED)) == [HALF]
    assert of(Transcript, one.tell(WORDLESS, PlaybackStarted(), PlaybackFinished())) == [WHOLE]


def test_what_is_played_when_somebody_wants_it_to_go_on_stands_behind_their_words() -> None:
    one = speaking()
    one.tell(GATE_OPENED, STARTED, stopped(500))
    one.tell(STOPPED, COMMITTED, wire.UserTranscript("item_0", "go on", {}))
    outputs = one.tell(ContinueRequested(), PlaybackStarted(), PlaybackFinished())
    assert of(Transcript, outputs) == [Transcript("assistant", "three four", True, REST.item_id)]


def test_an_answer_that_nobody_interrupted_twice_is_whole_in_the_end() -> None:
    one = speaking()
    one.tell(GATE_OPENED, STARTED, stopped(500))
    one.tell(STOPPED, COMMITTED, WORDLESS, GATE_CLOSED, PlaybackStarted())
    one.tell(GATE_OPENED, wire.SpeechStarted("item_9"), stopped(310, REST))
    outputs = one.tell(wire.SpeechStopped("item_9"), wire.InputCommitted("item_9"))
    assert of(Transcript, outputs) == [
        Transcript("assistant", "one two three …", True, "item_1", cut=True)
    ]
    outputs = one.tell(wire.UserTranscript("item_9", "", {}))
    second = AudioPart("rtaudio_rest_2", "rtaudio_rest_2_1", 0)
    assert [each.part for each in of(Play, outputs)] == [second]
    assert of(Transcript, one.tell(PlaybackStarted(), PlaybackFinished())) == [WHOLE]


def test_a_text_that_nobody_interrupted_was_said_after_all() -> None:
    one = said()
    assert of(TextSaid, one.tell(STOPPED, COMMITTED)) == [TextSaid("said_1", "interrupted", 500)]
    outputs = one.tell(WORDLESS, PlaybackStarted(), PlaybackFinished())
    assert of(TextSaid, outputs) == [TextSaid("said_1", "said", 1000)]


def test_a_text_was_said_when_somebody_lets_it_go_on() -> None:
    one = said()
    one.tell(STOPPED, COMMITTED, wire.UserTranscript("item_0", "go on", {}))
    outputs = one.tell(ContinueRequested(), PlaybackStarted(), PlaybackFinished())
    assert of(TextSaid, outputs) == [TextSaid("said_1", "said", 1000)]


def test_a_text_whose_rest_is_interrupted_as_well_stays_interrupted() -> None:
    one = said()
    one.tell(STOPPED, COMMITTED, WORDLESS, GATE_CLOSED, PlaybackStarted())
    one.tell(GATE_OPENED, wire.SpeechStarted("item_9"), stopped(310, REST))
    outputs = one.tell(wire.SpeechStopped("item_9"), wire.InputCommitted("item_9"))
    assert of(TextSaid, outputs) == [TextSaid("said_1", "interrupted", 800)]


def test_a_text_whose_end_was_never_generated_stays_interrupted() -> None:
    one = said(generated=False)
    outputs = one.tell(STOPPED, COMMITTED, done("resp_1", "cancelled"))
    assert of(TextSaid, outputs) == [TextSaid("said_1", "interrupted", 500)]
    outputs = one.tell(WORDLESS, PlaybackStarted(), PlaybackFinished())
    assert of(TextSaid, outputs) == [TextSaid("said_1", "interrupted", 1000)]


def test_a_text_that_plays_on_before_it_is_known_to_be_generated_has_one_outcome() -> None:
    one = said(generated=False)
    assert of(TextSaid, one.tell(STOPPED, COMMITTED, WORDLESS, PlaybackStarted())) == []
    outputs = one.tell(PlaybackFinished(), done("resp_1", "cancelled"))
    assert of(TextSaid, outputs) == [TextSaid("said_1", "interrupted", 1000)]


def test_the_answer_to_a_text_needs_no_wake_word_once_its_rest_was_heard() -> None:
    one = said(listen=True)
    assert of(ListenWithoutWakeWord, one.tell(STOPPED, COMMITTED, WORDLESS)) == []
    outputs = one.tell(PlaybackStarted(), PlaybackFinished())
    assert of(ListenWithoutWakeWord, outputs) == [ListenWithoutWakeWord(True)]


def test_an_interrupted_text_that_is_begun_anew_is_another_one() -> None:
    one = said()
    one.tell(STOPPED, COMMITTED, SayRequested("Once more.", "verbatim", said="said_1"))
    outputs = one.tell(WORDLESS, PlaybackStarted(), PlaybackFinished())
    assert of(TextSaid, outputs) == []
    assert one.mind.owes_receipt


def test_only_some_interrupted_texts_are_remembered() -> None:
    one = said()
    receipts = one.mind._state.receipts
    one.tell(STOPPED, COMMITTED)
    for number in range(20):
        receipts.begin(f"other_{number}")
        receipts.begun(f"other_{number}", f"other_{number}")
        receipts.stopped(f"other_{number}", lost=False)
    assert len(list(receipts.over(lambda *_: False))) == 20
    outputs = one.tell(WORDLESS, PlaybackStarted(), PlaybackFinished())
    assert of(TextSaid, outputs) == []
