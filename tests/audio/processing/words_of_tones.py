"""Words made of tones, and embeddings of them, for tests of what is learned from words."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from rtaudio_daemon.audio.processing.taught_word import (
    EMBEDDING_SIZE,
    FEATURES,
    Basis,
    LearnedWord,
)
from rtaudio_daemon.audio.processing.word_learning import Material, learn
from rtaudio_daemon.audio.processing.word_recording import RATE, Sound, word_recording

Floats = NDArray[np.float32]
MARVIN = (400, 900, 600, 1500)
SESAME = (1200, 500, 1700, 700)
_BANDS = np.linspace(200, 2000, EMBEDDING_SIZE)
_HOP, _SEEN = RATE * 8 // 100, RATE * 78 // 100


def said(
    tones: tuple[int, ...],
    *,
    tone_s: float = 0.2,
    before_s: float = 0.5,
    after_s: float = 0.5,
    loud: float = 0.2,
    noise: float = 0.001,
    seed: int = 0,
) -> Sound:
    """One tone after the other, in a little noise."""
    time = np.arange(round(tone_s * RATE)) / RATE
    word = np.concatenate(
        [np.zeros(0), *(np.sin(2 * np.pi * each * time) * loud for each in tones)]
    )
    quiet = [np.zeros(round(each * RATE)) for each in (before_s, after_s)]
    sound = np.concatenate([quiet[0], word, quiet[1]])
    hiss = np.random.default_rng(seed).standard_normal(len(sound)) * noise
    return np.asarray(sound + hiss, np.float32)


def embed(sound: Sound) -> Floats:
    """How loud each of 96 bands is at the end of what is seen, and a little of what was before."""
    found = []
    for start in range(0, len(sound) - _SEEN + 1, _HOP):
        seen = sound[start : start + _SEEN]
        late, early = _bands(seen[-_HOP * 2 :]), _bands(seen[-_HOP * 4 : -_HOP * 2])
        found.append(late + 0.5 * early)
    return np.asarray(found, np.float32).reshape(-1, EMBEDDING_SIZE)


def _bands(sound: Sound) -> Floats:
    power = np.abs(np.fft.rfft(sound)) ** 2 / len(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    near = np.searchsorted(_BANDS, hertz).clip(0, EMBEDDING_SIZE - 1)
    sums = np.bincount(near, power, EMBEDDING_SIZE)
    return np.asarray(np.log(sums + 1e-4), np.float32)


@cache
def material() -> Material:
    """As what comes with the program, from other words of tones."""
    chance = np.random.default_rng(5)
    words = [tuple(chance.integers(250, 1900, 4).tolist()) for _ in range(15)]
    talk = np.concatenate([said(each, seed=number) for number, each in enumerate(words)])
    rows = embed(talk)
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((rows - mean).T))
    best = np.argsort(values)[::-1][:FEATURES]
    projection = (vectors[:, best] / np.sqrt(values[best] + 0.01)).astype(np.float32)
    basis = Basis(mean, projection)
    return Material(basis, basis.features(rows), talk[: 4 * RATE] / talk.std())


@cache
def learned() -> LearnedWord:
    """MARVIN, of two recordings."""
    sounds = [said(MARVIN, tone_s=0.2 + each / 50, seed=each) for each in range(2)]
    return learn([word_recording(each) for each in sounds], material(), embed)
