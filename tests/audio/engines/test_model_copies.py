"""A file of a wake word may change or vanish while the word is in use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon.audio.engines.model_copies import copied
from rtaudio_daemon.audio.engines.wake_word_engines import open_attention
from rtaudio_daemon.config import Wake, WakeWord
from tests.audio.processing.test_wake_word import FRAME
from tests.stories.test_listening import spoken

from .test_wake_word_files import MICRO, OPEN, describe, put


def file_of(folder: Path, kind: str) -> Path:
    shipped = MICRO if kind == "micro" else OPEN
    return put(folder, (shipped / "alexa.tflite").read_bytes(), micro=kind == "micro")


@pytest.mark.parametrize("kind", ["micro", "open"])
def test_a_word_is_spotted_after_its_file_was_written_over(tmp_path: Path, kind: str) -> None:
    path = file_of(tmp_path, kind)
    attention = open_attention("wake_word", Wake(words=(WakeWord(file=str(path)),)))
    model = path.with_suffix(".tflite")
    assert str(model) not in Path("/proc/self/maps").read_text(), "or this ended the process"
    model.write_bytes(b"")
    pcm = bytes(48_000) + spoken(tmp_path, "alexa") + bytes(2 * 48_000)
    found = [
        attention.feed(pcm[at : at + FRAME], engaged=False)
        for at in range(0, len(pcm) - FRAME, FRAME)
    ]
    assert [each.word for each in found if each] == ["marvin"]


def test_copies_keep_their_names_and_are_gone_afterwards(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    words = [
        WakeWord(file=str(file_of(tmp_path, "micro")), persona="marvin"),
        WakeWord(file=str(file_of(other, "open"))),
        WakeWord("alexa"),
    ]
    with copied(words) as own:
        assert [each.called for each in own] == ["marvin", "marvin", "alexa"]
        assert [replace(each, file="") for each in own] == [replace(e, file="") for e in words]
        paths = [Path(each.file) for each in own if each.file]
        assert (paths[0].parent / "marvin.tflite").exists()
        assert paths[1].read_bytes() == (other / "marvin.tflite").read_bytes()
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize("gone", ["marvin.json", "marvin.tflite"])
def test_a_file_that_vanishes_before_it_is_loaded_is_named(tmp_path: Path, gone: str) -> None:
    word = WakeWord(file=str(file_of(tmp_path, "micro")))
    (tmp_path / gone).unlink()
    (note,) = open_attention("wake_word", Wake(words=(word,))).notes
    assert f"marvin: cannot read or copy {tmp_path / gone}: No such file" in note


def test_a_description_that_is_another_by_now_leaves_the_word_out(tmp_path: Path) -> None:
    path = describe(tmp_path)
    path.write_text("[]")
    (note,) = open_attention("wake_word", Wake(words=(WakeWord(file=str(path)),))).notes
    assert "marvin: the file was changed a moment ago" in note
