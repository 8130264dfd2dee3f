"""To whom does the house listen?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rtaudio_daemon.audio.engines.wake_word_engines import open_attention
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.audio.processing.wake_word import (
    Attention,
    CombinedEngine,
    OwnWord,
    WordCount,
)
from rtaudio_daemon.audio.processing.word_score import Spotted, WordScore
from rtaudio_daemon.config import Gate as Settings
from rtaudio_daemon.config import Wake

FRAME = 960


class Script:
    """Hears a wake word in frames of w, and speech in frames of x (and w)."""

    scores: Sequence[WordScore] = ()

    def feed(self, pcm: bytes) -> Spotted | None:
        return Spotted("alexa", 0.9) if pcm[0] == ord("w") else None

    def forget(self) -> None: ...

    def probability(self, pcm: bytes) -> float:
        return 0.9 if pcm[0] in b"xw" else 0.0


USUAL = Settings(pre_roll_ms=100, hangover_ms=200)


class Home:
    def __init__(self, attention: Attention, settings: Settings = USUAL) -> None:
        self.gate = Gate(settings, Script(), None, attention)
        self.sent = ""
        self.woken: list[str] = []

    def hear(self, frames: str) -> None:
        for mark in frames:
            result = self.gate.feed(mark.encode() * FRAME)
            self.sent += result.pcm_to_send[::FRAME].decode()
            self.woken += [result.woken.word] if result.woken else []


def home(window_ms: float = 1000, settings: Settings = USUAL) -> Home:
    return Home(Attention("wake_word", Script(), window_ms), settings)


def test_without_a_wake_word_nothing_leaves_the_house() -> None:
    harness = home()
    harness.hear("x" * 200)
    assert harness.sent == ""


def test_in_one_breath_the_end_of_the_wake_word_and_all_that_follows_is_sent() -> None:
    harness = home()
    harness.hear("..xxxxw" + "x" * 12 + "." * 10)
    assert harness.woken == ["alexa"]
    assert harness.sent == "xw" + "x" * 12 + "." * 10


any_start = pytest.mark.parametrize(
    ("start_ms", "start_window_ms"), [(0, 0), (20, 20), (64, 130), (64, 1000), (300, 500)]
)


@any_start
def test_the_end_of_the_wake_word_alone_is_no_turn(start_ms: int, start_window_ms: int) -> None:
    settings = replace(USUAL, start_ms=start_ms, start_window_ms=start_window_ms)
    harness = home(settings=settings)
    for tail in ("x" * 4, "xx.xx", "x" * 9):
        harness.hear("xxxxw" + tail + "." * 200)
        assert not harness.sent
    assert harness.woken == ["alexa"] * 3


@any_start
def test_of_a_sentence_in_one_breath_nothing_is_lost(start_ms: int, start_window_ms: int) -> None:
    settings = Settings(start_ms=start_ms, start_window_ms=start_window_ms, hangover_ms=200)
    harness = home(settings=settings)
    harness.hear("." * 20 + "xxxxw" + "x" * 17 + "." * 10)
    assert harness.sent.endswith("xw" + "x" * 17 + "." * 10)


def test_who_begins_after_the_wake_word_is_heard_as_soon_as_ever() -> None:
    harness = home()
    harness.hear("w" + "." * 10 + "xxx")
    assert not harness.gate.open
    harness.hear("x")
    assert harness.gate.open


def test_after_a_button_no_wake_word_may_still_be_ending() -> None:
    harness = home()
    harness.hear("w")
    harness.gate.attend()
    harness.hear("xxxx")
    assert harness.gate.open


class TwoWords(Script):
    """Hears alexa in frames of w, and mycroft in frames of y."""

    def feed(self, pcm: bytes) -> Spotted | None:
        return Spotted("mycroft", 0.9) if pcm[0] == ord("y") else super().feed(pcm)


def test_another_word_soon_after_a_wrong_one_counts_as_well() -> None:
    harness = Home(Attention("wake_word", TwoWords(), 1000))
    harness.hear("w" + "." * 24 + "y" + "." * 24 + "y" + "." * 74 + "y")
    assert harness.woken == ["alexa", "mycroft", "mycroft"]


def test_what_was_said_between_the_wrong_word_and_the_right_one_is_no_turn() -> None:
    harness = Home(Attention("wake_word", TwoWords(), 1000))
    harness.hear("w" + "." * 20 + "x" * 10)
    assert harness.gate.open
    result = harness.gate.feed(b"y" * FRAME)
    assert (result.aborted, result.called, result.pcm_to_send) == (True, True, b"")
    assert not harness.gate.open
    harness.hear("." * 20 + "x" * 10)
    assert harness.gate.open, "and nothing of what follows is lost"
    harness.hear("." * 20 + "x" * 80)
    assert not harness.gate.feed(b"w" * FRAME).aborted, "long after the other word it is a turn"


def test_a_word_that_sounds_like_another_is_heard_once() -> None:
    harness = Home(Attention("wake_word", TwoWords(), 1000))
    harness.hear("w" + "." * 10 + "y" + "." * 200 + "y" + "." * 20 + "w")
    assert harness.woken == ["alexa", "mycroft"]


@pytest.mark.parametrize("echo_tail", [False, True])
def test_the_end_of_the_wake_word_is_no_turn_after_an_answer_either(echo_tail: bool) -> None:
    harness = home()
    harness.gate.playing = True
    harness.hear("." * 10)
    harness.gate.playing = False
    harness.hear("." * (2 if echo_tail else 20) + "w" + "x" * 9 + "." * 20)
    assert harness.woken == ["alexa"]
    assert not harness.sent


def test_after_the_wake_word_alone_there_is_time_to_begin() -> None:
    harness = home()
    harness.hear("w" + "." * 30 + "xxxxx" + "." * 10)
    assert harness.sent.endswith("xxxxx" + "." * 10)
    harness.hear("." * 60 + "x" * 20)
    assert harness.sent.endswith("xxxxx" + "." * 10), "the window is closed again"


def test_until_an_answer_and_for_a_while_after_it_no_wake_word_is_needed() -> None:
    harness = home()
    harness.hear("w" + "x" * 12 + "." * 10)
    harness.gate.in_conversation = True  # an answer is awaited, and then heard
    harness.hear("." * 500)
    harness.gate.in_conversation = False
    harness.hear("." * 45)
    sent = len(harness.sent)
    harness.hear("xxxxxx")
    assert len(harness.sent) > sent


def test_after_an_announcement_that_nobody_asked_for_a_wake_word_is_needed() -> None:
    harness = home()
    harness.gate.in_conversation = True
    harness.hear("." * 10)
    harness.gate.in_conversation = False
    harness.hear("x" * 20)
    assert harness.sent == ""


def test_when_the_sound_pauses_a_wake_word_is_needed_again() -> None:
    harness = home()
    harness.hear("w" + "." * 10)
    harness.gate.pause()
    harness.hear("x" * 20)
    assert harness.sent == ""
    harness.hear("." * 100 + "w" + "x" * 12)
    assert harness.sent


def test_a_wake_word_interrupts_an_answer_and_the_same_one_counts_once() -> None:
    harness = home()
    harness.gate.playing = True
    harness.hear("...www")
    assert harness.woken == ["alexa"]
    assert harness.gate.open


@pytest.mark.parametrize(
    ("then", "proved"),
    [
        ("x" * 9 + "." * 40, False),
        ("." * 40, False),
        ("x" * 14, True),
        ("x" * 9 + "." * 12 + "x" * 4, True),
    ],
)
def test_a_wake_word_over_an_answer_ends_it_and_alone_it_is_no_turn(
    then: str, proved: bool
) -> None:
    harness = home(settings=replace(USUAL, hangover_ms=1000))
    harness.gate.playing = True
    harness.hear("." * 20 + "w")
    assert harness.gate.open
    assert harness.gate.called
    harness.gate.playing = False
    results = [harness.gate.feed(mark.encode() * FRAME) for mark in then]
    assert any(result.aborted for result in results) is not proved
    assert not any(result.stopped for result in results)
    assert harness.gate.open is proved
    if not proved:
        harness.hear("xxxx")
        assert harness.gate.open, "the word still counts"


def test_a_wake_word_in_the_middle_of_a_turn_is_told_too() -> None:
    harness = home()
    harness.hear("w" + "x" * 110 + "w")
    assert harness.gate.open
    assert harness.woken == ["alexa"] * 2


def test_who_says_no_wake_word_is_overheard_once_a_minute_but_not_an_answer() -> None:
    harness = home()

    def overheard(frames: str) -> list[int]:
        results = [harness.gate.feed(mark.encode() * FRAME) for mark in frames]
        assert not any(result.pcm_to_send for result in results)
        return [at for at, result in enumerate(results) if result.overheard]

    assert overheard("." * 10 + "x.x..x" + "." * 10) == [], "clicks"
    harness.gate.playing = True
    assert overheard("x" * 20) == []
    harness.gate.playing = False
    assert overheard("x" * 15 + "." * 3000) == [], "its echo"
    assert overheard("x" * 6002 + "." * 10) == [3, 3006]


def test_while_something_rings_the_next_speech_is_overheard_at_once() -> None:
    harness = home()
    gate = harness.gate

    def overheard(frames: str) -> int:
        return sum(gate.feed(mark.encode() * FRAME).overheard for mark in frames)

    assert overheard("x" * 10 + "." * 50) == 1
    assert overheard("x" * 10 + "." * 50) == 0
    gate.overhear()
    assert not gate.doubts
    assert overheard("x" * 2) == 0
    assert gate.doubts, "which holds the next ring back"
    assert not gate.expects_turn, "it is not for us"
    assert overheard("x" * 8) == 1


@pytest.mark.parametrize("button", [True, False])
def test_after_a_button_no_wake_word_is_needed_until_one_is_asked_for(button: bool) -> None:
    harness = home()
    harness.gate.attend()
    if not button:
        harness.gate.need_wake_word()
    harness.hear("xxxxxx")
    assert bool(harness.sent) is button


def test_where_everybody_is_listened_to_a_button_changes_nothing() -> None:
    harness = Home(Attention("open", None, 1000))
    harness.gate.attend()
    harness.gate.need_wake_word()
    harness.hear("xxxxxx")
    assert harness.sent


def test_a_word_of_our_own_answer_is_no_wake_word_while_it_is_heard() -> None:
    attention = Attention("wake_word", Script(), 1000)
    heard = [attention.feed(b"w" * FRAME, engaged=True, meant=meant) for meant in (False, True)]
    assert heard == [None, None], "the second frame is the same word"
    assert attention.feed(b"." * FRAME * 200, engaged=True) is None
    assert attention.feed(b"w" * FRAME, engaged=True) == Spotted("alexa", 0.9)


@pytest.mark.parametrize("own", [True, False])
def test_a_word_is_that_of_the_answer_unless_somebody_else_speaks_over_it(own: bool) -> None:
    word = OwnWord()
    word.advance(5_000, answer=True)
    for _ in range(100):
        word.heard(True, 20, own=lambda: own)
    assert word.likely is own


def test_with_push_to_talk_nobody_is_listened_to() -> None:
    harness = Home(open_attention("push_to_talk", Wake("any")))
    harness.hear("wwwxxxxxx" * 20)
    assert harness.sent == ""


def test_it_attends_for_a_while_after_the_word_and_never_where_none_is_used() -> None:
    harness = home()
    assert not harness.gate.attends
    harness.hear("w")
    assert harness.gate.attends
    harness.hear("." * 60)
    assert not harness.gate.attends, "a second later"
    assert not Home(Attention()).gate.attends


class Letters:
    """Knows one word, and hears it in frames of its first letter; near it is the capital."""

    def __init__(self, word: str, *, stop: bool = False) -> None:
        self.scores = [WordScore(word, 0.5, persona=word.title(), stop=stop)]
        self.heard = ""

    def feed(self, pcm: bytes) -> Spotted | None:
        letter = self.scores[0].word[0]
        score = {letter: 0.9, letter.upper(): 0.4}.get(chr(pcm[0]), 0.0)
        self.heard += chr(pcm[0])
        return self.scores[0].feed(score, len(pcm) / 48)

    def forget(self) -> None:
        self.heard = ""


def test_of_several_words_each_is_heard_and_counted_and_says_who_answers() -> None:
    engine = CombinedEngine([Letters("marvin"), Letters("nora"), Letters("quiet", stop=True)])
    attention = Attention("wake_word", engine)

    def hear(frames: str) -> list[Spotted]:
        found = [attention.feed(mark.encode() * FRAME, engaged=False) for mark in frames]
        return [each for each in found if each is not None]

    assert hear("." * 10 + "m" + "." * 200 + "n" + "." * 200) == [
        Spotted("marvin", 0.9, "Marvin"),
        Spotted("nora", 0.9, "Nora"),
    ]
    assert hear("N" + "." * 200 + "NN.N" + "." * 200) == []
    assert attention.words == [
        WordCount("marvin", 1, 0),
        WordCount("nora", 1, 2),
        WordCount("quiet", 0, 0),
    ]
    assert hear("q" + "." * 200) == [], "it wakes nobody"
    assert not attention.paid
    assert Attention().words == []


def test_a_stop_is_heard_in_every_mode_by_who_asks_for_it() -> None:
    word = Letters("quiet", stop=True)
    stops = CombinedEngine([word])
    for listen in ("open", "wake_word", "push_to_talk"):
        attention = Attention(listen, stops=stops)
        assert attention.stop(b"q" * FRAME) == Spotted("quiet", 0.9, "Quiet", stop=True)
        assert attention.stop(b"." * FRAME) is None
        assert word.heard == "q."
        attention.forget_stops()
        assert word.heard == "", "what sounds next is not ended by what was said before"
        assert attention.words == [WordCount("quiet", 1, 0)]
    deaf = Attention()
    deaf.forget_stops()
    assert deaf.stop(b"q" * FRAME) is None
