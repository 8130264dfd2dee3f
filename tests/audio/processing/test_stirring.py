"""What is quiet is left out, and nothing else."""

from __future__ import annotations

import numpy as np

from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, dbfs
from rtaudio_daemon.audio.processing.stirring import LoudParts, Stirring

FRAME_MS = 20


def noise(level: float, frames: int, seed: int) -> list[bytes]:
    pcm = np.random.default_rng(seed).normal(0, level, frames * FRAME_MS * 24)
    size = FRAME_MS * BYTES_PER_MS
    raw = pcm.astype("<i2").tobytes()
    return [raw[at : at + size] for at in range(0, len(raw), size)]


def test_what_is_louder_than_the_quiet_stirs_for_a_while() -> None:
    stirring = Stirring()
    assert not any(stirring.feed(frame) for frame in noise(30, 200, 1))
    assert all(stirring.feed(frame) for frame in noise(60, 10, 2))
    after = [stirring.feed(frame) for frame in noise(30, 200, 3)]
    assert after == [True] * 39 + [False] * 161, "for 0.8 s"


def test_silence_never_stirs() -> None:
    stirring = Stirring()
    assert not any(stirring.feed(bytes(960)) for _ in range(100))
    assert not any(stirring.feed(frame) for frame in noise(3, 100, 1)), "nobody could hear that"


def test_of_the_quiet_only_a_while_before_the_loud_is_passed_on() -> None:
    parts = LoudParts(before_ms=200)
    quiet, loud, after = noise(30, 100, 1), noise(200, 5, 2), noise(30, 100, 3)
    assert {parts.feed(frame) for frame in quiet} == {b""}
    passed = [parts.feed(frame) for frame in loud]
    assert passed == [b"".join([*quiet[-10:], loud[0]]), *loud[1:]]
    rest = b"".join([parts.feed(frame) for frame in after])
    assert rest == b"".join(after[:39])
    again = noise(200, 1, 4)[0]
    assert parts.feed(again) == b"".join([*after[-10:], again])


def test_what_is_forgotten_is_not_passed_on() -> None:
    parts = LoudParts(before_ms=200)
    quiet, loud = noise(30, 105, 1), noise(200, 1, 2)[0]
    for frame in quiet[:100]:
        parts.feed(frame)
    parts.forget()
    for frame in quiet[100:]:
        parts.feed(frame)
    assert parts.feed(loud) == b"".join([*quiet[100:], loud])


def test_frames_that_are_measured_together_are_judged_as_one_by_one() -> None:
    random = np.random.default_rng(7)
    levels = np.repeat(random.choice([10, 20, 500], 60), random.integers(1, 60, 60))
    frames = [random.normal(0, level, 480).astype("<i2").tobytes() for level in levels]
    floor, awake_ms, one_by_one = dbfs(frames[0]), 0.0, []
    for frame in frames:
        level = dbfs(frame)
        floor += 0.3 * (level - floor) if level < floor else FRAME_MS / 1000
        awake_ms = 800.0 if level > max(floor + 3, -72) else awake_ms - FRAME_MS
        one_by_one.append(awake_ms > 0)
    stirring = Stirring()
    assert [stirring.feed(frame) for frame in frames] == one_by_one
    assert set(one_by_one) == {True, False}
