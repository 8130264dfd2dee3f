"""Engines and the decision what counts as a turn."""

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.format import FRAME_BYTES
from rtaudio_daemon.audio.processing.vad import (
    AlwaysEngine,
    Engine,
    LevelEngine,
    TurnSegmenter,
    TwoStageEngine,
    judge,
    stirs,
)


def told(segmenter: TurnSegmenter, speech: str, ms: float = 20) -> list[tuple[int, str]]:
    """Feed one frame per character (x is speech); what happened at which frame."""
    events = [(i, segmenter.feed(mark == "x", ms)) for i, mark in enumerate(speech)]
    return [(i, event) for i, event in events if event is not None]


def test_a_turn_starts_with_enough_speech_and_stops_after_enough_silence() -> None:
    segmenter = TurnSegmenter(start_ms=64, start_window_ms=130, hangover_ms=100)
    assert told(segmenter, "..xxxxx..x.....xx") == [(5, "started"), (14, "stopped")]


def test_speech_scattered_beyond_the_window_does_not_start_a_turn() -> None:
    segmenter = TurnSegmenter(start_ms=64, start_window_ms=130, hangover_ms=100)
    assert told(segmenter, "x..x..x..x..x..x..") == []
    assert told(segmenter, "xxx") == [(2, "started")]


def test_a_turn_starts_with_speech_not_with_its_absence() -> None:
    segmenter = TurnSegmenter(start_ms=40, start_window_ms=100, hangover_ms=100)
    assert told(segmenter, "x.x") == [(2, "started")]


def test_one_long_piece_is_enough_whatever_the_window() -> None:
    segmenter = TurnSegmenter(start_ms=64, start_window_ms=64, hangover_ms=500)
    assert told(segmenter, "x.x", ms=500) == [(0, "started"), (1, "stopped"), (2, "started")]


def test_reset_forgets() -> None:
    segmenter = TurnSegmenter(start_ms=60, start_window_ms=120, hangover_ms=100)
    told(segmenter, "xx")
    segmenter.reset()
    assert told(segmenter, "xx") == []
    assert told(segmenter, "x") == [(0, "started")]


def noise(level: int) -> bytes:
    random = np.random.default_rng(1)
    return random.normal(0, level, FRAME_BYTES // 2).astype("<i2").tobytes()


def test_the_level_engine_hears_what_stands_out() -> None:
    engine = LevelEngine()
    assert max(engine.probability(bytes(FRAME_BYTES)) for _ in range(50)) == 0.0
    assert max(engine.probability(noise(20)) for _ in range(50)) == 0.0
    assert engine.probability(noise(3000)) == 1.0
    fan = [engine.probability(noise(1000)) for _ in range(2000)]
    assert fan[0] == 1.0
    assert fan[-1] == 0.0
    assert AlwaysEngine().probability(b"") == 1.0


class Counting:
    """An engine that counts what it is asked and is always sure."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def probability(self, pcm: bytes) -> float:
        self.heard.append(pcm)
        return 0.9


def room_noise(level: float, count: int) -> list[bytes]:
    noise = np.random.default_rng(5).normal(0, level, (count, 480))
    return [frame.astype("<i2").tobytes() for frame in noise]


def skip(engine: Engine, frame: bytes) -> None:
    stirs(engine, frame)
    assert judge(engine, frame, needed=False) == 0


def test_in_a_quiet_room_the_costly_engine_rests() -> None:
    engine = Counting()
    staged = TwoStageEngine(engine)
    assert not any(staged.probability(frame) for frame in room_noise(30, 500))
    assert engine.heard == []


def test_when_something_stirs_the_costly_engine_hears_what_came_just_before_too() -> None:
    engine = Counting()
    staged = TwoStageEngine(engine)
    quiet, (loud,) = room_noise(30, 100), room_noise(90, 1)
    for frame in quiet:
        staged.probability(frame)
    assert staged.probability(loud) == 0.9
    assert engine.heard == [*quiet[-25:], loud]
    assert [staged.probability(frame) for frame in quiet].count(0.9) == 39  # 0.8 s


@pytest.mark.parametrize("hertz", [0, 50, 60])
@pytest.mark.parametrize("engine", [TwoStageEngine(AlwaysEngine()), LevelEngine()])
def test_a_voice_is_heard_above_a_louder_offset_or_hum(engine: Engine, hertz: int) -> None:
    random, time = np.random.default_rng(5), np.arange(400 * 480) / 24_000
    hum = (3_300 * np.cos(2 * np.pi * hertz * time)).reshape(400, 480)  # -20 dBFS
    quiet, voice = random.normal(0, 8, (380, 480)), random.normal(0, 583, (20, 480))  # -35 dBFS
    frames = (hum + np.concatenate([quiet, voice])).astype("<i2")
    heard = [engine.probability(frame.tobytes()) for frame in frames]
    assert heard[100:380] == [0.0] * 280
    assert heard[380:] == [1.0] * 20


def test_a_fan_that_is_switched_on_is_quiet_after_a_while() -> None:
    engine = Counting()
    staged = TwoStageEngine(engine)
    for frame in room_noise(30, 100) + room_noise(300, 1500):
        staged.probability(frame)
    assert staged.probability(room_noise(300, 1)[0]) == 0.0


def test_what_needs_no_verdict_is_heard_when_the_next_frame_does() -> None:
    engine = Counting()
    staged = TwoStageEngine(engine)
    quiet, loud = room_noise(30, 10), room_noise(300, 40)
    for frame in quiet:
        staged.probability(frame)
    for frame in loud[:30]:
        skip(staged, frame)
    assert engine.heard == []
    assert staged.probability(loud[30]) == 0.9
    assert engine.heard == loud[5:31], "half a second of it"
    for frame in loud[31:]:
        staged.probability(frame)
    assert engine.heard == loud[5:]


def test_what_is_skipped_is_background_all_the_same() -> None:
    staged = TwoStageEngine(Counting())
    for frame in room_noise(30, 100):
        staged.probability(frame)
    for frame in room_noise(300, 1500):
        skip(staged, frame)
    assert staged.probability(room_noise(300, 1)[0]) == 0.0


def test_an_engine_that_costs_little_hears_every_frame() -> None:
    engine = Counting()
    skip(engine, b"1")
    assert engine.heard == [b"1"]


def test_an_engine_that_has_missed_something_begins_anew() -> None:
    engine, anew = Counting(), list[int]()
    staged = TwoStageEngine(engine, lambda: anew.append(len(engine.heard)))
    for frame in room_noise(30, 10):
        staged.probability(frame)
    first, kept, missed = room_noise(300, 20), room_noise(300, 25), room_noise(300, 26)
    for frame in first:
        staged.probability(frame)
    for frame in kept:
        skip(staged, frame)
    staged.probability(first[0])
    assert anew == [], "it has heard all of it"
    for frame in missed:
        skip(staged, frame)
    staged.probability(first[0])
    staged.probability(first[1])
    assert anew == [10 + 20 + 25 + 1], "once, before it hears the rest"
