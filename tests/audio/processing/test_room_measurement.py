"""What a chirp tells of a room."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.room_measurement import (
    DECAY_LEAD,
    DECAY_STEPS,
    Measurement,
    advice,
    chirp,
    decay,
    examine,
    listening_ms,
    proposals,
)
from rtaudio_daemon.cli.doctor.calibration import calibrate
from rtaudio_daemon.cli.doctor.finding import Finding
from rtaudio_daemon.config import Audio, Gate

Samples = np.ndarray[Any, np.dtype[Any]]


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
    assert advice(found, can_cancel=True) == []
    assert examine(b"", b"").delay_ms is None
    assert examine(bytes(960), bytes(48 * 2500)).delay_ms is None


@pytest.mark.parametrize("delay_ms", [3, 80, 1_460])
def test_the_curve_shows_how_the_echo_dies_away(delay_ms: float) -> None:
    before, after = room(delay_ms, 0.3, 1)
    samples = np.frombuffer(after, dtype="<i2").astype(np.float64)
    late = np.zeros_like(samples)
    late[2400:] = samples[:-2400] * 0.1  # a second way of 100 ms more, 20 dB softer
    heard = (samples + late).astype("<i2").tobytes()
    curve = decay(heard, examine(before, heard))
    assert len(curve) == DECAY_STEPS
    assert max(curve) == curve[DECAY_LEAD] == 0
    assert min(curve) >= -60
    if delay_ms < 1_000:
        assert max(curve[DECAY_LEAD + 19 : DECAY_LEAD + 22]) == pytest.approx(-20, abs=1)
    assert decay(b"", Measurement(-60)) == []


def test_an_echo_that_nobody_can_hear_is_none() -> None:
    before, after = room(80, 0.0002, 0)
    assert any(after), "a digital copy, far below the noise of any room"
    assert examine(before, after) == Measurement(examine(before, b"").noise_dbfs)


def test_the_advice_says_what_no_option_can_do() -> None:
    assert advice(Measurement(-60, 80, -10), can_cancel=False) == []
    assert advice(Measurement(-60, 80, -3), can_cancel=True) == []
    loud = advice(Measurement(-30, 500, -3), can_cancel=False)
    assert ["turn it down" in loud[0], "Bluetooth" in loud[1]] == [True, True]


HEARD, NOT_HEARD = Measurement(-60, 80, -10), Measurement(-60)


@pytest.mark.parametrize(
    ("measured", "echo", "can_cancel", "expected"),
    [
        (HEARD, "auto", True, {}),
        (HEARD, "half_duplex", False, {}),
        (HEARD, "off", True, {"audio.echo": "auto"}),
        (NOT_HEARD, "off", True, {}),
        (NOT_HEARD, "auto", True, {}),
        (Measurement(-30), "auto", True, {"audio.gate.threshold": 0.6}),
        (Measurement(-30, 80, -10), "auto", True, {"audio.gate.threshold": 0.6}),
        (
            Measurement(-30, 80, -10),
            "auto",
            False,
            {"audio.gate.threshold": 0.6, "audio.gate.barge_in_threshold": 0.8},
        ),
    ],
)
def test_proposed_is_what_the_measurement_speaks_for(
    measured: Measurement, echo: str, can_cancel: bool, expected: dict[str, object]
) -> None:
    found = proposals(measured, Audio(echo=echo), can_cancel=can_cancel)
    assert {".".join(each.steps): each.value for each in found} == expected


def test_what_is_stricter_already_stays() -> None:
    gate = Gate(threshold=0.7, barge_in_threshold=0.9)
    assert proposals(Measurement(-30, 80, -10), Audio(gate=gate), can_cancel=False) == []


async def calibrated(folder: Path, sound: Samples, echo: str) -> list[Finding]:
    """What is found, to be written, where the microphone hears this and the room nothing."""
    with wave.open(str(folder / "room.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(24_000)
        wav.writeframes(sound.astype("<i2").tobytes())
    file = folder / "config.yaml"
    devices = f"{{input: {{device: 'wav:{folder}/room.wav'}}, output: {{device: 'wav:{folder}/o'}}"
    file.write_text(text := f"audio: {devices}, echo: '{echo}'}}\n")
    found = await calibrate(str(file), write=True)
    assert file.read_text() == text
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "o", "room.wav"]
    return found


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(96_000), "delivers digital silence"),
        (np.full(96_000, 700), "delivers digital silence"),
        (np.resize([32_767, -32_768], 96_000), "stuck at full scale"),
    ],
    ids=["zeros", "a constant", "full scale"],
)
async def test_a_deaf_microphone_measures_nothing(
    tmp_path: Path, sound: Samples, reason: str
) -> None:
    (found,) = await calibrated(tmp_path, sound, "auto")
    assert found.verdict == "fail"
    assert reason in found.what
    assert "unmute" in found.remedy


@pytest.mark.parametrize(
    ("noise", "echo", "verdict", "words"),
    [
        (30, "auto", "warn", 'if it was, as with headphones, set audio.echo: "off"'),
        (30, "system", "pass", "as it should be with audio.echo: system (if the chirp was aud"),
        (30, "off", "pass", "as it should be with audio.echo: off (if the chirp was audible)"),
        (200, "auto", "warn", "try again when the room is quiet"),
    ],
)
async def test_a_chirp_that_does_not_come_back_switches_nothing_off(
    tmp_path: Path, noise: float, echo: str, verdict: str, words: str
) -> None:
    sound = np.random.default_rng(1).normal(0, noise, 96_000)
    _, found, written = await calibrated(tmp_path, sound, echo)
    assert found.verdict == verdict
    assert words in f"{found.what} {found.remedy}"
    assert written.what.startswith("nothing: the loudspeaker was not heard")
