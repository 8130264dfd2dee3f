"""A microphone that is made louder and clearer, and what the gate makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.echo import Echo, Mode
from rtaudio_daemon.audio.processing.enhancement import Enhancement
from rtaudio_daemon.audio.processing.format import FRAME_BYTES, dbfs
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.audio.processing.vad import AlwaysEngine
from rtaudio_daemon.config import Gate as Settings

NOISE = np.random.default_rng(1).normal(0, 300, FRAME_BYTES // 2).astype("<i2").tobytes()


class Mark:
    """An enhancer that makes every sample this one."""

    def __init__(self, sample: int) -> None:
        self.sample = sample
        self.heard: list[bytes] = []

    def enhanced(self, pcm: bytes) -> bytes:
        self.heard.append(pcm)
        return np.full(len(pcm) // 2, self.sample, dtype="<i2").tobytes()


def test_without_any_of_it_sound_stays_as_it_is() -> None:
    nothing = Enhancement()
    assert nothing.amplified(NOISE) is NOISE
    assert nothing.enhanced(NOISE) is NOISE


@pytest.mark.parametrize("gain_db", [-12.0, 6.0, 20.0])
def test_a_gain_makes_sound_louder_by_so_much(gain_db: float) -> None:
    louder = Enhancement(gain_db).amplified(NOISE)
    assert dbfs(louder) - dbfs(NOISE) == pytest.approx(gain_db, abs=0.1)


def test_what_is_too_loud_stays_at_the_end_and_does_not_wrap() -> None:
    pcm = np.array([-20_000, -1, 0, 1, 20_000], dtype="<i2").tobytes()
    assert np.frombuffer(Enhancement(20.0).amplified(pcm), "<i2").tolist() == [
        *(-32768, -10, 0, 10, 32767),
    ]


def test_enhancers_work_one_after_the_other() -> None:
    first, second = Mark(1), Mark(2)
    enhancement = Enhancement(enhancers=(first, second))
    assert enhancement.enhanced(bytes(4)) == b"\2\0\2\0"
    assert second.heard == [b"\1\0\1\0"]


def test_what_is_sent_is_enhanced_and_by_the_button_too() -> None:
    gate = Gate(Settings(engine="always"), AlwaysEngine())
    gate.enhancement = Enhancement(enhancers=(Mark(7),))
    wanted = b"\7\0" * (FRAME_BYTES // 2)
    assert gate.feed(NOISE).pcm_to_send == wanted
    assert gate.bypass(NOISE) == wanted


class Louder:
    """Makes everything four times as loud."""

    def enhanced(self, pcm: bytes) -> bytes:
        return (np.frombuffer(pcm, "<i2") * 4).astype("<i2").tobytes()


@pytest.mark.parametrize("mode", ["half_duplex", "system"])
def test_who_speaks_over_an_answer_is_judged_by_what_no_gain_has_changed(mode: Mode) -> None:
    random = np.random.default_rng(4)

    def noise(level: float) -> bytes:
        return random.normal(0, level, FRAME_BYTES // 2).astype("<i2").tobytes()

    def started(level: float) -> bool:
        gate.played(noise(4000))
        return gate.feed(noise(level)).started

    gate = Gate(Settings(), AlwaysEngine(), Echo(mode))
    gate.playing = True
    assert not any(started(1000) for _ in range(60)), "what the room makes of the answer"
    gate.enhancement = Enhancement(enhancers=(Louder(),))
    assert not any(started(1000) for _ in range(20)), "and it is no louder now"
    assert any(started(4000) for _ in range(5)), "but this is"
