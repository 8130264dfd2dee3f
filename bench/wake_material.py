"""Speech and noise for measuring wake words.

Synthetic voices say the words: espeak-ng and flite (Debian), and pico where the package py-nanotts
is installed (`pip install py-nanotts`). Real people, who never say one, come from Debian's
asterisk-core-sounds-{en,es,fr,it,ru}-wav, pocketsphinx-testdata and alsa-utils:

    apt-get install flite asterisk-core-sounds-{en,es,fr,it,ru}-wav pocketsphinx-testdata

Sound is 24 kHz, in samples of 16 bits as floats. The same arguments give the same sound.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.computed_rooms import RATE, SHARE, Room
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.processing.format import SAMPLE_RATE, Resampler
from tests.harness import Samples, samples

LEVEL = 1500.0
"""How loud speech is: the root mean square where somebody speaks."""
_QUIET_DB = 40.0  # between speech and the noise of a room that is called clean
_TALKERS = 5


@dataclass(frozen=True, slots=True)
class Voice:
    """A synthetic speaker of a program: espeak, flite or pico."""

    program: str
    name: str

    def say(self, text: str, rate: float = 1.0) -> Samples:
        """The text, so much faster than usual, at `LEVEL`."""
        return scaled(_spoken(self, text, rate))


ENGLISH = (
    *(Voice("flite", name) for name in ("slt", "rms", "awb", "kal16")),
    *(Voice("pico", name) for name in ("en-US", "en-GB") if find_spec("py_nanotts")),
    *(Voice("espeak", name) for name in ("en-us", "en-gb", "en-gb-scotland")),
    *(Voice("espeak", name) for name in ("en-us+f3", "en-us+m3", "en-gb+f5")),
)
"""Those who say English words."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Under which a word is said: what else is heard, so many dB softer, and in which room."""

    name: str
    noise: str = ""
    snr_db: float = _QUIET_DB
    room: Room | None = None

    def heard(self, said: Samples, seed: int) -> Samples:
        """What the microphone hears: 1.5 s before it, the words, and 1.5 s."""
        chance = np.random.default_rng(seed)
        sound = np.concatenate([np.zeros(RATE * 3 // 2), said, np.zeros(RATE * 3 // 2)])
        if self.room is not None:
            sound = scaled(self.room.echo(sound)[: len(sound)])
        gap = 10 ** (-self.snr_db / 20)
        noise = babble(len(sound), chance) if self.noise == "babble" else pink(len(sound), chance)
        return np.asarray(sound + noise * LEVEL * gap)


_ECHO = Room("echo", 0, 1.0, 0.5, seed=5)
CONDITIONS = (
    Condition("clean"),
    *(Condition(f"pink {db} dB", "pink", db) for db in (20, 10, 5)),
    *(Condition(f"babble {db} dB", "babble", db) for db in (10, 5)),
    Condition("echo", room=_ECHO),
    Condition("echo, babble 10 dB", "babble", 10, _ECHO),
)


def real_speech() -> Mapping[str, list[Path]]:
    """Recordings of real people, by language or collection; none where nothing is installed."""
    voices = sorted((SHARE / "asterisk/sounds").glob("*_[fm]_*"))
    return {
        **{each.name: sorted(each.rglob("*.wav")) for each in voices if not each.is_symlink()},
        "LibriVox": sorted((SHARE / "pocketsphinx/test/data").rglob("*.wav")),
        "ALSA": sorted((SHARE / "sounds/alsa").glob("[FRS]*.wav")),
    }


def stream(files: list[Path]) -> Iterator[bytes]:
    """The files one after the other at `LEVEL`, half a second apart, in a room's noise, as pcm."""
    chance = np.random.default_rng(4)
    for file in files:
        sound = samples(read_wav(file))
        if len(sound) < RATE // 5 or np.abs(sound).max() < 100:
            continue
        sound = np.concatenate([scaled(sound), np.zeros(RATE // 2)])
        sound += pink(len(sound), chance) * LEVEL * 10 ** (-_QUIET_DB / 20)
        yield as_pcm(sound)


def as_pcm(sound: Samples) -> bytes:
    """Whole frames of 20 ms."""
    whole = sound[: len(sound) // 480 * 480].clip(-32768, 32767)
    return whole.astype("<i2").tobytes()


def level(sound: Samples) -> float:
    """The root mean square where somebody speaks: within 20 dB of the loudest 20 ms."""
    frames = sound[: len(sound) // 480 * 480].reshape(-1, 480)
    power = (frames**2).mean(axis=1)
    return float(np.sqrt(power[power >= power.max() / 100].mean())) if len(power) else 0.0


def scaled(sound: Samples) -> Samples:
    """At `LEVEL`."""
    return np.asarray(sound * (LEVEL / max(level(sound), 1e-9)))


def pink(count: int, chance: np.random.Generator) -> Samples:
    """Noise of equal power in every octave, from 20 Hz on, of power 1."""
    size = 1 << count.bit_length()  # other sizes take much longer
    spectrum = np.fft.rfft(chance.standard_normal(size))
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 20)), size)[:count]
    return np.asarray(noise / noise.std())


def babble(count: int, chance: np.random.Generator) -> Samples:
    """Five real people who talk at once, of power 1."""
    mixed = np.zeros(count)
    for _ in range(_TALKERS):
        line = np.zeros(0)
        while len(line) < count:
            line = np.concatenate([line, _talkers()[int(chance.integers(len(_talkers())))]])
        start = int(chance.integers(len(line) - count + 1))
        mixed += line[start : start + count]
    return np.asarray(mixed / mixed.std())


@cache
def _talkers() -> list[Samples]:
    """Sentences of real people, of 1.5 s or more."""
    found = []
    for files in real_speech().values():
        sounds = (samples(read_wav(file)) for file in files[::9])
        found += [scaled(each) for each in sounds if len(each) > 1.5 * RATE]
    if not found:
        raise SystemExit(f"there is no speech of real people here; see {__file__}")
    return found


@cache
def _nanotts() -> Any:
    return import_module("py_nanotts").NanoTTS()


@cache
def _spoken(voice: Voice, text: str, rate: float) -> Samples:
    sound = _synthesised(voice, text, rate)
    loud = np.flatnonzero(np.abs(sound) > np.abs(sound).max() / 100)
    return sound[loud[0] : loud[-1]]


def _synthesised(voice: Voice, text: str, rate: float) -> Samples:
    if voice.program == "pico":
        pcm = _nanotts().speak(text, voice=voice.name, speed=rate)
        return samples(Resampler(16_000, SAMPLE_RATE).feed(pcm + bytes(3200)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        if voice.program == "espeak":
            speed = str(round(150 * rate))
            command = ["espeak-ng", "-v", voice.name, "-s", speed, "-w", str(file), text]
        else:
            stretch = f"duration_stretch={1 / rate:.3f}"
            command = [
                "flite",
                "-voice",
                voice.name,
                "-t",
                text,
                "-o",
                str(file),
                "--setf",
                stretch,
            ]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        return samples(read_wav(file))
