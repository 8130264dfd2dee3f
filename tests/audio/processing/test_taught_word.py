"""Is the word that was taught found again, and nothing else?"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio_daemon.audio.processing.taught_word import (
    CUTOFF,
    LearnedWord,
    TaughtWordDetector,
    learned_word,
    score,
)
from rtaudio_daemon.audio.processing.word_learning import scores
from rtaudio_daemon.audio.processing.word_recording import Sound
from tests.audio.processing.words_of_tones import MARVIN, SESAME, embed, learned, material, said

MATERIAL, WORD = material(), learned()


def best(sound: Sound, word: LearnedWord = WORD) -> float:
    return max(TaughtWordDetector(MATERIAL.basis, word).feed(embed(sound)))


@pytest.mark.parametrize("tone_s", [0.18, 0.2, 0.22])
def test_the_word_is_far_more_certain_than_others_at_other_speeds_and_in_noise(
    tone_s: float,
) -> None:
    others = [said(SESAME, before_s=1.2), said(MARVIN[::-1], before_s=1.2), said((), before_s=2.0)]
    found = best(said(MARVIN, tone_s=tone_s, before_s=1.2, noise=0.002, seed=9))
    assert found > 10 * max(map(best, others))


def test_it_is_found_at_its_end_in_pieces_of_any_size() -> None:
    rows = embed(said(MARVIN, before_s=2.0, after_s=1.5))
    whole = TaughtWordDetector(MATERIAL.basis, WORD).feed(rows)
    detector = TaughtWordDetector(MATERIAL.basis, WORD)
    pieces = [each for at in range(0, len(rows), 2) for each in detector.feed(rows[at : at + 2])]
    assert pieces == pytest.approx(whole, rel=1e-3, abs=1e-6)
    # the word ends at 2.8 s, which is the row 25
    assert 22 <= int(np.argmax(whole)) <= 30
    assert max(whole[:20]) < CUTOFF


def test_what_one_judgement_lacks_the_other_may_make_up_for() -> None:
    for even in ((0.48, 4.4), (0.36, 3.2), (0.6, 5.6)):
        assert score(*even) == pytest.approx(CUTOFF)
    assert score(0.0, -50.0) < 1e-6
    assert score(7.0, 50.0) < 1e-6
    assert score(float("inf"), float("-inf")) < 1e-6
    assert 0.9 < score(0.2, 20.0) < 1


def test_a_word_of_one_recording_is_judged_by_that_alone() -> None:
    word = LearnedWord(WORD.templates[:1], WORD.weights, WORD.bias)
    cost, _ = scores(word, MATERIAL.basis.features(embed(said(MARVIN, before_s=1.2, seed=0))))
    assert cost.min() < 0.1


def test_what_was_learned_comes_back_from_its_arrays() -> None:
    again = learned_word(WORD.arrays())
    assert again.arrays().keys() == WORD.arrays().keys()
    sound = said(MARVIN, before_s=1.2)
    assert best(sound, again) == pytest.approx(best(sound), rel=1e-3)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"weights": None}, "missing"),
        ({"bias": None}, "missing"),
        ({"bias": np.zeros(2, np.float32)}, "missing"),
        ({"weights": np.zeros((4, 31), np.float32)}, "size"),
        ({"weights": np.zeros((4, 32, 1), np.float32)}, "size"),
        ({"template_0": np.zeros((99, 32), np.float32)}, "size"),
        ({"template_0": np.zeros((0, 32), np.float32)}, "size"),
        ({"weights": np.full((4, 32), np.nan, np.float32)}, "number"),
        ({"weights": np.zeros((4, 32))}, "number"),
    ],
)
def test_arrays_of_something_else_are_refused(
    changed: dict[str, NDArray[np.float32] | None], what: str
) -> None:
    arrays = {key: each for key, each in {**WORD.arrays(), **changed}.items() if each is not None}
    with pytest.raises(ValueError, match=what):
        learned_word(arrays)
    without = {key: each for key, each in arrays.items() if not key.startswith("template")}
    with pytest.raises(ValueError, match="missing"):
        learned_word(without)
