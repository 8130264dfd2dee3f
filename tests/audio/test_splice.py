"""Two streams of one microphone become one, to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon.audio.files import read_wav
from rtaudio_daemon.audio.splice import Splice, overlap

RATE = 24_000
WEATHER = Path(__file__).parents[2] / "rtaudio_daemon" / "recordings" / "weather.wav"


def room() -> bytes:
    """Speech in a room that is not quite silent."""
    speech = np.frombuffer(read_wav(WEATHER), dtype="<i2").astype(float)
    noise = np.random.default_rng(3).normal(0, 20, len(speech))
    return (speech + noise).clip(-32768, 32767).astype("<i2").tobytes()


def pieces(sound: bytes, begin_ms: int, end_ms: int, frame_ms: int) -> list[bytes]:
    size = frame_ms * RATE // 1000 * 2
    first, last = begin_ms * RATE // 1000 * 2, end_ms * RATE // 1000 * 2
    return [sound[at : at + size] for at in range(first, last, size)]


@pytest.mark.parametrize("new_begins_ms", [700, 850, 1000, 1130])
@pytest.mark.parametrize("old_ends_ms", [1400, 1500, 1600])
def test_nothing_is_lost_and_nothing_comes_twice(new_begins_ms: int, old_ends_ms: int) -> None:
    sound = room()
    splice = Splice(RATE)
    heard = b"".join(splice.feed(0, piece) for piece in pieces(sound, 0, old_ends_ms, 100))
    new = pieces(sound, new_begins_ms, 2000, 20)
    switched_at = (1500 - new_begins_ms) // 20
    heard += b"".join(splice.feed(1, piece) for piece in new[:switched_at])
    heard += splice.switched(1)
    heard += b"".join(splice.feed(1, piece) for piece in new[switched_at:])
    assert heard == sound[: len(heard)]
    assert len(heard) // 2 // (RATE // 1000) >= 1980


def test_the_streams_need_not_be_the_same_to_the_bit() -> None:
    sound = np.frombuffer(room(), dtype="<i2").astype(float)
    later = np.interp(np.arange(24_000, 40_000) + 0.5, np.arange(len(sound)), sound)
    new = (later + np.random.default_rng(4).normal(0, 30, len(later))).astype("<i2").tobytes()
    old = sound[:36_000].astype("<i2").tobytes()
    assert abs(overlap(old, new, RATE) - 12_000) <= 1


def test_in_perfect_silence_both_end_now() -> None:
    assert overlap(bytes(2 * 24_000), bytes(2 * 12_000), RATE) == 12_000


def test_a_stream_that_is_far_too_short_to_compare_is_dropped() -> None:
    assert overlap(room()[:96_000], room()[90_000:91_000], RATE) == 500


def test_a_new_stream_is_heard_even_if_nobody_says_what_became_of_the_old_one() -> None:
    sound, splice = room(), Splice(RATE)
    for piece in pieces(sound, 0, 500, 100):
        splice.feed(0, piece)
    heard = [splice.feed(1, piece) for piece in pieces(sound * 3, 500, 3000, 20)]
    assert heard[0] == b""
    assert len(heard[-1]) == 960
    assert splice.switched(1) == b""


def test_a_new_stream_that_begins_after_the_old_one_ended_is_heard_at_once() -> None:
    sound, splice = room(), Splice(RATE)
    for piece in pieces(sound, 0, 500, 100):
        splice.feed(0, piece)
    assert splice.switched(1) == b""
    for piece in pieces(sound, 500, 1500, 200):
        assert splice.feed(1, piece) == piece
