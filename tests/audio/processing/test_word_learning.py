"""What is learned of a word, and from what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.taught_word import FEATURES
from rtaudio_daemon.audio.processing.word_learning import (
    learn,
    ordinary,
    scores,
    template,
    unlike,
)
from rtaudio_daemon.audio.processing.word_recording import word_recording
from tests.audio.processing.words_of_tones import MARVIN, SESAME, embed, learned, material, said

MATERIAL, WORD = material(), learned()
RECORDING = word_recording(said(MARVIN))


def test_learning_again_gives_the_same() -> None:
    learned.cache_clear()
    again = learned()
    assert again.bias == pytest.approx(WORD.bias, rel=1e-3)
    assert np.allclose(again.weights, WORD.weights, atol=1e-3)
    assert np.allclose(again.templates[0], WORD.templates[0], atol=1e-3)


def test_the_classifier_tells_the_word_from_the_negatives() -> None:
    heard = MATERIAL.basis.features(embed(said(MARVIN, before_s=1.2, seed=8)))
    assert scores(WORD, heard)[1].max() > 1
    assert np.quantile(scores(WORD, MATERIAL.negatives)[1], 0.99) < 0
    other = MATERIAL.basis.features(embed(said(SESAME, before_s=1.2)))
    assert scores(WORD, other)[1].max() < 0


def test_a_template_holds_the_word_and_not_what_is_around_it() -> None:
    short = template(RECORDING, MATERIAL.basis, embed)
    recording = word_recording(said(MARVIN, before_s=2.0, after_s=2.0))
    assert len(template(recording, MATERIAL.basis, embed)) == len(short) == 9
    cost = 1 - float(np.mean(np.sum(template(recording, MATERIAL.basis, embed) * short, axis=1)))
    assert cost < 0.1
    tiny = replace(RECORDING, end_s=RECORDING.start_s)
    assert template(tiny, MATERIAL.basis, embed).shape == (1, FEATURES)


def test_without_negatives_something_is_learned_all_the_same() -> None:
    few = replace(MATERIAL, negatives=MATERIAL.negatives[:3])
    word = learn([RECORDING], few, embed)
    assert np.isfinite(word.weights).all()


def test_another_word_is_unlike_and_the_same_one_is_not() -> None:
    again, other = (word_recording(said(each, seed=4)) for each in (MARVIN, SESAME))
    assert not unlike(again, [RECORDING], MATERIAL.basis, embed)
    assert unlike(other, [RECORDING], MATERIAL.basis, embed)


def test_a_word_that_is_in_the_negatives_is_ordinary() -> None:
    assert not ordinary(WORD, MATERIAL)
    easy = replace(WORD, bias=WORD.bias + 100, templates=(MATERIAL.negatives[40:48],))
    assert ordinary(easy, MATERIAL)
