"""A loudspeaker in the same room: its echo is no person."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.engines.cancellers import open_echo
from rtaudio_daemon.audio.engines.vad_engines import SileroEngine
from rtaudio_daemon.audio.processing.echo import Echo, Mode
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.audio.processing.wake_word import Attention
from rtaudio_daemon.config import Gate as Settings

Samples = NDArray[np.float64]
FRAME = 480
MODES = ("cancel", "half_duplex", "system")


def recording(name: str) -> Samples:
    path = Path(str(files("rtaudio_daemon") / "recordings" / f"{name}.wav"))
    return np.frombuffer(read_wav(path), dtype="<i2").astype(np.float64)


@dataclass
class Heard:
    """What a gate made of an evening: when (s) speech began in its judgement, and what it sent."""

    started: list[float]
    sent: Samples
    woken: list[float]


def room(
    mode: str | Echo,
    played: Samples,
    said: Samples,
    *,
    delay_ms: float = 80,
    gain: float | Samples = 0.3,
    answers: list[tuple[float, float]],
    reverberation: float = 0.0,
    attention: Attention | None = None,
    barge_in: bool = True,
) -> Heard:
    """The microphone hears `said` and, later and softer, what is `played`, and a little noise.

    `answers`: from when to when (s) an answer is heard. `gain` may change from sample to sample.
    `reverberation`: of a bare room of 0.5 s, how loud beside the direct sound.
    """
    length = max(len(played), len(said)) // FRAME * FRAME
    played, said = (np.pad(one, (0, max(0, length - len(one))))[:length] for one in (played, said))
    late = int(delay_ms * 24)
    echo = np.concatenate([np.zeros(late), played])[:length] * np.resize(gain, length)
    if reverberation:
        tail = np.random.default_rng(5).normal(0, 1, 12_000) * 10 ** (
            -3 * np.arange(12_000) / 12_000
        )
        impulse = np.concatenate([[1.0], reverberation * tail / np.linalg.norm(tail)])
        size = 1 << (length + len(impulse)).bit_length()
        echo = np.fft.irfft(np.fft.rfft(echo, size) * np.fft.rfft(impulse, size), size)[:length]
    noise = np.random.default_rng(3).normal(0, 8, length)
    microphone = np.clip(said + echo + noise, -32768, 32767).astype("<i2")
    far = played.astype("<i2")
    echoes = mode if isinstance(mode, Echo) else open_echo(mode)
    gate = Gate(Settings(barge_in=barge_in), SileroEngine(), echoes, attention)
    started, sent, woken, skipped, silent = [], [], [], 0, FRAME * 50
    for at in range(0, length, FRAME):
        now = at / 24_000
        gate.playing = any(begin <= now - 0.04 < end for begin, end in answers)
        gate.in_conversation = gate.playing
        block = far[at : at + FRAME].tobytes()
        silent = 0 if block.strip(b"\0") else silent + FRAME
        if silent < 24_000:
            gate.played(block, skipped)
            skipped = 0
        else:
            skipped += FRAME
        result = gate.feed(microphone[at : at + FRAME].tobytes())
        if result.started:
            started.append(now)
        if result.woken:
            woken.append(now)
        sent.append(result.pcm_to_send)
    everything = np.frombuffer(b"".join(sent), dtype="<i2").astype(np.float64)
    return Heard(started, everything, woken)


def evening(
    count: int, seconds: float, pause: float = 2.0
) -> tuple[Samples, list[tuple[float, float]]]:
    """`count` answers of so many seconds of human speech, and when they are heard."""
    speech = np.concatenate([recording("weather"), recording("hello"), recording("weather")])
    piece = np.resize(speech, int(seconds * 24_000))
    silence = np.zeros(int(pause * 24_000))
    sound = np.concatenate([part for _ in range(count) for part in (silence, piece)])
    times = [(pause + n * (pause + seconds), (n + 1) * (pause + seconds)) for n in range(count)]
    return np.concatenate([sound, silence]), times


@pytest.mark.parametrize("mode", MODES)
def test_ten_answers_of_eight_seconds_never_interrupt_themselves(mode: str) -> None:
    played, answers = evening(10, 8.0)
    assert room(mode, played, np.zeros(0), answers=answers).started == []


def test_without_any_care_the_echo_is_taken_for_a_person() -> None:
    played, answers = evening(1, 8.0)
    assert room("off", played, np.zeros(0), answers=answers).started


@pytest.mark.parametrize("reverberation", [0.0, 0.3])
def test_with_echo_off_a_daemon_that_hears_itself_goes_over_to_half_duplex(
    reverberation: float,
) -> None:
    played, answers = evening(3, 8.0)
    echo = Echo("off")
    heard = room(echo, played, np.zeros(0), answers=answers, reverberation=reverberation)
    assert len(heard.started) == 1, "it takes two times to be sure"
    assert echo.mode == "half_duplex"
    assert echo.note is not None
    assert "set audio.echo: auto" in echo.note


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("off", 'audio.echo is "off"'),
        ("cancel", "although its echo is cancelled"),
        ("system", "although its echo is cancelled"),
        ("half_duplex", "although the echo mode is half_duplex"),
    ],
)
def test_when_words_of_answers_come_back_it_is_half_duplex_and_learns_the_echo_anew(
    mode: Mode, says: str
) -> None:
    echo, wave = Echo(mode), np.tile([1, -1], 240)
    loud, soft = ((wave * level).astype("<i2").tobytes() for level in (8000, 2000))
    for _ in range(50):
        echo.played(loud)
        echo.surpassed(echo.clean(soft))
    echo.words_came_back()
    assert echo.mode == "half_duplex"
    assert says in str(echo.note)
    if mode == "half_duplex":
        assert echo.coupling_db is None


def test_with_headphones_nobody_who_speaks_over_answers_is_taken_for_them() -> None:
    played, answers = evening(4, 8.0)
    said = np.zeros(len(played))
    for number, (begin, _) in enumerate(answers):
        voice = recording(("stop", "hello", "weather", "stop")[number])
        at = int((begin + 2) * 24_000)
        said[at : at + len(voice)] = voice[: len(said) - at]
    echo = Echo("off")
    heard = room(echo, played, said, gain=0.0, answers=answers)
    assert len(heard.started) >= 4
    assert (echo.mode, echo.note) == ("off", None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("loudness", [1.0, 0.6])
def test_a_person_who_speaks_over_an_answer_is_noticed_soon(mode: str, loudness: float) -> None:
    played, answers = evening(3, 8.0)
    said = np.zeros(len(played))
    voice = recording("stop") * loudness
    begin = int((answers[2][0] + 3) * 24_000)
    said[begin : begin + len(voice)] = voice
    onset = begin + int(np.flatnonzero(np.abs(voice) > 600)[0])
    started = room(mode, played * 0.7, said, answers=answers).started
    assert started
    assert -0.05 < started[0] - onset / 24_000 < 0.6


def test_a_louder_echo_is_learned() -> None:
    played, answers = evening(4, 8.0)
    assert room("half_duplex", played, np.zeros(0), gain=1.2, answers=answers).started == []


def turned_up(answers: list[tuple[float, float]], by_db: float) -> Samples:
    """The gain of the echo when somebody turns the loudspeaker up in the fifth answer."""
    gain = np.full(int((answers[-1][1] + 2) * 24_000), 0.1)
    gain[int((answers[4][0] + 3) * 24_000) :] *= 10 ** (by_db / 20)
    return gain


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by_db", [8, 14])
def test_a_loudspeaker_that_is_turned_up_does_not_interrupt_itself(mode: str, by_db: float) -> None:
    played, answers = evening(8, 8.0)
    heard = room(mode, played * 0.8, np.zeros(0), gain=turned_up(answers, by_db), answers=answers)
    assert heard.started == []


@pytest.mark.parametrize("by_db", [8, 14])
def test_where_the_room_blurs_the_echo_it_does_not_interrupt_itself(by_db: float) -> None:
    played, answers = evening(8, 8.0)
    gain = turned_up(answers, by_db)
    heard = room(
        "half_duplex", played * 0.8, np.zeros(0), gain=gain, answers=answers, reverberation=2.0
    )
    assert heard.started == []


def hall(mode: str, said_after_s: float | None = None, *, barge_in: bool = True) -> list[float]:
    """When (s, from the end of the last answer) speech begins in a hall; perhaps a word is said."""
    played, answers = evening(4, 4.0)
    said = np.zeros(len(played))
    if said_after_s is not None:
        voice = recording("stop")
        word = voice[np.flatnonzero(np.abs(voice) > 600)[0] :][:12_000]
        begin = int((answers[-1][1] + said_after_s) * 24_000)
        said[begin : begin + len(word)] = word
    heard = room(
        *(mode, played, said),
        delay_ms=170,
        answers=answers,
        reverberation=1.5,
        barge_in=barge_in,
    )
    return [started - answers[-1][1] for started in heard.started]


@pytest.mark.parametrize("mode", MODES)
def test_the_tail_of_an_answer_in_a_hall_is_nobody(mode: str) -> None:
    assert hall(mode) == []


@pytest.mark.parametrize("barge_in", [True, False])
def test_who_speaks_while_the_hall_still_holds_the_answer_is_heard_soon(barge_in: bool) -> None:
    (started,) = hall("half_duplex", 0.45, barge_in=barge_in)
    assert 0.45 < started < 0.65


def test_another_device_is_learned_anew() -> None:
    echo, loud = Echo("half_duplex"), np.tile([8000, -8000], 240).astype("<i2").tobytes()
    for _ in range(20):
        echo.played(loud)
        echo.surpassed(echo.clean(loud))
    assert echo.coupling_db is not None
    echo.forget()
    assert echo.coupling_db is None


def test_one_cough_says_nothing_of_the_echo_and_a_second_one_soon_that_it_is_louder() -> None:
    echo, loud = Echo("half_duplex"), np.tile([8000, -8000], 240).astype("<i2").tobytes()

    def hears(frames: int) -> None:
        for _ in range(frames):
            echo.played(loud)
            echo.surpassed(echo.clean(loud))

    hears(20)
    for _ in range(2):
        echo.nobody_spoke()
        assert echo.coupling_db is not None
        hears(501)
    echo.nobody_spoke()
    hears(500)
    echo.nobody_spoke()
    assert echo.coupling_db is None


def test_with_headphones_nothing_is_the_answer_itself() -> None:
    loud = np.tile(np.array([8000, -8000], dtype="<i2"), 240).tobytes()
    for mode, expected in (("off", False), ("half_duplex", True)):
        echo = Echo(mode)  # type: ignore[arg-type]
        assert not echo.recognized(), "nobody told what is played"
        for _ in range(50):
            echo.played(loud)
            echo.clean(loud)
        assert echo.recognized() is expected


def test_the_guard_knows_the_echo_after_a_third_of_a_second_and_nothing_passes_before() -> None:
    echo, wave = Echo("half_duplex"), np.tile([1, -1], 240)
    loud, soft, voice = ((wave * level).astype("<i2").tobytes() for level in (8000, 2000, 6000))
    for _ in range(14):
        echo.played(loud)
        assert not echo.surpassed(echo.clean(soft))
        assert echo.coupling_db is None
    echo.played(loud)
    echo.surpassed(echo.clean(soft))
    assert echo.coupling_db == pytest.approx(-12.04, abs=0.1)
    echo.played(loud)
    assert echo.surpassed(echo.clean(voice))


def test_where_nobody_tells_what_is_played_everything_surpasses_it() -> None:
    echo = Echo("half_duplex")
    assert echo.surpassed(echo.clean(bytes(960)))


class Notes:
    """A canceller that cancels nothing and notes the length (samples) of all that it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, int]] = []

    def played(self, pcm: bytes) -> None:
        self.given.append(("played", len(pcm) // 2))

    def clean(self, pcm: bytes) -> bytes:
        self.given.append(("clean", len(pcm) // 2))
        return pcm


@pytest.mark.parametrize(
    ("rested_ms", "skipped_ms", "made_up"),
    [
        (200, 200, []),
        (200, 300, [("played", 100 * 24)]),
        (300, 200, [("clean", 240)] * 10),
        (2000, 200, []),  # one of the two streams is a new one: there is nothing to be aligned
    ],
)
def test_after_a_rest_the_canceller_gets_both_streams_at_the_same_place(
    rested_ms: int, skipped_ms: int, made_up: list[tuple[str, int]]
) -> None:
    canceller = Notes()
    echo, loud = Echo("cancel", canceller), np.full(FRAME, 8000, dtype="<i2").tobytes()
    for _ in range(rested_ms // 20):
        assert echo.clean(bytes(960)) == bytes(960)
    assert canceller.given == [], "nothing is played, nothing is cancelled"
    echo.played(loud, skipped_ms * 24)
    assert echo.clean(loud) == loud
    assert canceller.given == [*made_up, ("played", FRAME), ("clean", FRAME)]


def test_whether_it_is_its_own_voice_is_the_same_when_asked_twice_in_a_frame() -> None:
    echo, answer = Echo("half_duplex"), recording("weather").astype("<i2")
    said = []
    for at in range(0, 3 * 24_000, FRAME):
        frame = answer[at : at + FRAME].tobytes()
        echo.played(frame)
        echo.clean(frame)
        said.append((echo.recognized(), echo.recognized()))
    assert (True, True) in said
    assert {first == second for first, second in said} == {True}
