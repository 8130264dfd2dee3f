"""When is a word spotted, and when only nearly so?"""

from __future__ import annotations

import pytest

from rtaudio_daemon.audio.processing.word_score import Spotted, WordScore, cutoff_at

STEP_MS = 100


def hear(word: WordScore, *scores: float) -> list[Spotted]:
    return [found for each in scores if (found := word.feed(each, STEP_MS)) is not None]


def test_above_its_cutoff_a_word_is_spotted_with_its_score() -> None:
    word = WordScore("marvin", 0.8, persona="Marvin", stop=True)
    assert hear(word, 0.1, 0.8, 0.81, 0.1) == [Spotted("marvin", 0.81, "Marvin", True)]
    assert word.near_misses == 0, "what led to it is no near miss"


@pytest.mark.parametrize(
    ("scores", "near_misses"),
    [
        ((0.1, 0.55, 0.1), 0),
        ((0.1, 0.56, 0.1), 1),
        ((0.1, 0.56, 0.7, 0.6, 0.1), 1),
        ((0.1, 0.7, 0.1, 0.7, 0.1), 1),
        ((0.7, *[0.1] * 21, 0.7, 0.1), 2),
        ((0.9, 0.1, 0.7, 0.1), 0),
        ((0.9, *[0.1] * 20, 0.7, 0.1), 1),
    ],
)
def test_a_near_miss_is_counted_once(scores: tuple[float, ...], near_misses: int) -> None:
    word = WordScore("marvin", 0.8)
    hear(word, *scores)
    assert word.near_misses == near_misses


@pytest.mark.parametrize(
    ("cutoff", "sensitivity", "shifted"),
    [
        (0.97, "normal", 0.97),
        (0.5, "low", 0.731),
        (0.5, "high", 0.269),
        (0.9, "low", 0.961),
        (0.9, "high", 0.768),
        (0.999, "low", 0.999),
        (0.999, "normal", 0.999),
        (0.999, "high", 0.987),
        (0.0, "high", 0.0),
        (0.0, "low", 0.125),
        (1.0, "low", 1.0),
    ],
)
def test_sensitivity_moves_the_cutoff(cutoff: float, sensitivity: str, shifted: float) -> None:
    assert cutoff_at(cutoff, sensitivity) == pytest.approx(shifted, abs=0.001)
