"""Noise suppression and automatic gain, and what happens where they are not installed."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.engines.enhancers import open_enhancement
from rtaudio_daemon.audio.processing.format import FRAME_BYTES, dbfs
from rtaudio_daemon.config import Input
from rtaudio_daemon.optional_packages import how_to_install
from tests.harness import speech


def through(settings: Input, pcm: bytes) -> bytes:
    enhancement = open_enhancement(settings)
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES, FRAME_BYTES)]
    return b"".join(enhancement.enhanced(enhancement.amplified(each)) for each in frames)


def test_nothing_is_loaded_where_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "livekit", None)
    enhancement = open_enhancement(Input(gain_db=6.0))
    assert (enhancement.gain_db, enhancement.enhancers, enhancement.note) == (6.0, (), None)


def test_a_missing_package_is_named_and_the_gain_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "livekit", None)
    enhancement = open_enhancement(Input(gain_db=6.0, auto_gain="on", noise_suppression="on"))
    assert (enhancement.gain_db, enhancement.enhancers) == (6.0, ())
    assert enhancement.note is not None
    assert enhancement.note.startswith(
        "audio.input.noise_suppression and audio.input.auto_gain cannot be on"
    )
    assert how_to_install("livekit.rtc") in enhancement.note
    assert enhancement.note in caplog.text


def test_steady_noise_becomes_softer() -> None:
    noise = np.random.default_rng(1).normal(0, 300, 3 * 24_000).astype("<i2").tobytes()
    softer = through(Input(noise_suppression="on"), noise)
    assert dbfs(softer[-48_000:]) < dbfs(noise) - 9


def test_a_voice_from_afar_becomes_louder() -> None:
    voice = np.frombuffer(speech("weather"), dtype="<i2")
    far = (voice * 0.03).astype("<i2").tobytes()
    louder = through(Input(auto_gain="on"), far)
    assert dbfs(louder) > dbfs(far) + 9
