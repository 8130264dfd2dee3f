"""The voices: espeak, a parrot, a chime."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtaudio_daemon.simulator.model.voices import (
    chime,
    espeak,
    parrot,
    sound_of,
    warn_that_there_is_no_voice,
)
from tests.simulator.caller import loud, quiet


def test_each_voice_makes_whole_samples_of_sound() -> None:
    assert sound_of("silence", "hello", b"") == bytes(400 * 48)
    assert len(sound_of("tone", "x" * 50, b"")) == 3000 * 48
    assert any(chime(500))
    assert parrot(quiet(1000) + loud(100) + quiet(1000)) == quiet(200) + loud(100) + quiet(200)
    assert parrot(quiet(100)) == quiet(100)


def test_without_espeak_text_sounds_as_a_chime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert espeak("hello") is None
    assert sound_of("auto", "hello", b"") == chime(400)


@pytest.mark.parametrize("answer", ["exit 1", "echo nonsense", "printf 'RIFFdata'"])
def test_an_espeak_that_fails_is_replaced_by_the_chime(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert sound_of("espeak", "hello", b"") == chime(400)


def test_a_missing_voice_is_told_once_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warn_that_there_is_no_voice.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    for _ in range(3):
        sound_of("auto", "hello", b"")
    (entry,) = caplog.records
    assert "apt install espeak-ng" in entry.message
