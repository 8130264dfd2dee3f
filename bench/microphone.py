"""What gain, automatic gain and noise suppression do for the gate, on recorded prompts.

    python -m bench.microphone [--every N]

The prompts by people of tests/audio/processing/test_gate_corpus.py (pocketsphinx-testdata,
alsa-utils, asterisk-core-sounds-en-wav, -fr, -it, -ru of Debian), near and far (30 dB softer, in a
room with a tail of 0.5 s twice as loud as the direct sound), with a fan or mains hum; and thirteen
noises of a home without anybody. `missed`: prompts that do not open the gate; `false`: openings
before the prompt, or by a noise; `onset`: from the first loud sample; `level` and `noise`: of what
the gate judges, in the prompts and between them. `--every`: only each nth prompt.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rtaudio_daemon.audio.engines.enhancers import LivekitEnhancer
from rtaudio_daemon.audio.engines.vad_engines import SileroEngine
from rtaudio_daemon.audio.processing.format import dbfs
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.audio.processing.vad import TwoStageEngine
from rtaudio_daemon.config import Gate as Settings
from tests.audio.processing.test_gate_corpus import FRAME, RATE, Samples, noises, prompts, unit

FAR_DB = -30.0
NEAR_DBFS = -26.0  # a voice nearby, while it speaks
FAN_DBFS = -31.0
HUM_DBFS = -26.0
SELF_NOISE = 8.0  # of a microphone, in samples


@dataclass(frozen=True)
class Treatment:
    """What is done with the sound before the gate."""

    name: str
    gain_db: float = 0.0
    auto_gain: bool = False
    noise_suppression: bool = False


TREATMENTS = (
    Treatment("none"),
    Treatment("gain_db: 20", gain_db=20.0),
    Treatment("auto_gain", auto_gain=True),
    Treatment("noise_suppression", noise_suppression=True),
    Treatment("both", auto_gain=True, noise_suppression=True),
)


def fan(count: int) -> Samples:
    """Air, falling with the pitch, and the blades."""
    rng, time = np.random.default_rng(21), np.arange(count) / RATE
    spectrum = np.fft.rfft(rng.normal(0, 1, count))
    pitch = np.fft.rfftfreq(count, 1 / RATE)
    air = unit(np.fft.irfft(spectrum / (1 + (pitch / 300) ** 2) ** 0.5, count))
    blades = sum(np.sin(2 * np.pi * 118 * k * time + k) / k for k in range(1, 6))
    return unit(air + 0.4 * np.asarray(blades))


def hum(count: int) -> Samples:
    """Mains and its harmonics, up to 1 kHz."""
    time = np.arange(count) / RATE
    return unit(np.asarray(sum(np.sin(2 * np.pi * 50 * k * time + k) / k for k in range(1, 21))))


def room(sound: Samples) -> Samples:
    """The sound some metres away."""
    rng, length = np.random.default_rng(22), RATE // 2
    tail = rng.normal(0, 1, length) * 10 ** (-3 * np.arange(length) / length)
    tail *= 2**0.5 / np.linalg.norm(tail)
    tail[0] = 1.0
    size = 1 << (len(sound) + length).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    return np.asarray(wet[: len(sound)], dtype=np.float64)


def amplitude(level_dbfs: float) -> float:
    return float(32768 * 10 ** (level_dbfs / 20))


@dataclass(frozen=True)
class Place:
    """Where somebody speaks."""

    name: str
    far: bool
    background: Callable[[int], Samples] | None
    level_dbfs: float = 0.0

    def sound(self, prompt: Samples) -> tuple[Samples, float]:
        """Two seconds, the prompt, two seconds; when (s) it begins."""
        loud = np.flatnonzero(np.abs(prompt) > 800)
        voice = prompt / np.sqrt(np.mean(prompt[loud[0] : loud[-1]] ** 2)) * amplitude(NEAR_DBFS)
        padded = np.concatenate([np.zeros(2 * RATE), voice, np.zeros(2 * RATE)])
        if self.far:
            padded = room(padded) * 10 ** (FAR_DB / 20)
        padded = padded + np.random.default_rng(23).normal(0, SELF_NOISE, len(padded))
        if self.background is not None:
            padded = padded + self.background(len(padded)) * amplitude(self.level_dbfs)
        return padded, 2 + float(loud[0]) / RATE


PLACES = (
    Place("near, quiet", False, None),
    Place("near, fan 5 dB softer", False, fan, FAN_DBFS),
    Place("near, hum as loud", False, hum, HUM_DBFS),
    Place("far, quiet", True, None),
    Place("far, fan 5 dB softer", True, fan, FAN_DBFS + FAR_DB),
    Place("far, hum as loud", True, hum, HUM_DBFS + FAR_DB),
    Place("far, fan as loud", True, fan, NEAR_DBFS + FAR_DB),
)


@dataclass
class Heard:
    """When (s) the gate opened, and how loud the sound was that it judged, frame by frame."""

    starts: list[float]
    levels: list[float]


def listen(sound: Samples, treatment: Treatment) -> Heard:
    gate = Gate(Settings(hangover_ms=600), TwoStageEngine(SileroEngine()))
    enhancer = None
    if treatment.auto_gain or treatment.noise_suppression:
        enhancer = LivekitEnhancer(
            noise_suppression=treatment.noise_suppression, auto_gain=treatment.auto_gain
        )
    amplified = sound * 10 ** (treatment.gain_db / 20)
    pcm = np.clip(amplified, -32768, 32767).astype("<i2")
    heard = Heard([], [])
    for begin in range(0, len(pcm) - FRAME, FRAME):
        frame = pcm[begin : begin + FRAME].tobytes()
        if enhancer is not None:
            frame = enhancer.enhanced(frame)
        heard.levels.append(dbfs(frame))
        if gate.feed(frame).started:
            heard.starts.append((begin + FRAME) / RATE)
    return heard


def judged(place: Place, treatment: Treatment, said: list[Samples]) -> str:
    missed, false = 0, 0
    onsets, levels, quiet = [], [], []
    for prompt in said:
        sound, onset = place.sound(prompt)
        heard = listen(sound, treatment)
        false += sum(at < onset - 0.1 for at in heard.starts)
        after = [at for at in heard.starts if at >= onset - 0.1]
        missed += not after
        onsets += [(after[0] - onset) * 1000] if after else []
        levels.append(np.percentile(heard.levels[100:-100], 80))
        quiet.append(np.median(heard.levels[50:98]))
    p50, p95 = np.percentile(onsets or [np.nan], (50, 95))
    return (
        f"| {place.name} | {treatment.name} | {missed} of {len(said)} | {false} | "
        f"{p50:.0f} / {p95:.0f} | {np.median(levels):.0f} | {np.median(quiet):.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Gain and noise suppression before the gate.")
    parser.add_argument("--every", type=int, default=1)
    said = prompts()[:: parser.parse_args().every]
    print(
        "| who | treatment | missed | false | onset p50 / p95 (ms) | level | noise (dBFS) |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )
    for place in PLACES:
        for treatment in TREATMENTS:
            print(judged(place, treatment, said), flush=True)
    alone = noises(46)
    for treatment in TREATMENTS:
        opened = {name: len(listen(sound, treatment).starts) for name, sound in alone.items()}
        what = ", ".join(f"{name} {count}" for name, count in opened.items() if count)
        print(
            f"| nobody, ten minutes of 13 noises | {treatment.name} | – | "
            f"{sum(opened.values())}{f' ({what})' if what else ''} | – | – | – |",
            flush=True,
        )


if __name__ == "__main__":
    main()
