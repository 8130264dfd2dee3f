"""Spoken words that are kept are equally loud, and as long as words may be."""

from __future__ import annotations

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.clips import at_volume, plausible, trimmed
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, SAMPLE_RATE


def tone(level: int, ms: int) -> bytes:
    time = np.arange(SAMPLE_RATE * ms // 1000) / SAMPLE_RATE
    return bytes((np.sin(2 * np.pi * 400 * time) * level).astype("<i2").tobytes())


def peak(pcm: bytes) -> int:
    return int(np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)).max())


@pytest.mark.parametrize("level", [1_000, 20_000])
def test_the_silence_around_words_goes_and_all_are_equally_loud(level: int) -> None:
    silence = bytes(2000 * BYTES_PER_MS)
    kept = trimmed(silence + tone(level, 500) + silence)
    assert len(kept) / BYTES_PER_MS == pytest.approx(700, abs=5), "100 ms stay at both ends"
    heard = np.frombuffer(kept, dtype="<i2") / 32_768
    assert float(np.sqrt(np.mean(heard**2))) == pytest.approx(0.16, rel=0.01)


def test_a_single_loud_moment_is_not_cut_off() -> None:
    click = np.zeros(SAMPLE_RATE, dtype="<i2")
    click[SAMPLE_RATE // 2] = 20_000
    assert peak(trimmed(click.tobytes())) == 32_000


def test_of_silence_nothing_is_left() -> None:
    assert trimmed(tone(300, 500)) == b""
    assert trimmed(b"\x00") == b""


def test_a_volume_makes_the_sound_quieter() -> None:
    assert peak(at_volume(tone(20_000, 100), 0.25)) == pytest.approx(5_000, abs=2)
    assert at_volume(tone(20_000, 100), 0.0) == bytes(100 * BYTES_PER_MS)


@pytest.mark.parametrize(
    ("ms", "plausible_"), [(299, False), (300, True), (3000, True), (3001, False)]
)
def test_words_take_as_long_as_their_letters_may(ms: int, plausible_: bool) -> None:
    assert plausible(bytes(ms * BYTES_PER_MS), "Tea, is ready!") is plausible_
