"""Words that were taught: kept, learned anew, spotted."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon.audio.engines.open_wake_word import RowMaker, RowWordEngine
from rtaudio_daemon.audio.engines.taught_words import (
    FOLDER,
    TaughtWord,
    TaughtWords,
    certainty,
    embedder,
    material,
    taught_word,
)
from rtaudio_daemon.audio.engines.tflite import Library
from rtaudio_daemon.audio.engines.wake_word_files import refusals
from rtaudio_daemon.audio.processing.format import SAMPLE_RATE, Resampler
from rtaudio_daemon.audio.processing.word_recording import RATE, WordRecording, word_recording
from rtaudio_daemon.audio.processing.word_score import WordScore
from rtaudio_daemon.config import WakeWord
from rtaudio_daemon.errors import NotFoundError, WrongValueError
from tests.audio.processing.words_of_tones import MARVIN, SESAME, learned, said


def recordings() -> list[WordRecording]:
    return [word_recording(said(MARVIN, tone_s=0.2 + each / 50, seed=each)) for each in range(2)]


def kept(folder: Path) -> TaughtWords:
    words = TaughtWords(folder)
    words.save("hey marvin", recordings(), learned())
    return words


def test_a_word_is_kept_for_its_owner_alone_until_it_is_forgotten(tmp_path: Path) -> None:
    words = kept(tmp_path)
    assert words.names() == ["hey marvin"]
    files = sorted((tmp_path / FOLDER / "hey marvin").iterdir())
    assert [each.name for each in files] == ["1.wav", "2.wav", "learned.npz"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    first = words.recordings("hey marvin")[0]
    assert first.start_s == pytest.approx(0.5, abs=0.03)
    words.forget("hey marvin")
    assert words.names() == []
    for lost in (words.recordings, words.forget):
        with pytest.raises(NotFoundError, match="wake list"):
            lost("hey marvin")


def test_what_was_learned_is_read_again(tmp_path: Path) -> None:
    again = kept(tmp_path).load("hey marvin", Library())
    assert np.array_equal(again.weights, learned().weights)


def test_a_word_is_spotted_and_learned_anew_where_what_was_learned_is_lost(tmp_path: Path) -> None:
    words, library = kept(tmp_path), Library()
    (tmp_path / FOLDER / "hey marvin" / "learned.npz").write_bytes(b"lost")
    word = words.load("hey marvin", library)
    assert words.load("hey marvin", library).bias == pytest.approx(word.bias)
    embed = embedder(library)
    again = word_recording(said(MARVIN, tone_s=0.21, seed=7))
    assert certainty(word, again, embed) > 0.5
    assert certainty(word, word_recording(said(SESAME)), embed) < 0.5

    engine = RowWordEngine(RowMaker(library), [TaughtWord(word, WordScore("hey marvin", 0.5))])
    sound = said(MARVIN, before_s=2.0, after_s=1.5)
    pcm = Resampler(RATE, SAMPLE_RATE).feed((sound * 32767).astype("<i2").tobytes())
    frames = [pcm[at : at + 960] for at in range(0, len(pcm), 960)]
    found = [number / 50 for number, each in enumerate(frames) if engine.feed(each)]
    assert 2.5 < min(found) < max(found) < 4.0, "it ends at 2.8 s"

    for frame in frames[: round(min(found) * 50)]:
        engine.feed(frame)
    engine.forget()
    assert not any(map(engine.feed, frames[-75:])), "its end is not that of the word before"


def test_damaged_recordings_are_refused_with_the_remedy(tmp_path: Path) -> None:
    words = kept(tmp_path)
    folder = tmp_path / FOLDER / "hey marvin"
    (folder / "learned.npz").unlink()
    (folder / "2.wav").write_bytes(b"RIFF")
    with pytest.raises(WrongValueError, match="teach it again"):
        words.load("hey marvin", Library())
    silent = WordRecording(np.zeros(RATE, np.float32), 0, 0, 0)
    words.save("hey marvin", [silent], learned())
    (folder / "learned.npz").unlink()
    with pytest.raises(WrongValueError, match="teach it again"):
        words.load("hey marvin", Library())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(WrongValueError, match="cannot be kept"):
        TaughtWords(tmp_path).save("hey marvin", recordings(), learned())


def test_no_folder_but_that_of_words_is_ever_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in (str(mine), "../mine", "..", "hey\n"):
        with pytest.raises(WrongValueError, match="as in hey marvin, got"):
            TaughtWords(tmp_path).save(name, recordings(), learned())
    assert mine.is_dir()


def test_a_word_that_was_not_taught_is_refused_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    word = WakeWord(taught="hey marvin")
    assert 'daemon.py wake teach "hey marvin"' in refusals([word])["hey marvin"]
    with pytest.raises(ValueError, match="no word"):
        taught_word(Library(), word)
    kept(tmp_path)
    assert refusals([word]) == {}
    assert taught_word(Library(), word).score.word == "hey marvin"
    stop = taught_word(Library(), replace(word, stop=True)).score
    assert stop.stop
    assert stop.cutoff == pytest.approx(0.12), "of one that stops a mistake costs less"
    for each in (tmp_path / FOLDER / "hey marvin").iterdir():
        each.write_bytes(b"")
    assert "are damaged; teach it again" in refusals([word])["hey marvin"], "others are heard"


def test_what_comes_with_the_program_is_small_and_complete() -> None:
    found = material()
    assert found.basis.projection.shape == (96, 32)
    assert len(found.negatives) > 18_000
    assert 0.9 < float(found.babble.std()) < 1.1
    assert len(found.babble) > 10 * RATE
