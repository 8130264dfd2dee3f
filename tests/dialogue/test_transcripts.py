"""Which words of an answer are reported: those that somebody heard, or can read."""

from __future__ import annotations

import pytest

from rtaudio_daemon.dialogue.inputs import (
    InterruptRequested,
    SayRequested,
    SessionLost,
    SessionRenewed,
)
from rtaudio_daemon.dialogue.outputs import Output
from rtaudio_daemon.notifications import (
    AudioPart,
    ErrorReported,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    Transcript,
)
from rtaudio_daemon.protocol import events as wire
from rtaudio_daemon.protocol.error_codes import Severity

from .talk import PART, SECOND, STARTED, Talk, created, done, opened

WORDS = "one two three four"
OTHER = AudioPart("resp_2", "item_2", 0)


def spoken(text: str = WORDS, part: AudioPart = PART) -> wire.Event:
    return wire.TextDone(part, text, spoken=True)


def reported(steps: list[Output]) -> list[Transcript]:
    return [step for step in steps if isinstance(step, Transcript)]


def whole(text: str = WORDS, item_id: str = "item_1") -> Transcript:
    return Transcript("assistant", text, True, item_id)


def cut(text: str) -> Transcript:
    return Transcript("assistant", text, True, "item_1", cut=True)


def answered(talk: Talk, part: AudioPart = PART) -> None:
    """An answer of a second is generated, and nothing of it is heard yet."""
    talk.tell(created(part.response_id), wire.AudioDelta(part, SECOND), wire.AudioDone(part))
    assert reported(talk.tell(spoken(WORDS, part), done(part.response_id, "completed"))) == []


def test_words_are_reported_when_their_sound_was_played() -> None:
    talk = opened()
    answered(talk)
    assert reported(talk.tell(PlaybackStarted())) == []
    assert reported(talk.tell(PlaybackFinished())) == [whole()]
    assert reported(talk.tell(PlaybackFinished())) == []


def test_words_that_come_before_their_sound_wait_for_it() -> None:
    talk = opened()
    talk.tell(created("resp_1"))
    assert reported(talk.tell(spoken(), wire.AudioDelta(PART, SECOND))) == []
    talk.tell(wire.AudioDone(PART), done("resp_1", "completed"), PlaybackStarted())
    assert reported(talk.tell(PlaybackFinished())) == [whole()]


def test_words_that_come_after_their_sound_was_played_are_reported_at_once() -> None:
    talk = opened()
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), wire.AudioDone(PART))
    talk.tell(PlaybackStarted(), PlaybackFinished())
    assert reported(talk.tell(spoken())) == [whole()]


def test_written_words_are_reported_at_once() -> None:
    talk = opened()
    assert reported(talk.tell(created("resp_1"), wire.TextDone(PART, WORDS))) == [whole()]


def test_written_words_that_nobody_wants_any_more_are_not_reported() -> None:
    talk = opened()
    talk.tell(created("resp_1"), InterruptRequested())
    assert reported(talk.tell(wire.TextDone(PART, WORDS))) == []


def test_words_of_an_answer_that_is_cut_end_where_it_was_cut() -> None:
    talk = opened()
    answered(talk)
    talk.tell(PlaybackStarted(), STARTED)
    assert reported(talk.tell(PlaybackStopped((Heard(PART, 500),)))) == [cut("one two …")]


def test_words_that_come_after_the_cut_end_there_too() -> None:
    talk = opened()
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), PlaybackStarted(), STARTED)
    talk.tell(wire.AudioDelta(PART, SECOND))  # on its way already: nobody hears it
    talk.tell(PlaybackStopped((Heard(PART, 1000),)))
    assert reported(talk.tell(spoken())) == [cut("one two …")]


def test_sound_that_comes_after_the_cut_has_words_too() -> None:
    talk = opened()
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), PlaybackStarted(), STARTED)
    talk.tell(PlaybackStopped((Heard(PART, 1000),)), wire.AudioDelta(PART, SECOND))
    assert reported(talk.tell(spoken())) == [cut("one two …")]


def test_an_answer_that_was_stopped_when_all_that_had_come_was_heard_is_marked() -> None:
    talk = opened()
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), PlaybackStarted(), STARTED)
    talk.tell(PlaybackStopped((Heard(PART, 1000),)))
    assert reported(talk.tell(spoken())) == [cut(WORDS)]


def test_words_that_never_sounded_are_not_reported() -> None:
    talk = opened()
    answered(talk)
    answered(talk, OTHER)
    talk.tell(PlaybackStarted(), InterruptRequested())
    stopped = PlaybackStopped((Heard(PART, 500), Heard(OTHER, 0)))
    assert reported(talk.tell(stopped)) == [cut("one two …")]


def test_less_than_a_word_is_not_reported() -> None:
    talk = opened()
    answered(talk)
    talk.tell(PlaybackStarted(), STARTED)
    assert reported(talk.tell(PlaybackStopped((Heard(PART, 20),)))) == []


def test_what_was_played_whole_when_the_next_answer_is_cut_is_reported_whole() -> None:
    talk = opened()
    answered(talk)
    answered(talk, OTHER)
    talk.tell(PlaybackStarted(), STARTED)
    assert reported(talk.tell(PlaybackStopped((Heard(OTHER, 0),)))) == [whole()]


def test_words_of_an_answer_that_gave_no_sound_are_forgotten_with_it() -> None:
    talk = opened()
    talk.tell(created("resp_1"), spoken(), done("resp_1", "completed"))
    talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), wire.AudioDone(PART))
    assert reported(talk.tell(PlaybackStarted(), PlaybackFinished())) == []


def test_words_of_an_answer_that_was_interrupted_before_its_first_sound_are_not_reported() -> None:
    talk = opened()
    talk.tell(created("resp_1"), InterruptRequested())
    told = talk.tell(spoken(), wire.AudioDelta(PART, SECOND), done("resp_1", "cancelled"))
    assert reported(told) == []


def test_what_is_being_played_when_the_session_goes_is_reported_when_it_was_heard() -> None:
    for ends in (SessionLost("gone"), SessionRenewed()):
        talk = opened()
        answered(talk)
        talk.tell(created("resp_2"), spoken("unheard", OTHER), PlaybackStarted(), ends)
        assert reported(talk.tell(PlaybackFinished())) == [whole()]


def test_an_announcement_is_reported_as_far_as_it_was_heard() -> None:
    talk = opened()
    talk.tell(SayRequested(WORDS, "verbatim"))
    talk.tell(created("resp_1", {"rtaudio": "say"}), wire.AudioDelta(PART, SECOND))
    talk.tell(wire.AudioDone(PART), spoken(), done("resp_1", "completed"), PlaybackStarted())
    talk.tell(InterruptRequested())
    assert reported(talk.tell(PlaybackStopped((Heard(PART, 500),)))) == [cut("one two …")]


def test_where_nobody_reports_playback_words_are_reported_at_once() -> None:
    talk = opened(playback="assumed")
    told = talk.tell(created("resp_1"), wire.AudioDelta(PART, SECOND), spoken())
    assert reported(told) == [whole()]


def test_words_whose_sound_never_comes_are_bounded() -> None:
    talk = opened()
    talk.tell(created("resp_1"))
    for number in range(100):
        part = AudioPart("resp_1", f"item_{number}", 0)
        talk.tell(spoken(WORDS, part))
        talk.tell(wire.AudioDelta(AudioPart("resp_2", f"item_{number}", 0), SECOND))
        talk.tell(wire.AudioDone(AudioPart("resp_2", f"item_{number}", 0)), PlaybackFinished())
    first, last = AudioPart("resp_1", "item_0", 0), AudioPart("resp_1", "item_99", 0)
    talk.tell(wire.AudioDelta(first, SECOND), wire.AudioDelta(last, SECOND))
    talk.tell(wire.AudioDone(first), wire.AudioDone(last))
    assert reported(talk.tell(PlaybackFinished())) == [whole(WORDS, "item_99")]


def test_the_end_of_one_answer_forgets_no_words_of_another() -> None:
    talk = opened()
    talk.tell(created("resp_1"), created("resp_2"), spoken(), done("resp_2", "completed"))
    talk.tell(wire.AudioDelta(PART, SECOND), wire.AudioDone(PART), done("resp_1", "completed"))
    assert reported(talk.tell(PlaybackStarted(), PlaybackFinished())) == [whole()]


@pytest.mark.parametrize(
    ("code", "message", "reported_as"),
    [
        ("audio_unintelligible", "No words.", ("audio_unintelligible", "No words.")),
        ("", "", ("transcription_failed", "transcription_failed")),
    ],
)
def test_what_the_service_could_not_transcribe_is_reported(
    code: str, message: str, reported_as: tuple[str, str]
) -> None:
    error = wire.ServiceErrorReported(code, "", message, "", Severity.BENIGN)
    (report,) = opened().tell(wire.UserTranscriptFailed("item_0", error))
    name, why = reported_as
    words = f"the service could not transcribe what was said: {why}"
    assert report == ErrorReported("service", name, words)
