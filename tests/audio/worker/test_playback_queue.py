"""The playback queue counts every sample and knows no clock."""

import itertools
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.audio.worker.playback_queue import Moment, PlaybackQueue, scaled

BLOCK = 960  # 20 ms at 24 kHz
RATE = 24_000


def tone(ms: int, level: int = 1000) -> bytes:
    return array("h", [level] * (ms * 24)).tobytes()


def test_a_short_ended_part_is_played_at_once_and_whole() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(10))
    queue.end("a")
    assert queue.busy
    assert queue.read(BLOCK) == tone(10) + bytes(480)
    assert queue.moments() == [Moment.STARTED]
    assert queue.busy
    assert queue.read(BLOCK) == bytes(BLOCK)
    assert queue.moments() == [Moment.FINISHED]
    assert not queue.busy
    assert queue.underruns == 0


def test_started_and_finished_wait_for_the_buffer_of_the_device() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE, 960)
    queue.push("a", tone(20))
    queue.end("a")
    moments = []
    for block in range(5):
        queue.read(BLOCK)
        moments += [(block, moment) for moment in queue.moments()]
    assert moments == [(2, Moment.STARTED), (3, Moment.FINISHED)]


def test_reading_waits_for_the_pre_roll() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE, pre_roll_ms=60)
    queue.push("a", tone(50))
    assert queue.read(BLOCK) == bytes(BLOCK)
    queue.push("a", tone(10))
    assert queue.read(BLOCK) == tone(20)


def test_a_starved_queue_is_not_finished_and_fills_up_again_before_it_goes_on() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(70))
    for _ in range(10):
        queue.read(BLOCK)
    assert queue.underruns == 1
    assert queue.moments() == [Moment.STARTED]
    queue.push("a", tone(20))
    assert queue.read(BLOCK) == bytes(BLOCK)
    queue.end("a")
    assert queue.read(BLOCK) == tone(20)
    queue.read(BLOCK)
    assert queue.moments() == [Moment.FINISHED]
    assert queue.underruns == 1


def test_sound_that_comes_while_the_device_still_plays_goes_on_without_a_new_start() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE, 4800)
    queue.push("a", tone(20))
    queue.end("a")
    queue.read(BLOCK)
    queue.push("b", tone(100))
    queue.end("b")
    moments = []
    for _ in range(30):
        queue.read(BLOCK)
        moments += queue.moments()
    assert moments == [Moment.STARTED, Moment.FINISHED]


def test_an_end_that_comes_after_the_last_sample_finishes_the_part() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(60))
    for _ in range(4):
        queue.read(BLOCK)
    queue.end("a")
    queue.read(BLOCK)
    assert queue.moments() == [Moment.STARTED, Moment.FINISHED]


def test_stop_names_the_frames_heard_of_every_part_that_is_not_whole() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("whole", tone(20))
    queue.end("whole")
    queue.push("half", tone(40))
    queue.end("half")
    queue.push("unheard", tone(40))
    queue.read(BLOCK)
    queue.read(BLOCK)
    assert queue.positions() == [("half", 480), ("unheard", 0)]
    assert queue.stop(fade_ms=10) == [("half", 480 + 240), ("unheard", 0)]
    assert not queue.busy
    faded = array("h", queue.read(BLOCK))
    assert list(faded[:240]) == sorted(faded[:240], reverse=True)
    assert 900 < faded[0] < 1000
    assert not any(faded[239:])
    assert queue.read(BLOCK) == bytes(BLOCK)


def test_after_a_stop_nobody_is_told_what_was_noticed_before_it() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    for key in ("a", "b"):
        queue.push(key, tone(20))
        queue.end(key)
        queue.read(BLOCK)
        queue.read(BLOCK)
    queue.push("c", tone(100))
    queue.read(BLOCK)
    queue.stop()
    assert queue.moments() == [], "neither that c began, nor that a and b were played whole"
    for _ in range(10):
        queue.read(BLOCK)
    assert queue.moments() == []


def test_a_part_that_the_fade_plays_to_its_end_is_whole() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(25))
    queue.end("a")
    queue.read(BLOCK)
    assert queue.stop() == []


def test_stopping_twice_or_without_sound_finds_nothing() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    assert queue.stop() == []
    queue.push("a", tone(100))
    queue.read(BLOCK)
    assert queue.stop() == [("a", 720)]
    assert queue.stop() == []
    assert any(queue.read(BLOCK))  # the first fade is not cut off by the second stop
    assert not any(queue.read(BLOCK))


def test_a_fade_longer_than_a_block_spreads_over_the_next_ones() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(100))
    queue.read(BLOCK)
    queue.stop(fade_ms=30)
    assert all(array("h", queue.read(BLOCK)))
    assert any(queue.read(BLOCK))
    assert not any(queue.read(BLOCK))


def test_after_a_stop_the_next_part_starts_anew() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(100))
    queue.read(BLOCK)
    queue.stop(fade_ms=0)
    queue.moments()
    queue.push("b", tone(20))
    queue.end("b")
    assert queue.read(BLOCK) == tone(20)
    assert queue.moments() == [Moment.STARTED]


def test_sound_beyond_the_limit_is_dropped_and_counted() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE, limit_s=1)
    queue.push("a", tone(990))
    queue.push("a", tone(30))
    queue.push("a", tone(10))
    assert queue.dropped_frames == 30 * 24
    queue.end("a")
    assert sum(any(queue.read(BLOCK)) for _ in range(60)) == 50


def test_half_a_sample_waits_for_its_other_half() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    sound = tone(20)
    queue.push("a", sound[:1])
    queue.push("a", b"")
    queue.push("a", sound[1:301])
    queue.push("a", sound[301:])
    queue.end("a")
    assert queue.read(BLOCK) == sound


def test_an_unknown_end_is_no_mistake() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.end("nobody")
    assert not queue.busy


def steps(pcm: bytes) -> list[int]:
    """How far each sample is from the one before."""
    sound = array("h", pcm)
    return [abs(after - before) for before, after in itertools.pairwise(sound)]


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("levels", [(1.0, 0.0), (0.0, 1.0), (1.0, 0.25), (0.2, 0.3)])
def test_a_change_of_the_volume_takes_fifty_ms_and_clicks_nowhere(
    rate: int, levels: tuple[float, float]
) -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(rate)
    before, after = levels
    queue.set_volume(before)
    queue.push("a", array("h", [20_000] * rate).tobytes())
    block = rate // 50 * 2
    sound = queue.read(block)
    queue.set_volume(after)
    sound += b"".join(queue.read(block) for _ in range(5))
    moved = [at for at, step in enumerate(steps(sound)) if step]
    span_ms = (moved[-1] - moved[0] + 1) / rate * 1000
    assert span_ms == pytest.approx(50, abs=1)
    even = abs(after - before) * 20_000 / (rate // 20)
    assert max(steps(sound)) <= even + 2
    assert array("h", sound)[-1] == pytest.approx(20_000 * after, abs=1)


def test_a_volume_that_changes_again_on_its_way_goes_on_from_there() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(400, 20_000))
    sound = queue.read(BLOCK)
    for level in (0.25, 1.0, 0.0, 1.0):
        queue.set_volume(level)
        sound += queue.read(BLOCK)
    sound += queue.read(3 * BLOCK)
    assert max(steps(sound)) <= 20_000 / 1200 + 2
    assert array("h", sound)[-1] == 20_000


def test_the_volume_moves_evenly_and_then_stays() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(200))
    assert queue.read(BLOCK) == tone(20)
    queue.set_volume(0.5)
    moving = array("h", queue.read(5 * BLOCK // 2))
    assert list(moving) == sorted(moving, reverse=True)
    assert moving[0] >= 995
    assert moving[-1] == 500
    assert queue.read(BLOCK) == tone(20, 500)
    queue.set_volume(7.0)
    queue.read(5 * BLOCK // 2)
    assert queue.read(BLOCK) == tone(20)


def test_the_volume_set_in_silence_counts_from_the_first_sample() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.set_volume(0.0)
    queue.read(BLOCK)
    queue.push("a", tone(100))
    assert queue.read(BLOCK) == bytes(BLOCK)


def test_a_short_sound_is_mixed_in_and_counts_for_nothing() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE, 960)
    queue.overlay(tone(30, 300))
    assert queue.overlaid
    assert not queue.busy
    assert queue.read(BLOCK) + queue.read(BLOCK) == tone(30, 300) + bytes(480)
    assert (queue.moments(), queue.positions(), queue.overlaid) == ([], [], False)
    queue.set_volume(0.5)
    queue.push("a", tone(100))
    queue.read(BLOCK)
    queue.overlay(tone(40, 300))
    assert queue.read(BLOCK) == tone(20, 800)
    assert queue.stop(fade_ms=0) == [("a", 960)]
    assert queue.read(BLOCK) == tone(20, 300), "it is heard to its end"


def test_a_short_sound_over_a_loud_one_stays_within_sixteen_bits_and_within_two_seconds() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE)
    queue.push("a", tone(100, 32_000) + tone(100, -32_000))
    queue.overlay(tone(100, 9_000) + tone(100, -9_000))
    mixed = array("h", queue.read(10 * BLOCK))
    assert (max(mixed), min(mixed)) == (32767, -32768)
    queue.overlay(tone(1_500))
    queue.overlay(tone(1_500))
    assert sum(any(queue.read(BLOCK)) for _ in range(200)) == 100


@pytest.mark.parametrize("level", [-32768, 32767])
def test_scaling_never_leaves_sixteen_bits(level: int) -> None:
    loud = tone(1, level)
    assert scaled(loud, 1.0, 1.0) == loud
    assert array("h", scaled(loud, 1.0, 0.0))[-1] == 0
    assert scaled(b"", 1.0, 0.0) == b""


@given(
    pieces=st.lists(st.binary(max_size=3000), max_size=20),
    reads=st.lists(st.integers(1, 1000), min_size=1, max_size=60),
)
def test_whatever_the_sizes_what_comes_out_is_what_went_in(
    pieces: list[bytes], reads: list[int]
) -> None:
    queue: PlaybackQueue[int] = PlaybackQueue(RATE, pre_roll_ms=0)
    sound = b"".join(pieces)
    for piece in pieces:
        queue.push(1, piece)
    queue.end(1)
    played = b"".join(queue.read(frames * 2) for frames in reads)
    sound = sound[: len(sound) & ~1]
    assert played[: len(sound)] == sound[: len(played)]
    assert not any(played[len(sound) :])
    heard = min(len(sound), len(played)) // 2
    left = [(1, heard)] if sound and heard < len(sound) // 2 else []
    assert queue.positions() == left


def test_it_plays_on_from_when_it_is_heard_until_little_waits() -> None:
    queue: PlaybackQueue[str] = PlaybackQueue(RATE, 2 * BLOCK // 2)
    queue.push("a", tone(200))
    found = []
    for _ in range(12):
        found.append(queue.plays_on(40))
        queue.read(BLOCK)
    assert found == [False] * 3 + [True] * 6 + [False] * 3
