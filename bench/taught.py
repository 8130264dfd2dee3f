"""How well wake words of one's own are found, and how often something else is taken for them.

`python -m bench.taught --part test --root FOLDER --cache FOLDER` takes half an hour. The part `dev`
chose the thresholds, `test` nothing: other speakers, words, negatives and talkers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtaudio_daemon.audio.engines.taught_words import embedder, material
from rtaudio_daemon.audio.engines.tflite import Library
from rtaudio_daemon.audio.processing.taught_word import COST, LOGIT, STEP_S, LearnedWord
from rtaudio_daemon.audio.processing.word_learning import Material, learn, scores
from rtaudio_daemon.audio.processing.word_recording import WordRecording, word_recording

from .taught_material import (
    RATE,
    Sound,
    Speech,
    Voice,
    babble,
    coloured,
    echoed,
    level,
    pink,
    read_wav,
    resampled,
    scaled,
    sentences,
)

Embed = Callable[[Sound], NDArray[np.float32]]
CONDITIONS = (
    *("clean", "pink 20", "pink 10", "pink 5", "babble 10", "babble 5"),
    *("echo", "echo+babble 10"),
)
TRIES = 5
REFRACTORY = 25


@dataclass(frozen=True)
class Part:
    """Who teaches what, who talks besides, and what nobody should be woken by."""

    speakers: tuple[tuple[Voice, tuple[str, ...]], ...]
    talkers: tuple[Voice, ...]
    folders: tuple[str, ...]
    seed: int
    similar: dict[str, tuple[str, ...]] = field(default_factory=dict)


_EN = ("hey computer", "okay marvin", "open sesame", "hello kitchen")
_IT = ("ciao casa", "ehi marco", "buongiorno sole")
PARTS = {
    "dev": Part(
        (
            (Voice("pico:en-US", "en", 0.92), ("good morning robot", "hey jasper", "computer now")),
            (Voice("pico:it-IT", "it", 1.08), ("sveglia bruno", "casa mia", "senti luisa")),
            (Voice("flite:awb", "en", 1.09), ("hello jenny", "hey aurora", "listen to me")),
            (Voice("flite:kal16", "en", 0.93), ("okay friday", "dear butler", "wake up oliver")),
        ),
        (
            Voice("espeak:en+m1", "en"),
            Voice("espeak:de+f2", "de"),
            Voice("pico:en-US", "en"),
            Voice("flite:kal16", "en"),
        ),
        ("en_US_f_Allison", "es", "digits", "letters", "phonetic", "dictate"),
        3,
    ),
    "test": Part(
        (
            *((Voice(each, "en"), _EN) for each in ("pico:en-GB", "flite:rms", "flite:slt")),
            (Voice("festival:ked_diphone", "en"), _EN),
            (Voice("pico:de-DE", "de"), ("hallo haus", "hey emma", "guten tag otto")),
            (Voice("pico:fr-FR", "fr"), ("bonjour maison", "salut oscar", "dis jarvis")),
            (Voice("pico:es-ES", "es"), ("hola casa", "oye marta", "buenas noches lola")),
            (Voice("festival:lp_diphone", "it"), _IT),
            (Voice("festival:pc_diphone", "it"), _IT),
            (
                Voice("festival:suo_fi_lj_diphone", "fi"),
                ("hei talo", "huomenta pekka", "kuule minua"),
            ),
        ),
        (
            Voice("pico:en-GB", "en"),
            Voice("flite:rms", "en"),
            Voice("flite:slt", "en"),
            Voice("pico:de-DE", "de"),
            Voice("pico:fr-FR", "fr"),
            Voice("pico:es-ES", "es"),
        ),
        (
            "es_MX_f_Allison",
            "fr",
            "fr_CA_f_June",
            "it_IT_f_Menardi",
            "it_IT_m_Carlo",
            "ru_RU_f_IvrvoiceRU",
        ),
        11,
        {
            "hey computer": ("hey commuter", "okay computer", "the computer"),
            "okay marvin": ("okay martin", "okay darling", "play marvin"),
            "open sesame": ("open says me", "sesame", "open the window"),
            "hello kitchen": ("hello chicken", "hello kitten", "yellow kitchen"),
            "hallo haus": ("hallo maus", "hallo hans"),
            "hey emma": ("hey anna", "hey mama"),
            "guten tag otto": ("guten tag hotte", "guten abend otto"),
            "bonjour maison": ("bonjour raison", "bonsoir maison"),
            "salut oscar": ("salut lascar", "salut edgar"),
            "dis jarvis": ("dix jarres", "dis julie"),
        },
    ),
}


@dataclass
class Taught:
    """One word of one speaker."""

    voice: Voice
    text: str
    word: LearnedWord
    tries: dict[str, list[NDArray[np.float32]]]
    others: list[NDArray[np.float32]]
    similar: list[NDArray[np.float32]]
    own: list[NDArray[np.float32]]
    recordings: list[WordRecording]


class Bench:
    def __init__(self, speech: Speech, embed: Embed, material: Material, part: Part) -> None:
        self.speech, self.embed, self.material, self.part = speech, embed, material, part
        self.chance = np.random.default_rng(part.seed)
        self.talk = {
            each: [
                speech.say(each, text)
                for text in sentences(speech.words(each.language), 12, self.chance)
            ]
            for each in part.talkers
        }

    def said(self, voice: Voice, text: str) -> Sound:
        """Once more, as nobody says a word twice alike."""
        rate = round(float(self.chance.uniform(0.87, 1.13)), 2)
        pitch = round(float(self.chance.uniform(0.88, 1.12)), 2)
        sound = self.speech.say(voice, text, rate, pitch)
        bend = float(self.chance.uniform(0.97, 1.03))
        sound = np.interp(np.arange(0, len(sound) - 1, bend), np.arange(len(sound)), sound).astype(
            np.float32
        )
        sound = scaled(coloured(sound, self.chance), float(self.chance.uniform(-30, -18)))
        quiet = int(1.3 * RATE)
        return np.concatenate([np.zeros(quiet, np.float32), sound, np.zeros(RATE, np.float32)])

    def under(self, sound: Sound, condition: str, voice: Voice) -> Sound:
        """`sound` in this condition; what is loud is the word."""
        word, chance = level(sound), self.chance
        if "echo" in condition:
            sound = echoed(sound, chance, 0.35, 0.9)
        if condition in ("clean", "echo", "taught"):
            db = 25.0 if condition == "taught" else 30.0
            return np.asarray(
                sound + pink(len(sound), chance) * word * 10 ** (-db / 20), np.float32
            )
        db = float(condition.rpartition(" ")[2])
        if "pink" in condition:
            noise = pink(len(sound), chance)
        else:
            talkers = [
                each for key, said in self.talk.items() if key.name != voice.name for each in said
            ]
            noise = babble(talkers, len(sound), chance, 4)
        return np.asarray(sound + noise * word * 10 ** (-db / 20), np.float32)

    def features(self, sound: Sound) -> NDArray[np.float32]:
        return self.material.basis.features(self.embed(sound))

    def recordings(self, voice: Voice, text: str) -> Iterator[Sound]:
        for _ in range(4):
            sound = echoed(self.said(voice, text), self.chance, 0.2, 0.3)
            yield self.under(sound, "taught", voice)

    def teach(self, voice: Voice, text: str) -> Taught:
        recordings = [word_recording(each) for each in self.recordings(voice, text)]
        word = learn(recordings, self.material, self.embed)
        tries = {
            condition: [
                self.features(self.under(self.said(voice, text), condition, voice))
                for _ in range(TRIES)
            ]
            for condition in CONDITIONS
        }
        others = [
            self.features(self.under(self.said(each, text), "clean", each))
            for each, _ in self.part.speakers
            if each != voice and each.language == voice.language
        ]
        similar = [
            self.features(self.under(self.said(voice, each), "clean", voice))
            for each in self.part.similar.get(text, ())
            for _ in range(2)
        ]
        words = self.speech.words(voice.language)
        said = [self.said(voice, each) for each in sentences(words, 12, np.random.default_rng(99))]
        own = [self.features(np.concatenate(said))]
        faults = [each.fault for each in recordings if each.fault]
        lengths = " ".join(f"{each.length_s:.2f}" for each in recordings)
        print(f"{voice.name:26} {text:20} {lengths} {faults}", flush=True)
        return Taught(voice, text, word, tries, others, similar, own, recordings)


def read_prompt(file: Path) -> Sound:
    """A WAV file, or one of telephones."""
    if file.suffix == ".wav":
        return read_wav(file)
    if file.suffix != ".gsm":
        return np.zeros(0, np.float32)
    import soundfile

    found, rate = soundfile.read(
        file, dtype="float32", format="RAW", subtype="GSM610", samplerate=8000, channels=1
    )
    return resampled(found, rate, RATE)


def negatives(part: Part, root: Path, kept: Path, embed: Embed) -> NDArray[np.float32]:
    """Embeddings of real people's prompts."""
    if kept.exists():
        return np.asarray(np.load(kept))
    base = root / "usr/share/asterisk/sounds"
    files = [each for name in part.folders for each in sorted((base / name).rglob("*.*"))]
    sounds = [sound for each in files if len(sound := read_prompt(each)) > RATE // 10]
    rows = [embed(np.concatenate(sounds[at : at + 30])) for at in range(0, len(sounds), 30)]
    found = np.concatenate(rows)
    np.save(kept, found)
    return found


def recent(
    cost: NDArray[np.float32], logit: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The best of each within three rows."""
    best, most = cost.copy(), logit.copy()
    for back in (1, 2):
        best[back:] = np.minimum(best[back:], cost[:-back])
        most[back:] = np.maximum(most[back:], logit[:-back])
    return best, most


def events(
    cost: NDArray[np.float32], logit: NDArray[np.float32], limit: tuple[float, float]
) -> int:
    """How often a word is found."""
    best, most = recent(cost, logit)
    hits = np.flatnonzero((best <= limit[0]) & (most >= limit[1]))
    count, free = 0, 0
    for each in hits.tolist():
        if each >= free:
            count, free = count + 1, each + REFRACTORY
    return count


def report(taught: list[Taught], features: NDArray[np.float32]) -> None:
    """What was found, in percent, and how often something else was, at each sensitivity."""
    hours = len(features) * STEP_S / 3600
    print(f"{len(taught)} words, {hours:.2f} hours of other people's prompts")
    heard = [scores(each.word, features) for each in taught]
    for name, shift in (("low", -1.0), ("normal", 0.0), ("high", 1.0)):
        limit = (COST + shift * 0.05, LOGIT - shift * 0.8)
        cells = []
        for condition in CONDITIONS:
            tries = [scores(each.word, one) for each in taught for one in each.tries[condition]]
            hits = [events(one[0], one[1], limit) > 0 for one in tries]
            cells.append(f"{condition} {100 * np.mean(hits):.0f}")
        false = sum(events(each[0], each[1], limit) for each in heard)
        print(f"{name}: {', '.join(cells)}; {false} false accepts in {hours * len(taught):.1f} h")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=sorted(PARTS), default="test")
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    part, embed, given = PARTS[arguments.part], embedder(Library()), material()
    kept = arguments.cache / f"negatives-{arguments.part}.npy"
    found = given.basis.features(negatives(part, arguments.root, kept, embed))
    bench = Bench(Speech(arguments.cache, arguments.root), embed, given, part)
    report([bench.teach(voice, text) for voice, texts in part.speakers for text in texts], found)


if __name__ == "__main__":
    main()
