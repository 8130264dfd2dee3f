"""An answer that says the wake word does not interrupt itself; a person who says it does."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.engines.micro_wake_word import MicroWakeWordEngine
from rtaudio_daemon.audio.processing.echo import Echo
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.audio.processing.wake_word import Attention
from rtaudio_daemon.audio.processing.word_score import Spotted, WordScore
from rtaudio_daemon.config import Gate as Settings
from rtaudio_daemon.config import WakeWord
from tests.audio.processing.test_echo import MODES, Samples, recording, room, turned_up

PAUSE = np.zeros(12_000)
AFTER = 2.0  # s; an answer begins then
OVER_S = (5.3, 7.1, 8.6, 10.4)
conditions = pytest.mark.parametrize(
    ("barge_in", "called"),
    [
        pytest.param(True, True, id="answer"),
        pytest.param(False, False, id="announcement without barge-in"),
        pytest.param(True, False, id="announcement", marks=pytest.mark.slow),
        pytest.param(False, True, id="answer without barge-in", marks=pytest.mark.slow),
    ],
)


class Spotter:
    """The real one; `called`: it hears a wake word at the very beginning too."""

    def __init__(self, called: bool = False) -> None:
        self.words = 0
        """How often it has heard one, each at most once a second."""
        self._called = called
        self._frames = self._heard_at = 0
        self._engine = MicroWakeWordEngine([WakeWord("alexa")])
        self.scores = self._engine.scores

    def feed(self, pcm: bytes) -> Spotted | None:
        self._frames += 1
        word = self._engine.feed(pcm)
        if self._called:
            self._called, word = False, Spotted("alexa", 1.0)
        if word:
            self.words += not self.words or self._frames - self._heard_at > 50
            self._heard_at = self._frames
        return word

    def forget(self) -> None: ...


def listening(spotter: Spotter) -> Attention:
    return Attention("wake_word", spotter, 8_000)


def spoken(folder: Path, words: str, voice: str = "en-gb") -> Samples:
    path = folder / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", "140", "-w", str(path), words], check=True)
    sound = loud(np.frombuffer(read_wav(path), dtype="<i2").astype(np.float64))
    return sound[: np.flatnonzero(np.abs(sound) > 200)[-1]]


def loud(sound: Samples) -> Samples:
    return np.asarray(sound * (8000 / np.abs(sound).max()))


def telling(folder: Path, count: int = 1) -> tuple[Samples, list[tuple[float, float]]]:
    """Answers with the wake word in the middle of them and at their end, and when they are heard.

    They are as long as those of `evening`, for `turned_up`.
    """
    weather, hello = loud(recording("weather")), loud(recording("hello"))
    word = spoken(folder, "alexa")
    answer = np.concatenate([weather, PAUSE, word, PAUSE, hello, PAUSE, word])
    times = [AFTER + n * (AFTER + len(answer) / 24_000) for n in range(count)]
    silence = np.zeros(int(AFTER * 24_000))
    sound = np.concatenate([part for _ in times for part in (silence, answer)] + [silence])
    return sound, [(begin, begin + len(answer) / 24_000) for begin in times]


def test_the_answers_of_these_tests_would_wake_a_house(tmp_path: Path) -> None:
    played, answers = telling(tmp_path)
    heard = room("off", np.zeros(0), played * 0.3, answers=[], attention=listening(Spotter()))
    assert len(heard.woken) == 2
    assert heard.woken[1] > answers[0][1], "the last word is spotted after the answer"


@conditions
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("gain", [0.3, 1.0])
def test_an_answer_that_says_the_wake_word_does_not_interrupt_itself(
    tmp_path: Path, mode: str, gain: float, barge_in: bool, called: bool
) -> None:
    played, answers = telling(tmp_path)
    heard = room(
        mode,
        played,
        np.zeros(0),
        gain=gain,
        answers=answers,
        attention=listening(Spotter(called)),
        barge_in=barge_in,
    )
    assert heard.woken[called:] == []
    assert heard.started == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by_db", [8, 14])
def test_nor_does_it_when_the_loudspeaker_is_turned_up(
    tmp_path: Path, mode: str, by_db: float
) -> None:
    played, answers = telling(tmp_path, 6)
    heard = room(
        mode,
        played * 0.8,
        np.zeros(0),
        gain=turned_up(answers, by_db),
        answers=answers,
        attention=listening(Spotter()),
    )
    assert heard.woken == []


@conditions
@pytest.mark.parametrize("mode", [*MODES, "off"])
def test_a_person_who_says_it_over_an_answer_interrupts(
    tmp_path: Path, mode: str, barge_in: bool, called: bool
) -> None:
    """As often as it is spotted at all, which a loud answer prevents now and then."""
    weather, hello = loud(recording("weather")), loud(recording("hello"))
    played = np.concatenate([np.zeros(24_000), weather, hello, weather])
    word, spotted, interrupted = spoken(tmp_path, "alexa"), [], []
    for over_s in OVER_S:
        said = np.zeros(len(played))
        said[int(over_s * 24_000) :][: len(word)] = word
        spotter = Spotter(called)
        heard = room(
            mode,
            played,
            said,
            gain=0.0 if mode == "off" else 0.3,
            answers=[(1.0, len(played) / 24_000)],
            attention=listening(spotter),
            barge_in=barge_in,
        )
        spotted += [over_s] if spotter.words > called else []
        interrupted += [over_s] if heard.started else []
        assert len(heard.woken) == spotter.words
        assert all(0 < time - over_s < 1.5 for time in heard.started)
    assert len(spotted) >= 2
    assert set(spotted) <= set(interrupted)


class Script:
    """Hears a wake word in frames of w; everything is speech."""

    scores: Sequence[WordScore] = ()

    def feed(self, pcm: bytes) -> Spotted | None:
        return Spotted("alexa", 0.9) if pcm[0] == ord("w") else None

    def forget(self) -> None: ...

    def probability(self, pcm: bytes) -> float:
        return 0.9


def test_a_word_said_just_before_an_answer_is_heard_in_its_beginning() -> None:
    """An answer is not spotted to say it before it could have said it."""
    gate = Gate(Settings(), Script(), Echo("half_duplex"), Attention("wake_word", Script()))
    gate.playing = True
    woken = []
    for mark in "." * 20 + "w":
        gate.played(b"l" * 960)
        woken.append(gate.feed(mark.encode() * 960).woken)
    assert woken[-1] == Spotted("alexa", 0.9)
