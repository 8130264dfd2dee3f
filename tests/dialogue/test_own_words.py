"""Does what the user said repeat what the daemon has just said?"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rtaudio_daemon.dialogue.own_words import OwnWords

ANSWER = "It will rain in the morning, and from noon on the sun will shine over the whole valley."


def certain(turns: Iterable[str], *, answer: str = ANSWER, over_answer: bool = True) -> list[bool]:
    """After each turn that begins over this answer."""
    own_words = OwnWords()
    own_words.said(answer)
    answers = []
    for words in turns:
        own_words.turn_began(over_answer=over_answer)
        answers.append(own_words.came_back(words))
    return answers


@pytest.mark.parametrize(
    ("answer", "turn"),
    [
        (ANSWER, ANSWER),
        (ANSWER, "IT WILL RAIN, IN THE MORNING AND FROM NOON"),
        (ANSWER, "in the morning and from noon on the son will shine"),
        (ANSWER, "will rain the morning and from the noon on the sun"),
        (ANSWER, "ing and from noon on the sun will shine over the whole"),
        (
            "L’été, où déjà çà et là tout s'éveille, il fait chaud.",
            "lete ou deja ca et la tout seveille il",
        ),
        (
            "Draußen regnet es bei 20 Grad, und die Straße bleibt noch lange naß.",
            "regnet es bei 20 grad und die STRASSE bleibt noch",
        ),
        (
            "明日は朝から雨が降りますが、午後は晴れるでしょう。",
            "朝から雨が降りますが午後は晴れるで",
        ),
        (
            "明天早上会下雨,中午以后太阳会照耀整个山谷。",
            "明天早上会下雨中午以后太阳会照耀",
        ),
        (
            "พรุ่งนี้ตอนเช้าฝนจะตก และตั้งแต่เที่ยงวันแดดจะออกทั่วทั้งหุบเขา",
            "พรุ่งนี้ตอนเช้าฝนจะตก และตั้งแต่เที่ยงวันแดดจะออก",
        ),
        (
            "कल सुबह बारिश होगी और दोपहर से पूरी घाटी में धूप रहेगी",
            "कल सुबह बारिश होगी और दोपहर से पूरी",
        ),
        (
            "내일 아침에는 비가 오고 정오부터는 해가 온 골짜기에 비칩니다",
            "내일 아침에는 비가 오고 정오부터는 해가 온 골짜기에",
        ),
    ],
)
def test_a_long_stretch_of_an_answer_is_its_echo(answer: str, turn: str) -> None:
    assert certain([turn], answer=answer) == [True]


@pytest.mark.parametrize(
    "turn",
    [
        "",
        "…",
        "yes",
        "rain",
        "the sun the sun",
        "no, stop that, and say how the weather will be in Rome",
        "you said that it will rain in the morning, but what do I do with all of my washing then",
        "the the the the the the the the the the the the",
        "はい",
    ],
)
def test_a_person_who_speaks_over_an_answer_is_no_echo(turn: str) -> None:
    assert certain([turn] * 2) == [False] * 2


def test_who_quotes_some_words_of_an_answer_is_no_echo() -> None:
    assert certain(["It will rain in the morning?"]) == [False]


def test_who_repeats_an_answer_after_it_is_no_echo() -> None:
    assert certain([ANSWER] * 3, over_answer=False) == [False] * 3


def test_the_beginnings_of_answers_come_back_in_one_turn_after_the_other() -> None:
    assert certain(["It will rain"] * 4) == [False, False, True, False]


def test_one_word_is_neither_an_echo_nor_a_proof_of_none() -> None:
    turns = ["It will rain in", "yes", "It", "", "It will rain in the"]
    assert certain(turns) == [False, False, False, False, True]


def test_somebody_in_between_proves_that_there_is_no_echo() -> None:
    assert certain(["It will rain in", "how is it in Rome", "It will rain in"]) == [False] * 3


def test_somebody_who_speaks_when_nothing_is_heard_proves_it_too() -> None:
    own_words = OwnWords()
    own_words.said(ANSWER)
    for over_answer in (True, False, True):
        own_words.turn_began(over_answer=over_answer)
        assert not own_words.came_back("It will rain in")


def test_the_last_three_answers_are_remembered() -> None:
    own_words = OwnWords()
    own_words.turn_began(over_answer=True)
    assert not own_words.came_back(ANSWER)
    for answer in (ANSWER, "Good morning.", "Not at all, my friend."):
        own_words.said(answer)
        assert own_words.came_back(ANSWER)
    own_words.said("Good night.")
    assert not own_words.came_back(ANSWER)


def test_very_long_words_are_looked_at_as_far_as_it_takes() -> None:
    assert certain([ANSWER * 4000], answer=ANSWER * 4000) == [True]
    assert certain(["a " * 40_000], answer="a b " * 40_000) == [False]
