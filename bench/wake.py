"""Wake words: how often they are heard, how often something else is taken for one, what they cost.

    python -m bench.wake words [--word WORD …] [--file FILE --say TEXT] [--sensitivity …]
    python -m bench.wake cost

`words`: each is said by synthetic English voices at three speeds under eight conditions (twelve
voices with pico, ten without: 36 or 30 tries a cell), and all words hear two hours of real people
who never say one: false accepts, with the one-sided upper 95 % bound of their rate. `--file` takes
another one, said as `--say`. The material: bench/wake_material.py. It takes some minutes.

`cost`: CPU time per second of sound, all in one run, of openWakeWord as its package drives it, of
the same in blocks, and of microWakeWord.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from math import exp
from pathlib import Path

import numpy as np

from bench.wake_material import CONDITIONS, ENGLISH, Condition, as_pcm, pink, real_speech, stream
from rtaudio_daemon.audio.engines.micro_wake_word import MicroWakeWordEngine
from rtaudio_daemon.audio.engines.open_wake_word import (
    CUTOFF,
    OpenWord,
    RowMaker,
    RowWordEngine,
    word_score,
)
from rtaudio_daemon.audio.engines.tflite import Library
from rtaudio_daemon.audio.engines.wake_word_engines import load_file
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, FRAME_BYTES, SAMPLE_RATE, Resampler
from rtaudio_daemon.audio.processing.wake_word import WakeWordEngine
from rtaudio_daemon.config import Wake, WakeWord
from rtaudio_daemon.config.wake_sections import WORDS

_RATES = (0.85, 1.0, 1.15)
_ONCE_MS = 2_000  # an event of a word and what is spotted within this time are one
_COST_S = 60


def frames(pcm: bytes) -> Iterable[bytes]:
    return (pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES))


def engine_of(word: WakeWord) -> WakeWordEngine:
    return load_file(word) if word.file else MicroWakeWordEngine([word])


def heard(word: WakeWord, text: str, condition: Condition) -> tuple[int, int]:
    """How often the word was heard, and how often it was said."""
    engine, found, tries = engine_of(word), 0, 0
    for voice in ENGLISH:
        for rate in _RATES:
            tries += 1
            pcm = as_pcm(condition.heard(voice.say(text, rate), tries))
            spotted = [engine.feed(frame) for frame in frames(pcm)]
            found += any(spotted)
    return found, tries


def false_accepts(words: Sequence[WakeWord]) -> tuple[dict[str, dict[str, int]], float]:
    """How often each word was heard in each collection where nobody says it, and all its hours."""
    found: dict[str, dict[str, int]] = {each.called: {} for each in words}
    total_ms = 0.0
    for name, files in real_speech().items():
        engines = [engine_of(each) for each in words]
        last = dict.fromkeys(found, -float(_ONCE_MS))
        for pcm in stream(files):
            for frame in frames(pcm):
                total_ms += len(frame) / BYTES_PER_MS
                for spotted in filter(None, [each.feed(frame) for each in engines]):
                    if total_ms - last[spotted.word] >= _ONCE_MS:
                        counts = found[spotted.word]
                        counts[name] = counts.get(name, 0) + 1
                    last[spotted.word] = total_ms
    return found, total_ms / 3_600_000


def upper_bound(events: int) -> float:
    """The most events that are expected where so many or fewer are seen in 5 % of all cases."""

    def chance(expected: float) -> float:
        term = total = exp(-expected)
        for count in range(1, events + 1):
            term *= expected / count
            total += term
        return total

    low, high = 0.0, 10.0 + 4 * events
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > 0.05 else (low, middle)
    return high


def measure_words(words: Sequence[tuple[WakeWord, str]]) -> None:
    columns = [each.name for each in CONDITIONS]
    print(f"| word | tries | {' | '.join(columns)} | false accepts | per hour, upper bound |")
    print(f"| --- {'| --- ' * (len(columns) + 3)}|", flush=True)
    accepted, hours = false_accepts([word for word, _ in words])
    for word, text in words:
        cells, tries = [], 0
        for condition in CONDITIONS:
            found, tries = heard(word, text, condition)
            cells.append(f"{100 * found / tries:.0f}")
        events = sum(accepted[word.called].values())
        rate = f"{events / hours:.2f}, {upper_bound(events) / hours:.2f}"
        shares = " | ".join(cells)
        print(f"| {word.called} | {tries} | {shares} | {events} in {hours:.2f} h | {rate} |")
        print(f"  by collection: {accepted[word.called] or 'none'}", flush=True)


def cpu_ms(work: Iterable[object], seconds: float) -> float:
    """CPU time per second of sound."""
    began = time.process_time()
    for _ in work:
        pass
    return (time.process_time() - began) * 1000 / seconds


def measure_cost() -> None:
    import pyopen_wakeword

    files = [file for files in real_speech().values() for file in files[::5]]
    pcm = b"".join(islice(stream(files), 40))[: _COST_S * SAMPLE_RATE * 2]
    hushed = as_pcm(pink(_COST_S * SAMPLE_RATE, np.random.default_rng(1)) * 15)
    library = Library()
    package = pyopen_wakeword.OpenWakeWordFeatures.from_builtin()
    word = pyopen_wakeword.OpenWakeWord.from_builtin(pyopen_wakeword.Model.OKAY_NABU)

    at_16_khz = Resampler(SAMPLE_RATE, 16_000).feed(pcm)
    chunks = [at_16_khz[at : at + 2560] for at in range(0, len(at_16_khz) - 2560, 2560)]

    def as_shipped() -> Iterable[object]:
        for chunk in chunks:
            for row in package.process_streaming(chunk):
                yield from word.process_streaming(row)

    def ours(sound: bytes, engine: WakeWordEngine) -> float:
        engine.feed(sound[:FRAME_BYTES])
        return cpu_ms((engine.feed(frame) for frame in frames(sound)), _COST_S)

    def in_blocks(count: int) -> RowWordEngine:
        maker, entry = RowMaker(library), WakeWord("okay_nabu")
        path = library.shipped("okay_nabu")
        score = word_score(entry, CUTOFF)
        words = [OpenWord(library, path, score, maker.silence) for _ in range(count)]
        return RowWordEngine(maker, words)

    next(iter(as_shipped()))  # the silence before the first sound
    shipped = cpu_ms(as_shipped(), _COST_S)
    for name, ms in (
        ("openWakeWord, one word, as its package drives it", shipped),
        ("the same in blocks", ours(pcm, in_blocks(1))),
        ("in blocks, four words", ours(pcm, in_blocks(4))),
        ("in blocks, one word, in a quiet room", ours(hushed, in_blocks(1))),
        ("microWakeWord, one word", ours(pcm, MicroWakeWordEngine([WakeWord("okay_nabu")]))),
        ("microWakeWord, four words", ours(pcm, MicroWakeWordEngine(Wake("any").entries()))),
    ):
        print(f"{name}: {ms:.1f} ms per second of sound, {ms / shipped:.2f} of the first")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("words", "cost"))
    parser.add_argument("--word", action="append", choices=WORDS)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--say")
    parser.add_argument("--sensitivity", choices=("low", "normal", "high"), default="normal")
    given = parser.parse_args()
    if given.what == "cost":
        measure_cost()
        return
    words = [
        (WakeWord(word=each, sensitivity=given.sensitivity), each.replace("_", " "))
        for each in given.word or (() if given.file else WORDS)
    ]
    if given.file:
        word = WakeWord(file=str(given.file), sensitivity=given.sensitivity)
        words.append((word, given.say or word.called.replace("_", " ")))
    measure_words(words)


if __name__ == "__main__":
    main()
