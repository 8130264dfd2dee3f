"""The gate on human prompts and household noises (marker slow).

    pytest -m slow -s tests/audio/processing/test_gate_corpus.py

Prompts: pocketsphinx-testdata, alsa-utils, asterisk-core-sounds-en-wav and -it, -fr, -ru (Debian).
Noises are computed. The gate must not be worse than Silero alone with the same rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.engines.vad_engines import SileroEngine
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.audio.processing.vad import Engine, TwoStageEngine
from rtaudio_daemon.config import Gate as Settings

pytestmark = pytest.mark.slow
Samples = NDArray[np.float64]
RATE, FRAME = 24_000, 480
SHARE = Path("/usr/share")
PLACES = (
    *(SHARE / "pocketsphinx/test/data/librivox").glob("*.wav"),
    *(SHARE / "pocketsphinx/test/data/cards").glob("*.wav"),
    *sorted((SHARE / "sounds/alsa").glob("[FRS]*.wav")),
    *(
        file
        for voice in sorted((SHARE / "asterisk/sounds").glob("*_[fm]_*"))
        for file in sorted(voice.glob("vm-*.wav"))[:14]
    ),
)


def prompts() -> list[Samples]:
    found = []
    for path in PLACES:
        sound = np.frombuffer(read_wav(path), dtype="<i2").astype(np.float64)
        if 0.5 * RATE < len(sound) < 12 * RATE and np.abs(sound).max() > 1000:
            found.append(sound * (8000 / np.abs(sound).max()))
    return found


def pink(count: int, seed: int) -> Samples:
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(0, 1, count))
    shaped = spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    return unit(np.fft.irfft(shaped, count))


def music(count: int, seed: int) -> Samples:
    """Chords that change twice a second, with a beat."""
    rng, time = np.random.default_rng(seed), np.arange(count) / RATE
    sound = np.zeros(count)
    for begin in range(0, count, RATE // 2):
        end = min(count, begin + RATE // 2)
        root = 110 * 2 ** (rng.integers(0, 12) / 12)
        decay = np.exp(-3 * (time[begin:end] - time[begin]))
        for ratio in (1, 1.26, 1.5, 2, 3):
            sound[begin:end] += np.sin(2 * np.pi * root * ratio * time[begin:end]) * decay
    return unit(sound)


def unit(sound: Samples) -> Samples:
    return np.asarray(sound / np.sqrt(np.mean(sound**2)), dtype=np.float64)


def noises(seconds: int) -> dict[str, Samples]:
    """Thirteen noises of a house, at about -35 dBFS."""
    count, rng = seconds * RATE, np.random.default_rng(9)
    time = np.arange(count) / RATE
    white = rng.normal(0, 1, count)

    def bursts(every_s: float, ms: int, sound: Callable[[int], Samples]) -> Samples:
        out = np.zeros(count)
        length = RATE * ms // 1000
        for begin in range(RATE, count - length, int(every_s * RATE)):
            out[begin : begin + length] = sound(length) * np.exp(-np.linspace(0, 6, length))
        return out

    def noise(length: int) -> Samples:
        return np.asarray(rng.normal(0, 1, length), dtype=np.float64)

    def dish(length: int) -> Samples:
        t = np.arange(length) / RATE
        return np.asarray(sum(np.sin(2 * np.pi * f * t) for f in (2100, 3340, 5230)))

    found = {
        "white": white,
        "pink": pink(count, 1),
        "brown": np.cumsum(white) - np.linspace(0, np.cumsum(white)[-1], count),
        "hum": np.sin(2 * np.pi * 50 * time) + 0.3 * np.sin(2 * np.pi * 150 * time),
        "vacuum": pink(count, 2) + 0.7 * np.sign(np.sin(2 * np.pi * 220 * time)),
        "chord": sum(np.sin(2 * np.pi * f * time) for f in (220, 277, 330)) + 0 * time,
        "music": music(count, 3),
        "clicks": bursts(0.7, 5, noise),
        "typing": bursts(0.17, 12, noise),
        "door": bursts(4.0, 250, lambda n: np.cumsum(noise(n)) / 10),
        "dishes": bursts(1.3, 180, dish),
        "alarm": np.sin(2 * np.pi * 2000 * time) * (np.sin(2 * np.pi * 2 * time) > 0),
        "cough": bursts(3.0, 220, noise),
    }
    return {name: unit(sound) * 580 for name, sound in found.items()}


def starts(sound: Samples, engine: Engine) -> list[float]:
    """When (s) the gate opens; it closes after the usual hangover."""
    gate = Gate(Settings(hangover_ms=600), engine)
    pcm = np.clip(sound, -32768, 32767).astype("<i2")
    return [
        (begin + FRAME) / RATE
        for begin in range(0, len(pcm) - FRAME, FRAME)
        if gate.feed(pcm[begin : begin + FRAME].tobytes()).started
    ]


@dataclass
class Row:
    missed: set[int]
    """Which prompts."""
    false_starts: int
    p50: float
    p95: float


def judge(engine: Callable[[], Engine], background: Callable[[int, float], Samples]) -> Row:
    missed, false = set(), 0
    late: list[float] = []
    for number, sound in enumerate(prompts()):
        loud = np.flatnonzero(np.abs(sound) > 800)
        level = float(np.sqrt(np.mean(sound[loud[0] : loud[-1]] ** 2)))
        padded = np.concatenate([np.zeros(2 * RATE), sound, np.zeros(RATE)])
        onset = 2 + loud[0] / RATE
        found = starts(padded + background(len(padded), level), engine())
        false += sum(time < onset - 0.1 for time in found)
        heard = [time for time in found if time >= onset - 0.1]
        missed |= set() if heard else {number}
        late += [(heard[0] - onset) * 1000] if heard else []
    p50, p95 = np.percentile(late, (50, 95))
    return Row(missed, false, float(p50), float(p95))


BACKGROUNDS: dict[str, Callable[[int, float], Samples]] = {
    "quiet": lambda count, _: np.random.default_rng(4).normal(0, 8, count),
    "pink, 10 dB": lambda count, level: pink(count, 5) * level / 10**0.5,
    "pink, 0 dB": lambda count, level: pink(count, 5) * level,
    "music, 5 dB": lambda count, level: music(count, 6) * level / 10**0.25,
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", BACKGROUNDS)
def test_no_prompt_is_missed_that_silero_alone_hears(name: str) -> None:
    if len(prompts()) < 40:
        pytest.skip("needs the Debian packages named above")
    alone = judge(SileroEngine, BACKGROUNDS[name])
    gate = judge(lambda: TwoStageEngine(SileroEngine()), BACKGROUNDS[name])
    for who, row in (("silero", alone), ("gate", gate)):
        print(
            f"\n| {name} | {who} | {len(prompts())} | {len(row.missed)} | {row.false_starts} | "
            f"{row.p50:.0f} | {row.p95:.0f} |",
            end="",
        )
    assert gate.missed <= alone.missed
    assert gate.false_starts <= alone.false_starts
    assert gate.p95 <= alone.p95 + 20, "at most a frame later, also where it slept before"


@pytest.mark.timeout(1800)
def test_ten_minutes_of_noise_open_the_gate_no_more_often_than_silero_alone() -> None:
    total = {"silero": 0, "gate": 0}
    for name, sound in noises(46).items():
        alone = len(starts(sound, SileroEngine()))
        gate = len(starts(sound, TwoStageEngine(SileroEngine())))
        print(f"\n| {name} | {alone} | {gate} |", end="")
        total["silero"] += alone
        total["gate"] += gate
        assert gate <= alone, name
    print(f"\n10 minutes of 13 noises: {total}")
