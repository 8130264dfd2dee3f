"""Files of wake words by others: what is broken is refused by name, and ends nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymicro_wakeword
import pyopen_wakeword
import pytest

from rtaudio_daemon.audio.engines.wake_word_engines import load_file
from rtaudio_daemon.audio.engines.wake_word_files import (
    check_file,
    check_model,
    described,
    refusals,
)
from rtaudio_daemon.config import WakeWord
from rtaudio_daemon.errors import WrongValueError

MICRO = Path(pymicro_wakeword.__file__).parent / "models"
OPEN = Path(pyopen_wakeword.__file__).parent / "models"


def put(folder: Path, raw: bytes, micro: bool = False) -> Path:
    """The file of a word whose model is `raw`."""
    path = folder / "marvin.tflite"
    path.write_bytes(raw)
    return describe(folder) if micro else path


def describe(folder: Path, **changed: Any) -> Path:
    """The description of marvin.tflite."""
    path = folder / "marvin.json"
    known = json.loads((MICRO / "alexa.json").read_text()) | {"model": "marvin.tflite"}
    path.write_text(json.dumps({**known, **changed}))
    return path


def scrambled(raw: bytes, seed: int) -> bytes:
    """With twenty bytes changed, but not those that say what it is."""
    chance, found = random.Random(seed), bytearray(raw)
    for _ in range(20):
        found[chance.randrange(8, len(found))] = chance.randrange(256)
    return bytes(found)


def test_files_of_both_kinds_are_tried_and_can_be_used(tmp_path: Path) -> None:
    micro = put(tmp_path, (MICRO / "alexa.tflite").read_bytes(), micro=True)
    words = [
        WakeWord(file=str(micro)),
        WakeWord(file=str(OPEN / "alexa.tflite")),
        WakeWord("alexa"),
    ]
    assert refusals(words) == {}
    assert [each.word for each in load_file(WakeWord(file=str(micro))).scores] == ["marvin"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda raw: b"", "is no model of TensorFlow Lite but an empty file; download it again"),
        (
            lambda raw: b"<!doctype html>\n<html>" + bytes(2000),
            "is no model of TensorFlow Lite but a page of the web; download it again",
        ),
        (lambda raw: raw[:500], "is no model of TensorFlow Lite; download it again (as raw file)"),
        (lambda raw: b"version https://git-lfs" + bytes(2000), "is no model of TensorFlow Lite"),
        (lambda raw: raw + bytes(10_000_000), "marvin.tflite: too large"),
    ],
)
def test_what_can_be_seen_from_outside_is_refused_without_a_trial(
    tmp_path: Path, spoil: Callable[[bytes], bytes], why: str
) -> None:
    path = put(tmp_path, spoil((OPEN / "alexa.tflite").read_bytes()))
    with pytest.raises(WrongValueError) as refused:
        check_model(str(path))
    assert why in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("micro", [True, False], ids=["micro", "open"])
@pytest.mark.parametrize("cut", [0.5, 64])
def test_a_truncated_model_is_refused(tmp_path: Path, micro: bool, cut: float) -> None:
    raw = ((MICRO if micro else OPEN) / "hey_jarvis.tflite").read_bytes()
    path = put(tmp_path, raw[: int(len(raw) * cut) if cut < 1 else -int(cut)], micro)
    found = refusals([WakeWord(file=str(path), name="jarvis")])
    assert found["jarvis"].startswith(f"{path}")
    assert "damaged" in found["jarvis"]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_scrambled_model_ends_nothing(tmp_path: Path, seed: int) -> None:
    path = put(tmp_path, scrambled((MICRO / "alexa.tflite").read_bytes(), seed), micro=True)
    assert "damaged" in refusals([WakeWord(file=str(path))])["marvin"]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("micro", [True, False], ids=["micro", "open"])
def test_of_many_scrambled_models_all_that_pass_the_trial_can_be_loaded(
    tmp_path: Path, micro: bool
) -> None:
    """`script/test -m slow tests/audio/engines/test_wake_word_files.py`; half a minute."""
    raw = ((MICRO if micro else OPEN) / "alexa.tflite").read_bytes()
    for seed in range(24):
        path = put(tmp_path, scrambled(raw, seed), micro)
        if not refusals([WakeWord(file=str(path))]):
            load_file(WakeWord(file=str(path))).feed(bytes(96_000))


def test_a_file_of_the_other_kind_is_refused_with_what_to_give(tmp_path: Path) -> None:
    micro = put(tmp_path, (MICRO / "alexa.tflite").read_bytes())
    with pytest.raises(WrongValueError, match=r"for one of microWakeWord give its .json"):
        check_file(str(micro))
    described_open = put(tmp_path, (OPEN / "alexa.tflite").read_bytes(), micro=True)
    with pytest.raises(WrongValueError, match=r"one of openWakeWord is given without a .json"):
        check_file(str(described_open))


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "name", "no model"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("mar\0vin.tflite" if kind == "name" else "marvin.tflite")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "no model":
        path = describe(tmp_path)
    with pytest.raises(WrongValueError, match=r"cannot read .*vin.tflite|is no regular file"):
        check_file(str(path))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"type": "open"}, "type: expected micro"),
        ({"version": 1}, "version: expected 2"),
        ({"wake_word": None}, "wake_word: expected text"),
        ({"model": "../marvin.tflite"}, "model: expected the name of a .tflite file beside it"),
        ({"model": "a\0.tflite"}, "model: expected the name of a .tflite file beside it"),
        ({"model": "https://x/marvin.tflite"}, "model: expected the name of a .tflite file"),
        ({"model": 3}, "model: expected the name of a .tflite file beside it"),
        ({"micro": None}, "micro: expected a group of settings"),
        ({"micro": {}}, "micro.probability_cutoff: expected a number between 0 and 1"),
        (
            {"micro": {"probability_cutoff": "0.9", "sliding_window_size": 5}},
            "micro.probability_cutoff: expected a number between 0 and 1",
        ),
        (
            {"micro": {"probability_cutoff": 0.9, "sliding_window_size": -1}},
            "micro.sliding_window_size: expected a whole number from 1 to 100",
        ),
        (
            {"micro": {"probability_cutoff": 0.9, "sliding_window_average_size": 10}},
            "micro.sliding_window_size: expected a whole number from 1 to 100",
        ),
        (
            {
                "micro": {
                    "probability_cutoff": 0.9,
                    "sliding_window_size": 5,
                    "feature_step_size": 20,
                }
            },
            "micro.feature_step_size: expected 10",
        ),
    ],
)
def test_a_description_that_is_wrong_is_refused_with_the_place(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    path = describe(tmp_path, **changed)
    with pytest.raises(WrongValueError) as refused:
        described(str(path))
    assert str(refused.value).startswith(f"{path}: {why}")


@pytest.mark.parametrize(
    "text", ["", "<html>", "[]", "[" * 60_000, '{"micro": 1', "3", "é" * 50_000]
)
def test_what_is_no_description_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "marvin.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(
        WrongValueError, match="is no description of a wake word; download it again"
    ):
        described(str(path))


def test_a_model_through_a_link_can_be_used(tmp_path: Path) -> None:
    shutil.copy(OPEN / "alexa.tflite", tmp_path / "there.tflite")
    (tmp_path / "marvin.tflite").symlink_to(tmp_path / "there.tflite")
    check_model(str(tmp_path / "marvin.tflite"))
