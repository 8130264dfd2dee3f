"""Learns a wake word from a few recordings of it.

Each recording is also varied: with noise, among other talkers, in a reverberant room, in a quieter
place, brighter or duller, and a little faster or slower. `Material`, which comes with the program,
provides counterexamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from .format import median
from .taught_word import (
    COST,
    CUTOFF,
    FEATURES,
    SEEN_S,
    STEP_S,
    Basis,
    Floats,
    LearnedWord,
    WordScores,
    score,
)
from .word_recording import RATE, Sound, WordRecording

VERSION = 2
"""Version of the algorithm: when it changes, words are learned again from their recordings."""
Embed = Callable[[Sound], Floats]
"""Computes the embeddings of a sound, as if nothing had been heard before it."""

_LEAD_S, _TRAIL_S = 1.0, 0.4  # around the word
_FROM_START_S, _AFTER_END_S = 0.35, 0.2  # which embeddings belong to the word
_ROWS_LEAST, _ROWS_MOST = 4, 16
_POSITIVE_SHARE = 0.1  # of the total weight of all rows
_RIDGE = 1.0
_PIECE = 512  # samples
_SOFT_DB, _SOFTER = 12.0, 1.2
_STEPS = 8


@dataclass(frozen=True, slots=True)
class Material:
    """Data that comes with the program.

    `basis`; `negatives`: features of other speech and of noise, one after the other; `babble`:
    several people talking at once, with an amplitude (root mean square) of 1.
    """

    basis: Basis
    negatives: Floats
    babble: Sound


def learn(recordings: Sequence[WordRecording], material: Material, embed: Embed) -> LearnedWord:
    """Learn the word that all recordings contain. Takes some seconds on a Raspberry Pi."""
    chance = np.random.default_rng(1)
    templates = tuple(template(each, material.basis, embed) for each in recordings)
    rows = int(np.clip(median([len(each) for each in templates]), _ROWS_LEAST, _ROWS_MOST))
    positives: list[Floats] = []
    for recording in recordings:
        for copy in _copies(recording, material.babble, chance):
            features = material.basis.features(embed(copy.sound))
            last = _row(copy.end_s + _AFTER_END_S)
            positives += [
                features[end - rows + 1 : end + 1].ravel()
                for end in range(last - 1, last + 2)
                if end - rows + 1 >= 0 and end < len(features)
            ]
    weights, bias = _classifier(np.stack(positives), _stretches(material.negatives, rows))
    return LearnedWord(templates, weights.reshape(rows, FEATURES), bias)


def template(recording: WordRecording, basis: Basis, embed: Embed) -> Floats:
    """Return the features of the word itself."""
    features = basis.features(embed(_cut_out(recording).sound))
    first, last = _row(_LEAD_S + _FROM_START_S), _row(_LEAD_S + recording.length_s + _AFTER_END_S)
    return features[first : max(last + 1, first + 1)]


def scores(word: LearnedWord, features: Floats) -> tuple[Floats, Floats]:
    """Return the cost and the logit at each row."""
    judge = WordScores(word)
    found = np.array([judge.feed(row) for row in features], np.float32).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def unlike(
    recording: WordRecording, others: Sequence[WordRecording], basis: Basis, embed: Embed
) -> bool:
    """Return whether `recording` differs from the others in word or pronunciation."""
    templates = tuple(template(each, basis, embed) for each in others)
    blank = LearnedWord(templates, np.zeros((1, FEATURES), np.float32), 0.0)
    features = basis.features(embed(_cut_out(recording).sound))
    return float(scores(blank, features)[0].min()) > COST


def ordinary(word: LearnedWord, material: Material) -> bool:
    """Return whether something in the speech of `material` would be taken for the word."""
    found = zip(*scores(word, material.negatives), strict=True)
    return any(score(float(cost), float(logit)) > CUTOFF for cost, logit in found)


def _row(moment_s: float) -> int:
    """Return the embedding that ends closest to this moment of a sound."""
    return max(0, round((moment_s - SEEN_S) / STEP_S))


def _cut_out(recording: WordRecording) -> WordRecording:
    """Return the word with its surroundings, padded with room noise if they are too short."""
    start = round((recording.start_s - _LEAD_S) * RATE)
    end = round((recording.end_s + _TRAIL_S) * RATE)
    sound = recording.sound[max(0, start) : end]
    before, after = max(0, -start), max(0, end - len(recording.sound))
    padded = np.concatenate([_quiet(before, sound), sound, _quiet(after, sound)])
    return WordRecording(padded, _LEAD_S, _LEAD_S + recording.length_s, recording.snr_db)


def _quiet(count: int, like: Sound) -> Sound:
    """Repeat the softest piece of `like`, forwards and backwards, to `count` samples."""
    if not count:
        return np.zeros(0, np.float32)
    size = RATE // 50
    pieces = like[: len(like) // size * size].reshape(-1, size)
    softest = pieces[int((pieces**2).mean(axis=1).argmin())]
    turns = count // (2 * size) + 1
    return np.asarray(np.tile(np.concatenate([softest, softest[::-1]]), turns)[:count], np.float32)


def _copies(
    recording: WordRecording, babble: Sound, chance: np.random.Generator
) -> Iterator[WordRecording]:
    """Yield the recording as it would sound elsewhere."""
    clean = _cut_out(recording)
    for speed in (1.0, 0.93, 1.07):
        copy = _at_speed(clean, speed)
        yield copy
        for octave_db in (-1.5, 1.5):
            yield _changed(copy, _sloped(copy.sound, octave_db))
        yield _changed(copy, _quieter_place(copy.sound))
        level = _level(copy)
        count = len(copy.sound)
        for db in (20, 12, 6):
            yield _with(copy, _pink(count, chance) * (level * 10 ** (-db / 20)))
        for db in (18, 12, 8, 5):
            start = int(chance.integers(max(1, len(babble) - count)))
            piece = np.resize(babble[start:], count)
            yield _with(copy, piece * (level * 10 ** (-db / 20)))
        yield _in_a_room(copy, chance)


def _with(recording: WordRecording, other: Sound) -> WordRecording:
    return _changed(recording, np.asarray(recording.sound + other, np.float32))


def _changed(recording: WordRecording, sound: Sound) -> WordRecording:
    return WordRecording(sound, recording.start_s, recording.end_s, recording.snr_db)


def _sloped(sound: Sound, octave_db: float) -> Sound:
    """Tilt the spectrum by so many dB per octave, as another microphone or place would."""
    spectrum = np.fft.rfft(sound)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 100) / 1000)
    sloped = np.fft.irfft(spectrum * 10 ** (octave_db * octaves / 20), len(sound))
    return np.asarray(sloped, np.float32)


def _quieter_place(sound: Sound) -> Sound:
    """Reduce noise and echo: what is far below the loudest of its pitch becomes softer still."""
    padded = np.concatenate([np.zeros(_PIECE), sound, np.zeros(_PIECE)])
    starts = range(0, len(padded) - _PIECE, _PIECE // 4)
    shape = np.hanning(_PIECE + 1)[:-1]
    spectra = np.stack([np.fft.rfft(shape * padded[at : at + _PIECE]) for at in starts])
    loud = np.abs(spectra)
    limit = np.maximum(loud.max(axis=0) * 10 ** (-_SOFT_DB / 20), 1e-9)
    spectra *= np.minimum(1, loud / limit) ** _SOFTER
    joined, weight = np.zeros(len(padded)), np.zeros(len(padded))
    for at, piece in zip(starts, np.fft.irfft(spectra, _PIECE), strict=True):
        joined[at : at + _PIECE] += shape * piece
        weight[at : at + _PIECE] += shape**2
    joined /= np.maximum(weight, 1e-3)
    return np.asarray(joined[_PIECE : _PIECE + len(sound)], np.float32)


def _at_speed(recording: WordRecording, speed: float) -> WordRecording:
    if speed == 1:
        return recording
    sound = np.asarray(soxr.resample(recording.sound, RATE * speed, RATE), np.float32)
    return WordRecording(
        sound, recording.start_s / speed, recording.end_s / speed, recording.snr_db
    )


def _level(recording: WordRecording) -> float:
    """Return the amplitude of the word."""
    word = recording.sound[round(recording.start_s * RATE) : round(recording.end_s * RATE)]
    return float(np.sqrt((word**2).mean()))


def _pink(count: int, chance: np.random.Generator) -> Sound:
    """Return noise of equal power in every octave, with an amplitude of 1."""
    spectrum = np.fft.rfft(chance.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 20)), count)
    return np.asarray(noise / noise.std(), np.float32)


def _in_a_room(recording: WordRecording, chance: np.random.Generator) -> WordRecording:
    """Add reverberation of 0.3 s with the power of the sound itself."""
    count = int(0.3 * RATE)
    tail = chance.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail[: RATE // 250] = 0
    tail *= 0.8 / np.sqrt((tail**2).sum())
    tail[0] = 1
    size = len(recording.sound) + count
    mixed = np.fft.irfft(np.fft.rfft(recording.sound, size) * np.fft.rfft(tail, size), size)
    return _changed(recording, np.asarray(mixed[: len(recording.sound)], np.float32))


def _stretches(features: Floats, rows: int) -> Floats:
    """Return every run of `rows` rows as one row."""
    if len(features) < rows:
        return np.zeros((0, rows * FEATURES), np.float32)
    found = np.lib.stride_tricks.sliding_window_view(features.ravel(), rows * FEATURES)
    return np.ascontiguousarray(found[::FEATURES])


def _classifier(positives: Floats, negatives: Floats) -> tuple[Floats, float]:
    """Fit a logistic regression with a ridge by Newton's method; return weights and bias."""
    rows = np.concatenate([positives, negatives])
    rows = np.concatenate([rows, np.ones((len(rows), 1), np.float32)], axis=1)
    wanted = np.concatenate([np.ones(len(positives)), np.zeros(len(negatives))])
    share = np.where(
        wanted == 1,
        _POSITIVE_SHARE / max(len(positives), 1),
        (1 - _POSITIVE_SHARE) / max(len(negatives), 1),
    ) * len(negatives)
    ridge = np.full(rows.shape[1], _RIDGE)
    ridge[-1] = 1e-6
    weights = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(rows @ weights.astype(np.float32), -30, 30)))
        slope = rows.T @ (share * (likely - wanted)).astype(np.float32) + ridge * weights
        bend = (share * np.maximum(likely * (1 - likely), 1e-6)).astype(np.float32)
        curve = (rows * bend[:, None]).T @ rows + np.diag(ridge)
        weights -= np.linalg.solve(curve.astype(np.float64), slope)
    return weights[:-1].astype(np.float32), float(weights[-1])
