"""Speech for learning and measuring wake words of one's own, made by speech synthesis.

It needs the programs espeak-ng, flite and festival, the word lists of Debian (wamerican, wngerman,
wfrench, wspanish, witalian) and the package py-nanotts; `--root` of what uses this names a
folder where Debian packages were unpacked instead of installed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import soxr
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[np.float32]
"""Samples from -1 to 1 at `RATE`."""

_LISTS = {
    "en": "american-english",
    "de": "ngerman",
    "fr": "french",
    "es": "spanish",
    "it": "italian",
    "fi": "italian",
}


@dataclass(frozen=True)
class Voice:
    """One synthetic speaker, as in pico:en-GB; `shift` makes another person of it."""

    name: str
    language: str
    shift: float = 1.0


class Speech:
    """Speaks texts, and keeps what was spoken in `folder`."""

    def __init__(self, folder: Path, root: Path = Path("/")) -> None:
        self._folder = folder
        self._root = root
        folder.mkdir(parents=True, exist_ok=True)

    def say(self, voice: Voice, text: str, rate: float = 1.0, pitch: float = 1.0) -> Sound:
        """`text`, so much faster and higher."""
        key = sha256(f"{voice.name} {rate:.3f} {pitch:.3f} {text}".encode()).hexdigest()[:24]
        kept = self._folder / f"{key}.npy"
        if not kept.exists():
            samples = (self._speak(voice.name, text, rate, pitch) * 32767).astype(np.int16)
            part = kept.with_suffix(f".{os.getpid()}.npy")
            np.save(part, samples)
            part.rename(kept)
        sound = np.load(kept).astype(np.float32) / np.float32(32768)
        return sound if voice.shift == 1 else resampled(sound, RATE, RATE / voice.shift)

    def _speak(self, name: str, text: str, rate: float, pitch: float) -> Sound:
        engine, _, which = name.partition(":")
        if engine == "pico":
            pcm = _nanotts().speak(text, voice=which, speed=rate, pitch=pitch)
            return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "said.wav"
            self._write(engine, which, text, rate, pitch, file)
            return read_wav(file)

    def _write(
        self, engine: str, which: str, text: str, rate: float, pitch: float, file: Path
    ) -> None:
        if engine == "espeak":
            speed, height = str(round(160 * rate)), str(round(50 * pitch))
            command = ["espeak-ng", "-v", which, "-s", speed, "-p", height, "-w", str(file), text]
        elif engine == "flite":
            mean = {"slt": 170, "rms": 100, "awb": 130, "kal16": 110}[which]
            command = [
                *(f"{self._root}/usr/bin/flite_cmu_us_{which}", "-t", text, "-o", str(file)),
                *("--setf", f"duration_stretch={1 / rate:.3f}"),
                *("--setf", f"int_f0_target_mean={mean * pitch:.1f}"),
            ]
        else:
            plain = normalize("NFD", text).encode("ascii", "ignore").decode()
            quoted = plain.replace("\\", "").replace('"', "")
            scheme = (
                f"(begin (voice_{which}) (Parameter.set 'Duration_Stretch {1 / rate:.3f})"
                f'(utt.save.wave (utt.synth (Utterance Text "{quoted}")) "{file}"))'
            )
            program, data = (f"{self._root}/usr/{each}/festival" for each in ("bin", "share"))
            command = [program, "--datadir", data, "-b", scheme]
        libraries = f"{self._root}/usr/lib/x86_64-linux-gnu"
        environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
        subprocess.run(command, check=True, timeout=120, env=environment, capture_output=True)

    def words(self, language: str) -> list[str]:
        """The words of a language, without names and abbreviations."""
        return _words(str(self._root / "usr/share/dict" / _LISTS[language]))


@cache
def _nanotts() -> Any:
    return import_module("py_nanotts").NanoTTS()


@cache
def _words(file: str) -> list[str]:
    lines = Path(file).read_text(encoding="utf-8").split()
    return [each for each in lines if each.isalpha() and 2 < len(each) < 12 and not each.isupper()]


def read_wav(file: Path) -> Sound:
    """A WAV file of 16 bits."""
    with wave.open(str(file)) as opened:
        raw = opened.readframes(opened.getnframes())
        sound = np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(32768)
        return resampled(sound, opened.getframerate(), RATE)


def resampled(sound: Sound, before: float, after: float) -> Sound:
    """At another rate."""
    return sound if before == after else np.asarray(soxr.resample(sound, before, after), np.float32)


def sentences(words: list[str], count: int, chance: np.random.Generator) -> list[str]:
    """Words in any order, three to nine of them at once."""
    return [" ".join(chance.choice(words, chance.integers(3, 10))) for _ in range(count)]


def level(sound: Sound) -> float:
    """The loudness of what is spoken: of frames within 20 dB of the loudest, as an amplitude."""
    frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    power = (frames**2).mean(axis=1)
    return float(np.sqrt(power[power > power.max() / 100].mean())) if len(power) else 0.0


def scaled(sound: Sound, dbfs: float) -> Sound:
    """As loud as that."""
    return np.asarray(sound * (10 ** (dbfs / 20) / max(level(sound), 1e-6)), np.float32)


def pink(count: int, chance: np.random.Generator) -> Sound:
    """Noise of equal power in every octave, from 20 Hz on; the amplitude is 1."""
    spectrum = np.fft.rfft(chance.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 20)), count)
    return np.asarray(noise / noise.std(), np.float32)


def echoed(sound: Sound, chance: np.random.Generator, tail_s: float, wet: float) -> Sound:
    """In a room whose sound dies away by 60 dB in `tail_s`."""
    count = int(tail_s * RATE)
    tail = chance.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail[: int(0.004 * RATE)] = 0
    tail *= wet / max(float(np.sqrt((tail**2).sum())), 1e-9)
    tail[0] = 1
    size = len(sound) + count
    mixed = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    return np.asarray(mixed[: len(sound)], np.float32)


def coloured(sound: Sound, chance: np.random.Generator) -> Sound:
    """With a slope of up to 4 dB over the spectrum, as another microphone or place has."""
    spectrum = np.fft.rfft(sound)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 100) / 1000)
    slope = chance.uniform(-1.3, 1.3)
    return np.asarray(np.fft.irfft(spectrum * 10 ** (slope * octaves / 20), len(sound)), np.float32)


def babble(talkers: list[Sound], count: int, chance: np.random.Generator, number: int = 5) -> Sound:
    """Several people who talk at once; the amplitude is 1."""
    mixed = np.zeros(count, np.float32)
    for _ in range(number):
        line = np.zeros(0, np.float32)
        while len(line) < count + RATE:
            each = talkers[int(chance.integers(len(talkers)))]
            line = np.concatenate([line, scaled(each, -20)])
        start = int(chance.integers(RATE))
        mixed += line[start : start + count]
    return np.asarray(mixed / max(float(mixed.std()), 1e-9), np.float32)
