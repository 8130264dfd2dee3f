"""Makes what comes with the program for learning wake words: `audio/engines/taught_material.npz`.

`python -m bench.taught_basis --root FOLDER --cache FOLDER`.
The file taught_material.md beside it names the sources.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rtaudio_daemon.audio.engines.taught_words import embedder
from rtaudio_daemon.audio.engines.tflite import Library
from rtaudio_daemon.audio.processing.taught_word import FEATURES, Basis
from rtaudio_daemon.audio.processing.word_learning import Embed

from .taught_material import (
    RATE,
    Sound,
    Speech,
    Voice,
    babble,
    coloured,
    echoed,
    pink,
    read_wav,
    scaled,
    sentences,
)

FILE = Path(__file__).parent.parent / "rtaudio_daemon/audio/engines/taught_material.npz"
VOICES = (
    *((Voice(f"pico:{name}", name[:2]), 260) for name in ("en-US", "it-IT")),
    *((Voice(f"flite:{name}", "en"), 170) for name in ("awb", "kal16")),
    *(
        (Voice(f"espeak:{language}+{variant}", language[:2]), 65)
        for language, variant in (
            *(("en", "f2"), ("en-us", "m3"), ("en", "m7"), ("en-us", "f4"), ("en", "klatt2")),
            *(("de", "f3"), ("de", "m2"), ("de", "m6"), ("de", "f5")),
            *(("fr", "f1"), ("fr", "m4"), ("it", "f2"), ("es", "m1"), ("es", "f4")),
        )
    ),
)
"""Who speaks, and for how many seconds."""


def spoken(speech: Speech, chance: np.random.Generator) -> Iterator[list[Sound]]:
    """The sentences of each voice in turn."""
    for voice, seconds in VOICES:
        words, said, so_far = speech.words(voice.language), [], 0.0
        while so_far < seconds:
            text = sentences(words, 1, chance)[0]
            rate, pitch = float(chance.uniform(0.85, 1.2)), float(chance.uniform(0.9, 1.12))
            said.append(speech.say(voice, text, round(rate, 2), round(pitch, 2)))
            so_far += len(said[-1]) / RATE
        yield said


def elsewhere(sound: Sound, chance: np.random.Generator) -> Sound:
    """As it may sound somewhere: every third one in noise, every third one in a room."""
    sound = scaled(coloured(sound, chance), float(chance.uniform(-32, -16)))
    kind = chance.integers(3)
    if kind == 0:
        loud = float(np.sqrt((sound**2).mean()))
        gap = float(chance.uniform(8, 25))
        return np.asarray(sound + pink(len(sound), chance) * loud * 10 ** (-gap / 20), np.float32)
    return echoed(sound, chance, 0.3, 0.7) if kind == 1 else sound


def embed_all(sounds: list[Sound], embed: Embed) -> Sound:
    return np.concatenate(
        [embed(np.concatenate(sounds[at : at + 20])) for at in range(0, len(sounds), 20)]
    )


def make(speech: Speech, librivox: Path, embed: Embed) -> None:
    chance = np.random.default_rng(7)
    by_voice = list(spoken(speech, chance))
    read = [read_wav(each) for each in sorted(librivox.glob("*.wav"))]
    talkers = [each for said in [*by_voice[:8], read] for each in said]
    many = babble(talkers, 12 * RATE, chance)
    sounds = [elsewhere(each, chance) for said in by_voice for each in said]
    sounds += [scaled(each, -24) for each in read]
    sounds += [babble(talkers, 15 * RATE, chance, number) * 0.05 for number in (2, 2, 3, 3, 4, 6)]
    sounds += [pink(20 * RATE, chance) * amplitude for amplitude in (0.003, 0.03)]
    sounds += [np.asarray(chance.standard_normal(20 * RATE) * 0.02, np.float32)]
    rows = embed_all(sounds, embed)
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((rows - mean).T))
    best = np.argsort(values)[::-1][:FEATURES]
    projection = vectors[:, best] / np.sqrt(values[best])
    basis = Basis(mean.astype(np.float32), projection.astype(np.float32))
    features = basis.features(rows)
    np.savez_compressed(
        FILE,
        mean=basis.mean,
        projection=basis.projection,
        negatives=np.clip(np.round(features * 160), -127, 127).astype(np.int8),
        babble=np.clip(np.round(many[::2] * 28), -127, 127).astype(np.int8),
    )
    seconds = sum(len(each) for each in sounds) / RATE
    print(f"{seconds / 60:.1f} minutes, {len(rows)} rows, {FILE.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    librivox = arguments.root / "usr/share/pocketsphinx/test/data/librivox"
    make(Speech(arguments.cache, arguments.root), librivox, embedder(Library()))


if __name__ == "__main__":
    main()
