"""openWakeWord, driven in blocks: equal to the package, and only of what is loud."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pyopen_wakeword
import pytest

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.engines.open_wake_word import (
    OpenWord,
    RowMaker,
    RowWordEngine,
    word_score,
)
from rtaudio_daemon.audio.engines.tflite import Library
from rtaudio_daemon.audio.processing.format import Resampler
from rtaudio_daemon.audio.processing.word_score import Spotted
from rtaudio_daemon.config import WakeWord

FRAME = 960
_SILENT = 89  # rows of the silence that the package begins with


@pytest.fixture(scope="module")
def library() -> Library:
    return Library()


def said(words: str, folder: Path, noise: float) -> bytes:
    """Three seconds of noise, the words in it, and two more seconds, as pcm."""
    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", str(path), words], check=True)
    speech = np.frombuffer(read_wav(path), dtype="<i2").astype(np.float64)
    sound = np.concatenate([np.zeros(72_000), speech, np.zeros(48_000)])
    sound += np.random.default_rng(1).normal(0, noise, len(sound))
    whole = sound[: len(sound) // 480 * 480].clip(-32768, 32767)
    return whole.astype("<i2").tobytes()


def test_rows_are_equal_to_those_of_the_package(library: Library, tmp_path: Path) -> None:
    pcm = Resampler(24_000, 16_000).feed(said("hey jarvis, what is that", tmp_path, 20))
    ours = np.concatenate(list(RowMaker(library).feed(pcm)))
    package = pyopen_wakeword.OpenWakeWordFeatures.from_builtin()
    theirs = np.concatenate(
        [
            each.reshape(-1, 96)
            for at in range(0, len(pcm), 2560)
            for each in package.process_streaming(pcm[at : at + 2560])
        ]
    )
    assert np.abs(ours - theirs[_SILENT : _SILENT + len(ours)]).max() < 1e-3
    assert np.abs(ours).max() > 20, "so that is nothing"


def spotted(library: Library, name: str, pcm: bytes) -> list[tuple[int, Spotted]]:
    """Each spotted word, with the number of the frame."""
    maker = RowMaker(library)
    entry = WakeWord(file=f"/words/{name}.tflite")
    word = OpenWord(library, library.shipped(name), word_score(entry, 0.5), maker.silence)
    engine = RowWordEngine(maker, [word])
    frames = [pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME)]
    found = [(at, engine.feed(frame)) for at, frame in enumerate(frames)]
    return [(at, each) for at, each in found if each is not None]


@pytest.mark.parametrize("noise", [0, 20])
def test_a_word_is_spotted_at_its_end_and_other_words_are_not(
    library: Library, tmp_path: Path, noise: float
) -> None:
    pcm = said("hey jarvis", tmp_path, noise)
    found = spotted(library, "hey_jarvis", pcm)
    assert found
    assert {each.word for _, each in found} == {"hey_jarvis"}
    assert all(0.5 < each.score <= 1 for _, each in found)
    end = (len(pcm) // 48 - 2000) / 20
    assert end - 25 < found[0][0] < end + 25
    assert spotted(library, "alexa", pcm) == []


def test_scores_after_a_quiet_time_are_as_if_all_had_been_heard(
    library: Library, tmp_path: Path
) -> None:
    """What is left out changes nothing of what is spotted."""
    hushed = np.random.default_rng(2).normal(0, 20, 24_000 * 8).astype("<i2").tobytes()
    pcm = hushed + said("hey jarvis", tmp_path, 20)
    whole, resampler = RowMaker(library), Resampler(24_000, 16_000)
    entry = WakeWord(file="hey_jarvis.tflite")
    every = OpenWord(library, library.shipped("hey_jarvis"), word_score(entry, 0.5), whole.silence)
    all_heard = [
        found
        for at in range(0, len(pcm), FRAME)
        for rows in whole.feed(resampler.feed(pcm[at : at + FRAME]))
        if (found := every.feed(rows)) is not None
    ]
    ours = [each for _, each in spotted(library, "hey_jarvis", pcm)]
    assert len(ours) == len(all_heard)
    assert [each.score for each in ours] == pytest.approx([e.score for e in all_heard], abs=0.15)


@pytest.mark.parametrize(
    ("name", "why"),
    [("melspectrogram", "cannot be run"), ("embedding_model", "is no word of openWakeWord")],
)
def test_another_kind_of_model_is_refused(library: Library, name: str, why: str) -> None:
    silence = RowMaker(library).silence
    with pytest.raises(ValueError, match=f"{name}.tflite {why}"):
        OpenWord(library, library.shipped(name), word_score(WakeWord("alexa"), 0.5), silence)
