"""How well wake words of one's own are found, and how often something else is taken for them.

    python -m bench.taught [--part test|dev] [--shipped] --root FOLDER --cache FOLDER

Each speaker teaches each of his words by four recordings, and says it again in all conditions.
The part `dev` chose how words are learned and judged, `test` nothing: other speakers, words,
prompts and talkers. `--shipped`: the same conditions and prompts for the four words that come with
pymicro-wakeword, said by the part's English voices. The last columns are false accepts in
prompts by other people, with the one-sided upper 95 % bound of their rate, which takes each word's
hearing of the same prompts for independent, and events in the speaker's own other sentences.

It takes half an hour. `--root` and `--cache`: bench/taught_material.py.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtaudio_daemon.audio.engines.micro_wake_word import MicroWakeWordEngine
from rtaudio_daemon.audio.engines.open_wake_word import RowMaker, RowWordEngine
from rtaudio_daemon.audio.engines.taught_words import TaughtWord, embedder, material
from rtaudio_daemon.audio.engines.tflite import Library
from rtaudio_daemon.audio.processing.format import FRAME_BYTES, SAMPLE_RATE
from rtaudio_daemon.audio.processing.taught_word import CUTOFF, STEP_S, LearnedWord, score
from rtaudio_daemon.audio.processing.word_learning import Embed, learn, scores
from rtaudio_daemon.audio.processing.word_recording import word_recording
from rtaudio_daemon.audio.processing.word_score import WordScore, cutoff_at
from rtaudio_daemon.config import WakeWord
from rtaudio_daemon.config.wake_sections import WORDS

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
from .taught_parts import PARTS, Part
from .wake import upper_bound

CONDITIONS = (
    *("clean", "pink 20", "pink 10", "pink 5", "babble 10", "babble 5"),
    *("echo", "echo+babble 10"),
)
SENSITIVITIES = ("low", "normal", "high")
TRIES = 5
REFRACTORY = 25  # rows
_COST_S = 60


@dataclass
class Found:
    """Of one word: the best scores of its tries in each condition; events where nobody says it."""

    best: dict[str, list[float]] = field(default_factory=dict)
    false: dict[str, int] = field(default_factory=dict)
    own: dict[str, int] = field(default_factory=dict)
    own_hours: float = 0.0


class Bench:
    """What is said in which condition; `chance` decides on all that is left open."""

    def __init__(self, part: Part, speech: Speech) -> None:
        self.speech, self.part = speech, part
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

    def tries(self, voice: Voice, text: str) -> Iterator[tuple[str, Sound]]:
        """The word in each condition in turn."""
        for condition in CONDITIONS:
            for _ in range(TRIES):
                yield condition, self.under(self.said(voice, text), condition, voice)

    def recordings(self, voice: Voice, text: str) -> Iterator[Sound]:
        """What the word is learned from."""
        for _ in range(4):
            sound = echoed(self.said(voice, text), self.chance, 0.2, 0.3)
            yield self.under(sound, "taught", voice)

    def others(self, voice: Voice, text: str) -> Iterator[tuple[str, Sound]]:
        """The word by other people of the same language, and similar words by the same one."""
        for each, _ in self.part.speakers:
            if each != voice and each.language == voice.language:
                yield "others", self.under(self.said(each, text), "clean", each)
        for similar in self.part.similar.get(text, ()):
            for _ in range(2):
                yield "similar", self.under(self.said(voice, similar), "clean", voice)

    def own(self, voice: Voice) -> Sound:
        """Other sentences by the same voice."""
        words = self.speech.words(voice.language)
        said = [self.said(voice, each) for each in sentences(words, 12, np.random.default_rng(99))]
        return np.concatenate(said)


@dataclass(frozen=True)
class Job:
    """One word of one speaker; `number` of all."""

    part: str
    root: Path
    cache: Path
    number: int
    voice: Voice
    text: str

    def run(self) -> Found:
        part, given, embed = PARTS[self.part], material(), embedder(Library())
        bench = Bench(part, Speech(self.cache, self.root))
        bench.chance = np.random.default_rng((part.seed, self.number))
        recordings = [word_recording(each) for each in bench.recordings(self.voice, self.text)]
        word, found = learn(recordings, given, embed), Found()

        def certain(rows: NDArray[np.float32]) -> NDArray[np.float64]:
            return certainties(word, given.basis.features(rows))

        said = (*bench.tries(self.voice, self.text), *bench.others(self.voice, self.text))
        for condition, sound in said:
            found.best.setdefault(condition, []).append(float(certain(embed(sound)).max()))
        own, heard = bench.own(self.voice), certain(negatives(self, embed))
        sentences = certain(embed(own))
        found.own_hours = len(own) / RATE / 3600
        for each in SENSITIVITIES:
            found.false[each] = events(heard, cutoff_at(CUTOFF, each))
            found.own[each] = events(sentences, cutoff_at(CUTOFF, each))
        faults = [each.fault for each in recordings if each.fault]
        lengths = " ".join(f"{each.length_s:.2f}" for each in recordings)
        print(f"{self.voice.name:26} {self.text:20} {lengths} {faults} {found.false}", flush=True)
        return found


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


def prompts(part: Part, root: Path) -> Iterator[Sound]:
    """What real people say on telephones, thirty prompts at a time."""
    base = root / "usr/share/asterisk/sounds"
    files = [each for name in part.folders for each in sorted((base / name).rglob("*.*"))]
    sounds = [sound for each in files if len(sound := read_prompt(each)) > RATE // 10]
    for at in range(0, len(sounds), 30):
        yield np.concatenate(sounds[at : at + 30])


def negatives(job: Job, embed: Embed) -> NDArray[np.float32]:
    """Embeddings of the prompts, which are kept."""
    kept = job.cache / f"negatives-{job.part}.npy"
    if not kept.exists():
        rows = [embed(each) for each in prompts(PARTS[job.part], job.root)]
        np.save(kept, np.concatenate(rows))
    return np.asarray(np.load(kept))


def certainties(word: LearnedWord, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """The score at each row, from the best judgements of three rows."""
    cost, logit = scores(word, features)
    best, most = cost.copy(), logit.copy()
    for back in (1, 2):
        best[back:] = np.minimum(best[back:], cost[:-back])
        most[back:] = np.maximum(most[back:], logit[:-back])
    return np.array([score(*each) for each in zip(best.tolist(), most.tolist(), strict=True)])


def events(certain: NDArray[np.float64], cutoff: float) -> int:
    """How often a word is found."""
    count, free = 0, 0
    for each in np.flatnonzero(certain > cutoff).tolist():
        if each >= free:
            count, free = count + 1, each + REFRACTORY
    return count


def report(name: str, found: Sequence[Found], sensitivity: str, hours: float) -> str:
    """A row of the table."""
    cells = []
    for condition in (*CONDITIONS, "others", "similar"):
        tries = [one for each in found for one in each.best.get(condition, ())]
        hits = [one > cutoff_at(CUTOFF, sensitivity) for one in tries]
        cells.append(f"{100 * np.mean(hits):.0f}" if hits else "–")
    false, total = sum(each.false[sensitivity] for each in found), hours * len(found)
    rate = f"{false / total:.2f} ({false} in {total:.1f}; {upper_bound(false) / total:.2f})"
    own = sum(each.own[sensitivity] for each in found)
    spoken = f"{own} in {sum(each.own_hours for each in found):.2f} h"
    return f"| {name} | {' | '.join(cells)} | {rate} | {spoken} |"


def as_frames(sound: Sound) -> Iterator[bytes]:
    pcm = (np.clip(resampled(sound, RATE, SAMPLE_RATE), -1, 1) * 32767).astype("<i2").tobytes()
    return (pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES))


def shipped(part: str, root: Path, cache: Path, name: str) -> tuple[Found, float]:
    """The same of a word that is shipped, at normal sensitivity, and the hours of prompts."""
    bench, found = Bench(PARTS[part], Speech(cache, root)), Found(own={"normal": 0})
    voices = [each for each, _ in PARTS[part].speakers if each.language == "en"]
    text = name.replace("_", " ")
    for voice in voices:
        for condition, sound in bench.tries(voice, text):
            engine = MicroWakeWordEngine([WakeWord(name)])
            hit = any(engine.feed(each) for each in as_frames(sound))
            found.best.setdefault(condition, []).append(float(hit))
    engine, count, at, last_s, seconds = MicroWakeWordEngine([WakeWord(name)]), 0, 0, -9.0, 0.0
    for sound in prompts(PARTS[part], root):
        for frame in as_frames(sound):
            at += 1
            if engine.feed(frame):
                count, last_s = count + (at / 50 - last_s >= 2), at / 50
        seconds += len(sound) / RATE
    found.false["normal"] = count
    return found, seconds / 3600


def cost(part: str, root: Path, cache: Path) -> float:
    """CPU milliseconds for a second of speech, of one word that was taught."""
    voice, texts = PARTS[part].speakers[0]
    bench, library = Bench(PARTS[part], Speech(cache, root)), Library()
    recordings = [word_recording(each) for each in bench.recordings(voice, texts[0])]
    word = TaughtWord(learn(recordings, material(), embedder(library)), WordScore("x", CUTOFF))
    engine = RowWordEngine(RowMaker(library), [word])
    frames = list(as_frames(next(prompts(PARTS[part], root))))[: _COST_S * 50]
    began = time.process_time()
    for frame in frames:
        engine.feed(frame)
    return (time.process_time() - began) * 1000 / (len(frames) / 50)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=sorted(PARTS), default="test")
    parser.add_argument("--shipped", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args()
    where = (given.part, given.root, given.cache)
    names = (*CONDITIONS, "others", "similar", "false accepts an hour", "own sentences")
    header = f"| | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}"
    with ProcessPoolExecutor(given.processes) as pool:
        if given.shipped:
            found = pool.map(shipped, *zip(*[(*where, each) for each in WORDS], strict=True))
            print(header)
            for name, (one, hours) in zip(WORDS, found, strict=True):
                print(report(name, [one], "normal", hours), flush=True)
            return
        words = [(who, each) for who, texts in PARTS[given.part].speakers for each in texts]
        jobs = [Job(*where, number, *each) for number, each in enumerate(words)]
        hours = len(negatives(jobs[0], embedder(Library()))) * STEP_S / 3600
        taught = list(pool.map(Job.run, jobs))
    print(f"{len(taught)} words, {hours:.2f} hours of prompts\n{header}")
    for each in SENSITIVITIES:
        print(report(each, taught, each, hours))
    print(f"{cost(*where):.1f} ms of CPU time for a second of speech")


if __name__ == "__main__":
    main()
