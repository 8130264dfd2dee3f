"""What is spared to save CPU changes no decision of the gate, but for a frame now and then.

    pytest -m slow -s tests/audio/processing/test_spared_work.py

Answers of human speech come back to the microphone as an echo while people speak over them, and
between them: the prompts of `test_gate_corpus`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from rtaudio_daemon.audio.engines.cancellers import open_echo
from rtaudio_daemon.audio.engines.vad_engines import SileroEngine
from rtaudio_daemon.audio.processing.echo import Echo, Mode
from rtaudio_daemon.audio.processing.format import dbfs
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.audio.processing.vad import Engine, TwoStageEngine
from rtaudio_daemon.config import Gate as Settings
from tests.audio.processing.test_gate_corpus import RATE, Samples, prompts
from tests.harness import samples, speech

FRAME = 480


class Loud:
    """A costly engine that takes every loud frame for speech."""

    def probability(self, pcm: bytes) -> float:
        return 0.9 if dbfs(pcm) > -40 else 0.0


class Counted:
    """Counts what the costly engine is asked."""

    def __init__(self, engine: Engine) -> None:
        self.asked = 0
        self._engine = engine

    def probability(self, pcm: bytes) -> float:
        self.asked += 1
        return self._engine.probability(pcm)


class Eager:
    """Is asked for every frame, as nothing is known of what it costs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def probability(self, pcm: bytes) -> float:
        return self._engine.probability(pcm)


@dataclass
class Scene:
    """Frames of a microphone and of what is played; when an answer is heard."""

    near: Samples
    far: Samples
    answers: list[tuple[int, int]]


def scene(number: int, said: Samples, *, gain: float) -> Scene:
    """Somebody speaks over an answer of six seconds, and again two seconds after it."""
    answer = np.resize(
        np.concatenate([samples(speech("weather")), samples(speech("hello"))]), 6 * RATE
    )
    begin, over = 2 * RATE, int((4 + number % 7 / 7) * RATE)
    length = 12 * RATE + 2 * len(said)
    far = np.zeros(length)
    far[begin : begin + len(answer)] = answer
    near = np.random.default_rng(number).normal(0, 8, length)
    late = RATE * 80 // 1000
    near[late:] += far[:-late] * gain
    for at in (over, 10 * RATE + len(said)):
        near[at : at + len(said)] += said
    return Scene(np.clip(near, -32768, 32767), far, [(begin, begin + len(answer))])


def starts(mode: str | Echo, engine: Engine, heard: Scene, *, said_at_once: int = 1) -> list[int]:
    """The frames in which the gate opens; it hears of so many frames that are played at once."""
    echo = mode if isinstance(mode, Echo) else open_echo(mode)
    gate = Gate(Settings(), engine, echo)
    near, far = heard.near.astype("<i2"), heard.far.astype("<i2")
    found = []
    for frame, at in enumerate(range(0, len(near) - FRAME, FRAME)):
        gate.playing = any(begin <= at < end for begin, end in heard.answers)
        if frame % said_at_once == said_at_once - 1:
            gate.played(far[at + FRAME - said_at_once * FRAME : at + FRAME].tobytes())
        if gate.feed(near[at : at + FRAME].tobytes()).started:
            found.append(frame)
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["half_duplex", "cancel"])
@pytest.mark.parametrize("gain", [0.0, 0.1, 0.3])
def test_the_gate_decides_the_same_although_it_asks_the_engine_less(mode: str, gain: float) -> None:
    said = prompts()
    if len(said) < 40:
        pytest.skip("needs the Debian packages of test_gate_corpus.py")
    compare(mode, said, gain=gain)


def test_while_an_answer_explains_what_is_heard_the_costly_engine_is_spared() -> None:
    heard = scene(0, samples(speech("stop")), gain=0.3)
    eager, spared = Counted(Loud()), Counted(Loud())
    was = starts("half_duplex", Eager(TwoStageEngine(eager)), heard)
    assert starts("half_duplex", TwoStageEngine(spared), heard) == was != []
    assert spared.asked < 0.85 * eager.asked


class Prompt(Echo):
    """Judges every frame at once."""

    @property
    def may_postpone(self) -> bool:
        return False


@pytest.mark.parametrize("gain", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("mode", ["half_duplex", "system"])
def test_frames_that_are_judged_together_are_judged_the_same(mode: Mode, gain: float) -> None:
    heard = scene(0, samples(speech("stop")), gain=gain)
    prompt, patient = Prompt(mode), Echo(mode)
    was = starts(prompt, TwoStageEngine(Loud()), heard)
    assert starts(patient, TwoStageEngine(Loud()), heard) == was != []
    assert patient.coupling_db == prompt.coupling_db


def test_a_single_frame_that_is_louder_than_the_echo_is_not_worth_asking_the_engine() -> None:
    far = np.tile([8000.0, -8000.0], 120 * FRAME // 2)
    near = far * 0.25
    near[:FRAME] = 0
    for frame in (80, 86, 92, 93):  # the last two may be somebody
        near[frame * FRAME : (frame + 1) * FRAME] *= 4
    asked = []
    for end in (92, 120):
        for echo in (Prompt("half_duplex"), Echo("half_duplex")):
            engine = Counted(Loud())
            heard = Scene(near[: end * FRAME], far, [(0, len(far))])
            assert starts(echo, TwoStageEngine(engine), heard) == []
            asked.append(engine.asked)
    at_once, later, both_at_once, both_later = asked
    assert at_once > 20
    assert later == 0
    assert both_later > 20 < both_at_once


def test_what_was_postponed_is_judged_when_the_settings_change() -> None:
    engine = Counted(Loud())
    gate = Gate(Settings(), engine, Echo("half_duplex"))
    gate.playing = True
    for _ in range(3):
        gate.played(bytes(2 * FRAME))
        gate.feed(bytes(2 * FRAME))
    heard = engine.asked
    gate.adjust(Settings(), engine)
    assert engine.asked == heard + 1 == 3


def test_frames_that_need_no_verdict_are_learned_from_all_the_same() -> None:
    heard = scene(0, samples(speech("stop")), gain=0.1)
    far, near = heard.far.astype("<i2"), heard.near.astype("<i2")
    one_by_one, together = Echo("half_duplex"), Echo("half_duplex")
    for at in range(0, heard.answers[0][1], FRAME):
        pcm = near[at : at + FRAME].tobytes()
        for echo in (one_by_one, together):
            echo.played(far[at : at + FRAME].tobytes())
            echo.clean(pcm)
        one_by_one.surpassed(pcm)
        together.learn()
    assert together.surpassed(pcm) == one_by_one.surpassed(pcm)
    assert together.coupling_db == one_by_one.coupling_db is not None


@pytest.mark.parametrize("gain", [0.0, 0.1, 0.3])
def test_what_is_played_may_be_said_in_longer_pieces(gain: float) -> None:
    heard = scene(0, samples(speech("stop")), gain=gain)
    was = starts("half_duplex", TwoStageEngine(Loud()), heard)
    assert starts("half_duplex", TwoStageEngine(Loud()), heard, said_at_once=2) == was != []
    in_bursts = starts("half_duplex", TwoStageEngine(Loud()), heard, said_at_once=5)
    assert [abs(at - to) <= 1 for at, to in zip(in_bursts, was, strict=True)] == [True] * len(was)


class Deaf:
    """A canceller that takes the loudspeaker out, and every voice with it."""

    def played(self, pcm: bytes) -> None:
        """It needs to know nothing."""

    def clean(self, pcm: bytes) -> bytes:
        return bytes(len(pcm))


def test_in_cancel_the_engine_that_hears_the_raw_sound_is_spared_too() -> None:
    heard = scene(0, samples(speech("stop")), gain=0.3)
    eager, spared = Counted(Loud()), Counted(Loud())
    engines = Eager(TwoStageEngine(eager)), TwoStageEngine(spared)
    was, now = (starts(Echo("cancel", Deaf(), engine), Loud(), heard) for engine in engines)
    assert now == was != []
    assert spared.asked < 0.5 * eager.asked


def compare(mode: str, said: list[Samples], *, gain: float) -> None:
    eager, spared = Counted(SileroEngine()), Counted(SileroEngine())
    over_answers: list[int] = []
    afterwards: list[int] = []
    for number, prompt in enumerate(said):
        heard = scene(number, prompt, gain=gain)
        was = starts(mode, Eager(TwoStageEngine(eager)), heard)
        now = starts(mode, TwoStageEngine(spared), heard)
        end = heard.answers[0][1] // FRAME
        for later, first, last in ((over_answers, 0, end), (afterwards, end, len(heard.near))):
            before, after = (
                next((at for at in each if first <= at < last), None) for each in (was, now)
            )
            if before is not None:
                assert after is not None, f"prompt {number} is missed"
                later.append(after - before)
    print(
        f"\n| {mode} | {gain} | {len(said)} | {len(over_answers)}: {Counter(over_answers)} | "
        f"{len(afterwards)}: {Counter(afterwards)} | {eager.asked} | {spared.asked} |",
        end="",
    )
    # In frames. Resampling is dithered and windows are of 32 ms, so that two runs differ anyway.
    assert abs(np.mean(over_answers)) <= 0.5
    assert abs(np.mean(afterwards)) <= 1
    assert spared.asked < eager.asked or not gain
