"""What a chirp tells of a room."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.calibration import Measurement, advice, chirp, examine, listening_ms


def room(delay_ms: float, gain: float, noise: float) -> tuple[bytes, bytes]:
    lead, tail = (ms * 24 for ms in listening_ms())
    rng = np.random.default_rng(1)
    sound = rng.normal(0, noise, tail)
    played = np.frombuffer(chirp(), dtype="<i2") * gain
    at = int(delay_ms * 24)
    sound[at : at + len(played)] += played
    before = rng.normal(0, noise, lead)
    return before.astype("<i2").tobytes(), sound.astype("<i2").tobytes()


@pytest.mark.parametrize(("delay_ms", "gain"), [(80, 0.3), (250, 0.05), (5, 1.0)])
def test_delay_echo_and_noise_are_measured(delay_ms: float, gain: float) -> None:
    found = examine(*room(delay_ms, gain, 30))
    assert found.delay_ms == pytest.approx(delay_ms, abs=0.1)
    assert found.echo_db == pytest.approx(20 * np.log10(gain), abs=0.5)
    assert found.noise_dbfs == pytest.approx(20 * np.log10(30 / 32768), abs=0.5)


def test_a_microphone_that_does_not_hear_the_loudspeaker_is_recognised() -> None:
    found = examine(*room(80, 0.0, 100))
    assert found == Measurement(found.noise_dbfs)
    assert "echo: off" in advice(found, can_cancel=True)[0]
    assert examine(b"", b"").delay_ms is None
    assert examine(bytes(960), bytes(48 * 2500)).delay_ms is None


def test_the_advice_names_options() -> None:
    assert "cancel" in advice(Measurement(-60, 80, -10), can_cancel=True)[0]
    assert "half_duplex" in advice(Measurement(-60, 80, -10), can_cancel=False)[0]
    loud = advice(Measurement(-30, 500, -3), can_cancel=False)
    assert ["turn it down" in loud[0].replace("\n", " "), "Bluetooth" in loud[1]] == [True, True]
    assert "threshold" in loud[2]
