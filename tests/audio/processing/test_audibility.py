"""Is what was played in what was heard? In computed rooms, with other voices, music and noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.audio.processing.audibility import (
    KEPT_MS,
    EchoPath,
    Finding,
    Recording,
    examine,
)
from rtaudio_daemon.audio.processing.format import SAMPLE_RATE
from tests.harness import Samples, samples, speech

TEXT = samples(speech("hello"))
OTHERS = samples(speech("weather") + speech("stop"))
BEFORE = EchoPath(100.0, 0.1)
RATE = SAMPLE_RATE


def pcm(sound: Samples) -> bytes:
    return np.clip(np.round(sound), -32768, 32767).astype("<i2").tobytes()


def level(sound: Samples) -> float:
    return float(np.sqrt(np.mean(sound**2)))


def room(sound: Samples, delay_ms: float, gain: float, tail_s: float = 0.4) -> Samples:
    """Sound as it comes back: late, softer, with as much reverberation as comes directly."""
    tail = np.random.default_rng(5).normal(0, 1, max(1, int(RATE * tail_s)))
    tail *= 10 ** (-3 * np.arange(len(tail)) / len(tail))
    way = tail / np.linalg.norm(tail)
    way[0] += 1
    size = 1 << (len(sound) + len(way)).bit_length()
    back = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(way, size), size)
    late = int(delay_ms * RATE / 1000)
    return np.pad(gain * back, (late, 0))[: len(sound) + RATE // 10]


def noise(length: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(0, 1, length)


def music(length: int, seed: int = 1) -> Samples:
    """Chords of struck strings, in no time with anything else."""
    rng = np.random.default_rng(seed)
    found, at = np.zeros(length), 0
    while at < length:
        for key in rng.integers(-24, 24, 3):
            time = np.arange(min(RATE, length - at)) / RATE
            for overtone in range(1, 6):
                pitch = 440 * 2 ** ((key + rng.normal(0, 0.1)) / 12) * overtone
                turn = rng.uniform(0, 6)
                string = np.sin(2 * np.pi * pitch * time + turn) * np.exp(-3 * time)
                found[at : at + len(time)] += string / overtone
        at += int(rng.uniform(0.15, 0.5) * RATE)
    return found / level(found)


def others(length: int, seed: int = 1) -> Samples:
    """People who say something else."""
    found = np.resize(np.roll(OTHERS, seed * 31_415), length)
    return found / level(found)


SOUNDS: dict[str, Any] = {"noise": noise, "music": music, "others": others}


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("loud_db", [-20, 0, 6])
def test_an_echo_is_found_below_other_sound(sound: str, loud_db: float) -> None:
    back = room(TEXT, 120, 0.1)
    heard = back + SOUNDS[sound](len(back)) * level(back) * 10 ** (loud_db / 20)
    found = examine(pcm(TEXT), pcm(heard))
    assert found.path is not None
    assert found.path.delay_ms == pytest.approx(120, abs=5)
    assert found.path.gain == pytest.approx(0.1, rel=0.6)


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("seed", range(4))
def test_other_sound_is_no_echo_and_one_that_would_be_found_is_missed(
    sound: str, seed: int
) -> None:
    heard = pcm(SOUNDS[sound](len(TEXT), seed) * 300)
    assert examine(pcm(TEXT), heard) == Finding()
    assert examine(pcm(TEXT), heard, BEFORE).path is None


def test_what_would_be_found_is_missed_and_what_would_be_masked_is_not() -> None:
    quiet, loud = (pcm(noise(len(TEXT)) * level(TEXT) * each) for each in (0.01, 3.0))
    assert examine(pcm(TEXT), quiet, BEFORE) == Finding(missing=True)
    assert examine(pcm(TEXT), loud, BEFORE) == Finding()


@pytest.mark.parametrize("volume", [0.05, 1.0])
def test_a_soft_voice_is_found_too(volume: float) -> None:
    played = np.round(TEXT * volume)
    heard = room(played, 200, 0.2) + noise(len(TEXT) + RATE // 10) * 10
    assert examine(pcm(played), pcm(heard)).path is not None


@pytest.mark.parametrize("delay_ms", [0, 40, 300, 700])
def test_every_usual_delay_is_found(delay_ms: float) -> None:
    heard = np.pad(room(TEXT, delay_ms, 0.1), (0, RATE)) + noise(len(TEXT) + RATE * 11 // 10) * 5
    found = examine(pcm(TEXT), pcm(heard))
    assert found.path is not None
    assert found.path.delay_ms == pytest.approx(delay_ms, abs=5)


def test_reports_of_what_is_played_may_come_late() -> None:
    heard = room(TEXT, 0, 0.1)[RATE // 20 :] + noise(len(TEXT) + RATE // 20) * 5
    found = examine(pcm(TEXT), pcm(heard))
    assert found.path is not None
    assert found.path.delay_ms == pytest.approx(-50, abs=5)
    assert examine(pcm(TEXT), pcm(noise(len(TEXT))), found.path).missing


def test_a_loudspeaker_that_distorts_and_a_clock_that_drifts_are_no_hindrance() -> None:
    back = room(np.tanh(TEXT / level(TEXT)) * level(TEXT), 90, 0.1)
    late = np.interp(np.arange(len(back)) * (1 + 3e-4), np.arange(len(back)), back)
    assert examine(pcm(TEXT), pcm(late + noise(len(late)) * level(back))).path is not None


@pytest.mark.parametrize(
    ("played", "heard"),
    [
        (b"", b""),
        (pcm(TEXT), b""),
        (b"", pcm(noise(RATE) * 100)),
        (pcm(TEXT), bytes(2 * len(TEXT))),
        (bytes(2 * RATE), pcm(noise(RATE) * 100)),
        (pcm(TEXT[: RATE // 3]), pcm(0.1 * TEXT[: RATE // 3])),
        (pcm(TEXT)[:1], pcm(TEXT)[:3]),
    ],
    ids=["nothing", "deaf", "unplayed", "digital silence", "silence", "too short", "half samples"],
)
def test_what_says_nothing_proves_nothing(played: bytes, heard: bytes) -> None:
    assert examine(played, heard) == Finding()
    assert examine(played, heard, BEFORE) == Finding()


def test_an_echo_with_a_hole_in_it_is_not_missed() -> None:
    back = room(TEXT, 100, 0.1)
    torn = np.concatenate([back[: RATE * 5 // 4], back[RATE * 5 // 4 + RATE // 5 :]])
    heard = pcm(torn + noise(len(torn)) * 20)
    assert not examine(pcm(TEXT), heard, BEFORE).missing


def test_a_faint_trace_is_no_proof_that_there_is_none() -> None:
    back = room(TEXT, 100, 0.1)
    found = [
        examine(pcm(TEXT), pcm(back + noise(len(back)) * level(back) * loud), EchoPath(100, 10.0))
        for loud in (1, 9, 1000)
    ]
    assert found[0].path is not None
    assert found[1:] == [Finding(), Finding(missing=True)]


@settings(max_examples=12)
@given(
    delay_ms=st.integers(0, 600),
    gain=st.floats(0.02, 1.0),
    sound=st.sampled_from(sorted(SOUNDS)),
    seed=st.integers(0, 10_000),
    begin=st.integers(0, 3 * RATE),
)
def test_an_echo_is_found_and_other_sound_is_not(
    delay_ms: int, gain: float, sound: str, seed: int, begin: int
) -> None:
    text = OTHERS[begin : begin + 2 * RATE] if sound != "others" else TEXT
    if level(text) < 300:
        text = TEXT
    back = room(text, delay_ms, gain)
    other = SOUNDS[sound](len(back) + RATE, seed) * level(back)
    heard = np.pad(back, (0, RATE))
    assert examine(pcm(text), pcm(heard + 0.5 * other)).path is not None
    assert examine(pcm(text), pcm(other)).path is None


@settings(max_examples=12)
@given(played=st.binary(max_size=4000), heard=st.binary(max_size=4000), times=st.integers(1, 40))
def test_any_bytes_can_be_examined(played: bytes, heard: bytes, times: int) -> None:
    found = examine(played * times, heard * times, BEFORE)
    assert found.path is None or np.isfinite(found.path.gain)


# ---------------------------------------------------------------- the recording


def test_nothing_is_kept_until_it_begins_and_both_sides_begin_together() -> None:
    recording = Recording()
    recording.heard(b"aa")
    recording.played(b"aa", 0)
    recording.begin()
    recording.heard(b"bb")
    recording.played(b"AABB", 100)
    recording.heard(b"cc")
    recording.played(b"CC", 2)
    recording.heard(b"dd")
    assert recording.take(1000) == (b"AABB\0\0\0\0CC", b"ccdd")
    recording.heard(b"ee")
    recording.played(b"EE", 0)
    assert recording.take(1000) == (b"", b"")


def test_the_newest_is_taken_and_the_oldest_is_given_up() -> None:
    recording, second = Recording(), 48_000
    recording.begin()
    for number in range(KEPT_MS // 1000 + 3):
        recording.played(bytes([number]) * second, 0)
        recording.heard(bytes([number]) * second)
    played, heard = recording.take(1000)
    assert played == heard == bytes([number]) * second
    recording.begin()
    for number in range(KEPT_MS // 1000 + 3):
        recording.played(bytes([number]) * second, 10**9 if number == 1 else 0)
        recording.heard(bytes([number]) * second)
    played, heard = recording.take(10**9)
    assert len(played) <= KEPT_MS * 48
    assert len(heard) <= KEPT_MS * 48


def test_another_stream_begins_anew() -> None:
    recording = Recording()
    recording.begin()
    recording.played(b"AA", 0)
    recording.heard(b"aa")
    recording.drop()
    assert recording.take(1000) == (b"", b"")
