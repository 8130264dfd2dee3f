"""The engines that tell speech from noise."""

import sys
from importlib.resources import files
from pathlib import Path

import pytest

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.engines import vad_engines
from rtaudio_daemon.audio.engines.vad_engines import (
    NeverEngine,
    SileroEngine,
    WebRtcEngine,
    open_engine,
)
from rtaudio_daemon.audio.processing.format import FRAME_BYTES
from rtaudio_daemon.audio.processing.vad import (
    AlwaysEngine,
    Engine,
    LevelEngine,
    TwoStageEngine,
    judge,
)
from rtaudio_daemon.optional_packages import how_to_install
from tests.audio.processing.test_vad import noise, room_noise
from tests.harness import speech


def test_silero_hears_speech_and_neither_silence_nor_noise() -> None:
    engine = SileroEngine()
    quiet = [engine.probability(bytes(FRAME_BYTES)) for _ in range(50)]
    loud = [engine.probability(noise(2000)) for _ in range(50)]
    assert max(quiet[5:] + loud[5:]) < 0.5


def test_silero_judges_after_a_gap_as_if_nothing_had_come_before() -> None:
    new, used = (open_engine("silero", only_at_times=True).engine for _ in range(2))
    for frame in [*frames_of("hello"), *frames_of("hello"), *frames_of("stop")]:
        judge(used, frame, needed=True)
    expected, found = (verdicts_after_a_gap(each, frames_of("weather")) for each in (new, used))
    assert max(expected) > 0.9
    assert found == pytest.approx(expected, abs=0.1)  # nearly the same: soxr rounds at random


def verdicts_after_a_gap(engine: Engine, frames: list[bytes]) -> list[float]:
    for frame in frames[:50]:
        judge(engine, frame, needed=False)
    return [judge(engine, frame, needed=True) for frame in frames[50:]]


def frames_of(name: str) -> list[bytes]:
    pcm = speech(name)
    return [pcm[i : i + FRAME_BYTES] for i in range(0, len(pcm) - FRAME_BYTES, FRAME_BYTES)]


@pytest.mark.skipif(
    not Path("/usr/share/sounds/alsa/Front_Center.wav").exists(), reason="needs alsa-utils"
)
def test_silero_hears_a_human_voice() -> None:
    from rtaudio_daemon.audio.devices.wav_devices import read_wav

    engine = SileroEngine()
    pcm = read_wav(Path("/usr/share/sounds/alsa/Front_Center.wav"))
    frames = [pcm[i : i + FRAME_BYTES] for i in range(0, len(pcm), FRAME_BYTES)]
    spoken = [engine.probability(frame) for frame in frames]
    assert sum(probability > 0.5 for probability in spoken) > 25


def test_engines_are_chosen_by_name() -> None:
    for name, kind in (
        ("silero", TwoStageEngine),
        ("webrtc", WebRtcEngine),
        ("level", LevelEngine),
        ("always", AlwaysEngine),
        ("never", NeverEngine),
    ):
        engine, is_called, note = open_engine(name)
        assert isinstance(engine, kind)
        assert (is_called, note) == (name, None)


def test_where_silero_cannot_run_the_level_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> SileroEngine:
        raise ImportError("no such machine code")

    monkeypatch.setattr(vad_engines, "SileroEngine", broken)
    engine, name, note = open_engine("silero")
    assert isinstance(engine, LevelEngine)
    assert name == "level"
    assert note is not None
    assert "everything loud counts as speech" in note
    assert note in caplog.text


def test_where_an_engine_is_missing_it_is_named_and_loudness_decides(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    engine, name, note = open_engine("webrtc")
    assert isinstance(engine, LevelEngine)
    assert name == "level"
    assert note is not None
    assert "audio.gate.engine is webrtc, but" in note
    assert how_to_install("webrtcvad") in note
    assert note in caplog.text


def test_the_webrtc_engine_hears_speech_and_not_silence() -> None:
    engine = open_engine("webrtc").engine
    assert not any(engine.probability(frame) for frame in room_noise(3, 50))
    pcm = read_wav(Path(str(files("rtaudio_daemon") / "recordings" / "weather.wav")))
    spoken = [engine.probability(pcm[at : at + 960]) for at in range(0, len(pcm), 960)]
    assert sum(spoken) > 100
