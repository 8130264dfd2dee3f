"""Computed rooms in which people, answers and a television are heard by the real gate.

Nothing here waits or depends on the machine: a run gives the same figures every time.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.engines.cancellers import LivekitCanceller, open_echo
from rtaudio_daemon.audio.engines.vad_engines import open_engine
from rtaudio_daemon.audio.processing.gate import Gate, GateResult
from rtaudio_daemon.config import Gate as Settings
from tests.harness import Samples, samples, speech

RATE, FRAME = 24_000, 480
TAIL_S = 0.5
PEAK = 9000.0  # of a word; answers are about as loud
SHARE = Path("/usr/share")
_FORGOTTEN_FRAMES = 50  # of silence, after which the loudspeaker's process reports nothing
_STOP_FRAMES = 2  # until the daemon knows that the loudspeaker has stopped
_DUCKED = 0.25
_CLOSING_S = 1.6
HELD_OUT_VOICES = ("en_US_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
_SYNTHETIC = (
    *(("en-us", word) for word in ("stop", "no", "zero", "four", "hey", "wait a moment")),
    *(("en-gb+f3", word) for word in ("yes", "sorry", "enough", "stop it", "six", "what")),
    *(("de+m3", word) for word in ("halt", "nein", "warte", "fünf", "stopp", "ja")),
    *(("fr+f2", word) for word in ("non", "arrête", "quatre", "zéro", "attends", "oui")),
    *(("es+m2", word) for word in ("para", "siete", "espera", "no", "tres", "basta")),
    *(("it+f4", word) for word in ("ferma", "sette", "aspetta", "zero", "due", "basta")),
)
_UNSEEN = (
    *(("pt-br+m4", word) for word in ("pare", "não", "espera", "chega", "seis", "sim")),
    *(("nl+f1", word) for word in ("stop", "nee", "wacht", "genoeg", "vijf", "ja")),
    *(("pl+m5", word) for word in ("stój", "nie", "czekaj", "dość", "cztery", "tak")),
    *(("sv+f5", word) for word in ("stopp", "nej", "vänta", "nog", "sju", "ja")),
    *(("en-us+m7", word) for word in ("seven", "pause", "quiet", "hold on", "thanks", "later")),
    *(("tr+m1", word) for word in ("dur", "hayır", "bekle", "yeter", "dört", "evet")),
)
_FRESH = (
    *(("da+m6", word) for word in ("stop", "nej", "vent", "nok", "fem", "ja")),
    *(("fi+f1", word) for word in ("seis", "ei", "odota", "riittää", "kuusi", "kyllä")),
    *(("hu+m3", word) for word in ("állj", "nem", "várj", "elég", "négy", "igen")),
    *(("cs+f4", word) for word in ("stůj", "ne", "počkej", "dost", "sedm", "ano")),
    *(("ro+m2", word) for word in ("stai", "nu", "așteaptă", "destul", "opt", "da")),
)


@dataclass(frozen=True, slots=True)
class Room:
    """How the microphone hears the loudspeaker: so late, so loud (a factor), and with a tail of
    half a second that has `tail` times the energy of the direct sound.
    """

    name: str
    delay_ms: int
    gain: float
    tail: float = 0.0
    seed: int = 0

    def impulse(self) -> Samples:
        """What a single click becomes, without the delay."""
        length = int(TAIL_S * RATE)
        if not self.tail:
            return np.array([self.gain])
        decay = 10 ** (-3 * np.arange(length) / length)
        noise = np.random.default_rng(self.seed).normal(0, 1, length) * decay
        noise *= np.sqrt(self.tail) / np.linalg.norm(noise)
        noise[0] += 1
        return np.asarray(noise * self.gain, dtype=np.float64)

    def echo(self, played: Samples) -> Samples:
        """What the microphone hears of it, `TAIL_S` longer, without the delay."""
        padded = np.concatenate([played, np.zeros(int(TAIL_S * RATE))])
        if not self.tail:
            return np.asarray(padded * self.gain)
        impulse = self.impulse()
        size = 1 << (len(padded) + len(impulse)).bit_length()
        spectrum = np.fft.rfft(padded, size) * np.fft.rfft(impulse, size)
        return np.asarray(np.fft.irfft(spectrum, size)[: len(padded)], dtype=np.float64)


LOOP = Room("loop", 80, 0.3)


@dataclass(frozen=True, slots=True)
class Material:
    """Voices and rooms: a part to choose thresholds with, or one that chooses nothing."""

    words: dict[str, Samples]
    answers: list[Samples]
    television: Samples
    rooms: tuple[Room, ...]


@dataclass(slots=True)
class Heard:
    """What came of one answer: when (s, from its beginning) speech began; an abort counts too.

    `sent_from`: the first moment of what is sent then, as it holds what came a little before.
    `aborted`: the beginnings of what turned out to be nobody.
    """

    started: list[float] = field(default_factory=list)
    sent_from: list[float] = field(default_factory=list)
    aborted: list[float] = field(default_factory=list)
    ducked_s: float = 0.0


class Listener:
    """A gate in a room, from answer to answer."""

    def __init__(self, mode: str, room: Room, *, duck: bool = False) -> None:
        self._settings = Settings(duck=duck)
        self._gate = Gate(self._settings, open_engine("silero").engine, open_echo(mode))
        self._device = LivekitCanceller() if mode == "system" else None
        self._room = room
        self._delay = room.delay_ms * RATE // 1000
        self._noise = np.random.default_rng(3)
        self._silent = _FORGOTTEN_FRAMES
        self._skipped = 0

    def hear(self, answer: Samples, said: Samples, gain: Samples | float = 1.0) -> Heard:
        """An answer over which somebody may say something; it stops where that is noticed.

        `gain`: of the loudspeaker, as its knob is turned; may change from sample to sample.
        """
        length = max(len(answer), len(said)) + int(_CLOSING_S * RATE)
        played = _padded(answer, length)
        turned = np.atleast_1d(np.asarray(gain, dtype=np.float64))
        echo = self._room.echo(played * _padded(turned, length, float(turned[-1])))
        echo = np.concatenate([np.zeros(self._delay), echo])
        said = _padded(said, length)
        heard, levels = Heard(), _Levels(self._delay // FRAME, bool(self._room.tail))
        ends, stopped = len(answer), 0
        for at in range(0, length - FRAME, FRAME):
            part = slice(at, at + FRAME)
            self._gate.playing = FRAME * 2 <= at < ends
            self._gate.in_conversation = self._gate.playing
            self._report(played[part] * levels.far)
            noise = self._noise.normal(0, 8, FRAME)
            result = self._feed(said[part] + echo[part] * levels.near + noise)
            if result.started:
                heard.started.append((at + FRAME) / RATE)
                heard.sent_from.append(heard.started[-1] - len(result.pcm_to_send) / 2 / RATE)
                stopped = stopped or at
                ends = min(ends, at + _STOP_FRAMES * FRAME)
            if result.aborted:
                heard.aborted += heard.started[-1:]
            suspected = self._settings.duck and self._gate.suspicious
            heard.ducked_s += FRAME / RATE if suspected and not stopped else 0
            levels.advance(0.0 if stopped else _DUCKED if suspected else 1.0)
            if stopped and at > stopped + _CLOSING_S * RATE and not self._gate.open:
                break
        return heard

    def _feed(self, sound: Samples) -> GateResult:
        pcm = np.clip(sound, -32768, 32767).astype("<i2").tobytes()
        if self._device is not None:
            pcm = self._device.clean(pcm)
        return self._gate.feed(pcm)

    def _report(self, sound: Samples) -> None:
        block = np.clip(sound, -32768, 32767).astype("<i2").tobytes()
        if self._device is not None:
            self._device.played(block)
        self._silent = 0 if block.strip(b"\0") else self._silent + 1
        if self._silent < _FORGOTTEN_FRAMES:
            self._gate.played(block, self._skipped)
            self._skipped = 0
        else:
            self._skipped += FRAME


class _Levels:
    """The loudspeaker's level in every frame, and that of its echo: later, and dying away."""

    def __init__(self, delay: int, has_tail: bool) -> None:
        self._past = [1.0] * (delay + 2)
        self._decay = 10 ** (-3 * FRAME / RATE / TAIL_S) if has_tail else 0.0
        self._near = 1.0
        self.far: Samples = np.ones(FRAME)
        self.near: Samples = np.ones(FRAME)

    def advance(self, target: float) -> None:
        self.far = np.linspace(self._past[-1], target, FRAME)
        self._past = [*self._past[1:], target]
        before, self._near = self._near, max(self._past[0], self._near * self._decay)
        self.near = np.linspace(before, self._near, FRAME)


def _padded(sound: Samples, length: int, value: float = 0.0) -> Samples:
    return np.pad(sound, (0, max(0, length - len(sound))), constant_values=value)[:length]


def onset(word: Samples) -> int:
    """The first sample of a word."""
    return int(np.flatnonzero(np.abs(word) > 300)[0])


def loudness(sound: Samples) -> float:
    """Root mean square of what is not silence."""
    loud = sound[np.abs(sound) > 0.02 * np.abs(sound).max()]
    return float(np.sqrt(np.mean(loud**2)))


def tuning(sounds: Path) -> Material:
    """Synthetic voices, the bundled recordings, and one person, if installed (Debian's
    asterisk-prompt-it-menardi-wav).
    """
    words = {f"{voice} {text}": as_word(_synthetic(voice, text)) for voice, text in _SYNTHETIC}
    person = sounds / "it_IT_f_Menardi"
    for names in ("digits/[0-9]", "digits/1[0-9]", "digits/mon-*", "digits/day-*", "letters/?"):
        found = sorted(person.glob(f"{names}.wav"))
        words |= {f"Menardi {path.stem}": as_word(_read(path)) for path in found}
    bundled = np.concatenate([samples(speech(name)) for name in ("weather", "hello", "weather")])
    television = [_synthetic("en-gb-scotland", "and now for the news of this evening, " * 8)]
    television += [_read(path) for path in sorted(person.glob("vm-*.wav"))[:20]]
    return Material(
        words,
        _answers(bundled),
        np.concatenate([as_word(each) for each in television]),
        (LOOP, Room("small", 60, 0.5, 0.3, 11), Room("bare", 130, 0.25, 2.0, 12)),
    )


def held_out(sounds: Path) -> Material:
    """People of whom nothing was used to choose a threshold, in rooms that were not, either."""
    words = {
        f"alsa {path.stem}": as_word(_read(path))
        for path in sorted((SHARE / "sounds/alsa").glob("[FRS]*.wav"))
    }
    for voice in HELD_OUT_VOICES:
        words |= {f"{voice} {path.stem}": as_word(_read(path)) for path in _digits(sounds / voice)}
    book = sorted((SHARE / "pocketsphinx/test/data/librivox").glob("*.wav"))
    talk = [
        as_word(_read(path))
        for voice in HELD_OUT_VOICES[1:3]
        for path in sorted((sounds / voice).glob("vm-*.wav"))[:20]
    ]
    if len(words) < 46 or not book or not talk:
        raise SystemExit(
            "needs Debian's alsa-utils, pocketsphinx-testdata and "
            "asterisk-core-sounds-{en,fr,it,ru}-wav"
        )
    return Material(
        words,
        _answers(np.concatenate([_read(path) for path in book])),
        np.concatenate(talk),
        (LOOP, Room("kitchen", 95, 0.4, 0.5, 21), Room("hall", 170, 0.3, 1.5, 22)),
    )


def unseen(sounds: Path) -> Material:
    """Rooms that chose nothing, and other voices; these chose one number, in other rooms."""
    voice = sounds / "es_MX_f_Allison"
    words = {f"es_MX {path.stem}": as_word(_read(path)) for path in _digits(voice)}
    words |= {f"{name} {text}": as_word(_synthetic(name, text)) for name, text in _UNSEEN}
    prompts = sorted((sounds / "en_US_f_Allison").glob("vm-*.wav"))
    if len(words) < 46 or not prompts:
        raise SystemExit("needs espeak-ng and Debian's asterisk-core-sounds-{en,es}-wav")
    talk = [as_word(_read(path)) for path in sorted(voice.glob("vm-*.wav"))[:20]]
    return Material(
        words,
        _answers(np.concatenate([as_word(_read(path)) for path in prompts])),
        np.concatenate(talk),
        (
            Room("bath", 85, 0.35, 1.0, 41),
            Room("stairs", 110, 0.3, 1.5, 42),
            Room("church", 180, 0.25, 2.0, 43),
        ),
    )


def fresh(sounds: Path) -> Material:
    """Rooms, words and an answering person with which nothing was chosen, nor looked at."""
    words = {f"{name} {text}": as_word(_synthetic(name, text)) for name, text in _FRESH}
    for voice in (*HELD_OUT_VOICES, "es_MX_f_Allison"):
        found = sorted((sounds / voice / "digits").glob("1[0-9].wav"))[1:9:2]
        words |= {f"{voice} {path.stem}": as_word(_read(path)) for path in found}
    june = sounds / "fr_CA_f_June"
    prompts = [path for path in sorted(june.glob("*.wav")) if not path.name.startswith("vm-")]
    if len(words) < 50 or not prompts:
        raise SystemExit("needs espeak-ng and Debian's asterisk-core-sounds-{en,es,fr,it,ru}-wav")
    return Material(
        words,
        _answers(np.concatenate([as_word(_read(path)) for path in prompts[:100]])),
        np.concatenate([as_word(_read(path)) for path in prompts[100:120]]),
        (
            Room("cellar", 73, 0.4, 1.0, 61),
            Room("office", 123, 0.25, 0.7, 62),
            Room("gym", 157, 0.3, 1.8, 63),
        ),
    )


def _answers(sound: Samples) -> list[Samples]:
    """Pieces of eight seconds, each at another place, as loud as the bundled recordings."""
    reference = loudness(samples(speech("weather") + speech("hello")))
    sound = sound * (reference / loudness(sound))
    endless = np.resize(sound, 8 * len(sound))
    return [endless[begin : begin + 8 * RATE] for begin in range(0, 7 * len(sound), 5 * RATE)]


def as_word(sound: Samples) -> Samples:
    """As loud as words are here."""
    return sound * (PEAK / float(np.abs(sound).max()))


def _digits(voice: Path) -> Iterator[Path]:
    yield from sorted((voice / "digits").glob("[0-9].wav"))


def _read(path: Path) -> Samples:
    return samples(read_wav(path))


def _synthetic(voice: str, text: str) -> Samples:
    command = ["espeak-ng", "-v", voice, "--stdout", text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    spoken = samples(wav[44 : len(wav) // 2 * 2])
    return np.asarray(soxr.resample(spoken, 22_050, RATE), dtype=np.float64)
