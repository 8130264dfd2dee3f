"""Two streams of one microphone become one, to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon.audio.devices.stream_join import StreamJoin, overlap
from rtaudio_daemon.audio.devices.wav_devices import read_wav

RATE = 24_000
WEATHER = Path(__file__).parents[3] / "rtaudio_daemon" / "recordings" / "weather.wav"


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
    stream_join = StreamJoin(RATE)
    heard = b"".join(stream_join.feed(0, piece) for piece in pieces(sound, 0, old_ends_ms, 100))
    new = pieces(sound, new_begins_ms, 2000, 20)
    switched_at = (1500 - new_begins_ms) // 20
    heard += b"".join(stream_join.feed(1, piece) for piece in new[:switched_at])
    heard += stream_join.switched(1)
    heard += b"".join(stream_join.feed(1, piece) for piece in new[switched_at:])
    assert heard == sound[: len(heard)]
    assert len(heard) // 2 // (RATE // 1000) >= 1980


@pytest.mark.parametrize(("old_frame_ms", "new_frame_ms"), [(200, 20), (20, 200)])
@pytest.mark.parametrize(("old_late_ms", "new_late_ms"), [(0, 0), (150, 0), (0, 180), (60, 100)])
@pytest.mark.parametrize("loudest_noise", [0, 1, 60])
def test_a_word_that_begins_while_the_streams_change_comes_once_and_whole(
    old_frame_ms: int, new_frame_ms: int, old_late_ms: int, new_late_ms: int, loudest_noise: int
) -> None:
    word = np.frombuffer(read_wav(WEATHER), dtype="<i2")
    word = word[np.flatnonzero(np.abs(word) > 60)[0] :][: 2 * RATE]
    noise = np.random.default_rng(3).integers(-loudest_noise, loudest_noise + 1, 4 * RATE)
    for begins_ms in range(1000, 1700, 50):
        both = noise.copy()
        both[begins_ms * RATE // 1000 :][: len(word)] += word
        sound = both.clip(-32768, 32767).astype("<i2").tobytes()
        switched_ms, new_begins_ms = 1500, 913
        told = [
            (begin + frame_ms + late_ms, number, piece)
            for number, first_ms, frame_ms, late_ms in (
                (0, 0, old_frame_ms, old_late_ms),
                (1, new_begins_ms, new_frame_ms, new_late_ms),
            )
            for begin, piece in zip(
                range(first_ms, 3900, frame_ms),
                pieces(sound, first_ms, 3900, frame_ms),
                strict=True,
            )
            if number or begin + frame_ms + late_ms <= switched_ms
        ]
        stream_join = StreamJoin(RATE)
        heard = b""
        switched = False
        for at, number, piece in sorted(told, key=lambda each: each[:2]):
            if at > switched_ms and not switched:
                heard += stream_join.switched(1)
                switched = True
            heard += stream_join.feed(number, piece)
        place = heard.find(sound[2 * begins_ms * RATE // 1000 :][: 2 * len(word)])
        assert place >= 0, f"the word that began at {begins_ms} ms is not there whole"
        begins = np.frombuffer(heard[:place], dtype="<i2")
        assert np.abs(begins).max() <= loudest_noise, "and nothing of it before"


@pytest.mark.parametrize("constant", [0, 300])
@pytest.mark.parametrize("pause_ms", [100, 250, 400])
def test_a_noise_gate_and_a_constant_voltage_cost_no_word(pause_ms: int, constant: int) -> None:
    speech = np.frombuffer(read_wav(WEATHER), dtype="<i2").astype(int)
    for first_ends_ms in range(750, 1400, 50):
        sound = np.full(4 * RATE, constant)
        first, second = first_ends_ms * RATE // 1000, (first_ends_ms + pause_ms) * RATE // 1000
        sound[first - 9600 : first] += speech[36_000:45_600]
        word = speech[np.flatnonzero(np.abs(speech) > 300)[0] :][:24_000]
        sound[second : second + len(word)] += word
        both = sound.clip(-32768, 32767).astype("<i2").tobytes()
        stream_join = StreamJoin(RATE)
        heard = b"".join(stream_join.feed(0, piece) for piece in pieces(both, 0, 1200, 200))
        new = pieces(both, 913, 3900, 20)
        switched_at = (1500 - 913) // 20
        heard += b"".join(stream_join.feed(1, piece) for piece in new[:switched_at])
        heard += stream_join.switched(1)
        heard += b"".join(stream_join.feed(1, piece) for piece in new[switched_at:])
        wanted = both[2 * second : 2 * (second + len(word))]
        assert heard.count(wanted) == 1, f"the word after {first_ends_ms} ms"


def test_what_a_stream_that_was_given_up_still_says_disturbs_no_later_change() -> None:
    sound, stream_join = room(), StreamJoin(RATE)
    for piece in pieces(sound, 0, 1000, 100):
        stream_join.feed(0, piece)
    for piece in pieces(sound, 500, 4000, 100):
        stream_join.feed(1, piece)
    assert stream_join.feed(0, pieces(sound, 3000, 3400, 400)[0]) == b""
    assert stream_join.switched(1) == b""
    stream_join.feed(2, pieces(sound, 3700, 4100, 400)[0])
    assert stream_join.switched(2) == pieces(sound, 4000, 4100, 100)[0]


def test_the_streams_need_not_be_the_same_to_the_bit() -> None:
    sound = np.frombuffer(room(), dtype="<i2").astype(float)
    later = np.interp(np.arange(24_000, 40_000) + 0.5, np.arange(len(sound)), sound)
    new = (later + np.random.default_rng(4).normal(0, 30, len(later))).astype("<i2").tobytes()
    old = sound[:36_000].astype("<i2").tobytes()
    assert abs((overlap(old, new, RATE, 16_000) or 0) - 12_000) <= 1


def test_in_perfect_silence_both_end_when_they_are_expected_to() -> None:
    assert overlap(bytes(2 * 24_000), bytes(2 * 12_000), RATE, 12_000) == 12_000


def test_streams_that_have_nothing_in_common_are_joined_after_a_while() -> None:
    sound, stream_join = room(), StreamJoin(RATE)
    backwards = sound[::-1]
    for piece in pieces(sound, 0, 1500, 100):
        stream_join.feed(0, piece)
    for piece in pieces(backwards, 1000, 1500, 20):
        stream_join.feed(1, piece)
    assert stream_join.switched(1) == b""
    held = [stream_join.feed(1, piece) for piece in pieces(backwards, 1500, 2500, 20)]
    assert held[:29] == [b""] * 29
    assert b"".join(held) == b"".join(pieces(backwards, 1500, 2500, 20))


def test_a_third_stream_ends_the_waiting_for_the_second() -> None:
    sound, stream_join = room(), StreamJoin(RATE)
    for piece in pieces(sound, 0, 1500, 100):
        stream_join.feed(0, piece)
    stream_join.feed(1, sound[::-1][:960])
    assert stream_join.switched(1) == b""
    stream_join.feed(1, sound[::-1][960:4800])
    assert stream_join.feed(2, sound[:4800]) == sound[::-1][960:4800]
    stream_join.switched(2)
    later = [stream_join.feed(2, piece) for piece in pieces(sound, 100, 2000, 100)]
    assert later[-1] == pieces(sound, 100, 2000, 100)[-1]


def test_a_new_stream_is_heard_even_if_nobody_says_what_became_of_the_old_one() -> None:
    sound, stream_join = room(), StreamJoin(RATE)
    for piece in pieces(sound, 0, 500, 100):
        stream_join.feed(0, piece)
    heard = [stream_join.feed(1, piece) for piece in pieces(sound * 3, 500, 3500, 20)]
    assert heard[0] == b""
    assert len(heard[-1]) == 960
    assert stream_join.switched(1) == b""


def test_a_new_stream_that_begins_after_the_old_one_ended_is_heard_at_once() -> None:
    sound, stream_join = room(), StreamJoin(RATE)
    for piece in pieces(sound, 0, 500, 100):
        stream_join.feed(0, piece)
    assert stream_join.switched(1) == b""
    for piece in pieces(sound, 500, 1500, 200):
        assert stream_join.feed(1, piece) == piece


def test_short_pieces_take_over_from_long_ones_before_the_old_stream_ends() -> None:
    """A short word would be over before; the old stream goes on for half a second."""
    sound = room()[2 * RATE :]  # somebody speaks
    stream_join = StreamJoin(RATE)
    happened = sorted(
        [(end, 0, end - 200) for end in range(200, 1500, 200)]
        + [(end, 1, end - 20) for end in range(733, 2500, 20)]
    )
    heard, late = b"", {}
    for at_ms, number, begins_ms in happened:
        (piece,) = pieces(sound, begins_ms, at_ms, at_ms - begins_ms)
        heard += stream_join.feed(number, piece)
        late[at_ms] = at_ms - len(heard) // 2 // (RATE // 1000)
        if at_ms == 1393:
            heard += stream_join.switched(1)
    assert heard == sound[: len(heard)]
    assert max(late[at] for at in late if at >= 1000) <= 20
    assert max(late[at] for at in late if at < 1000) > 100, "before, the old one alone is heard"


def test_a_change_back_after_an_early_one_is_as_any_other() -> None:
    sound = room()[2 * RATE :]
    stream_join = StreamJoin(RATE)
    heard = b"".join(stream_join.feed(0, piece) for piece in pieces(sound, 0, 600, 200))
    for piece in pieces(sound, 600, 800, 20):
        stream_join.feed(1, piece)
    heard += stream_join.feed(0, pieces(sound, 600, 800, 200)[0])
    heard += stream_join.switched(1)
    heard += b"".join(stream_join.feed(1, piece) for piece in pieces(sound, 800, 1600, 20))
    for piece in pieces(sound, 1200, 1600, 200):
        stream_join.feed(2, piece)
    heard += stream_join.switched(2)
    heard += b"".join(stream_join.feed(2, piece) for piece in pieces(sound, 1600, 2400, 200))
    assert heard == sound[: len(heard)]
    assert len(heard) == 2 * RATE * 2400 // 1000


def test_a_tone_makes_nothing_certain() -> None:
    """It is like itself one period later; the usual way joins it in the end."""
    tone = (3000 * np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE)).astype("<i2").tobytes()
    old, new = tone[: 2 * RATE], tone[RATE + 4000 : 2 * RATE]
    assert overlap(old, new, RATE, certain=True) is None
    assert overlap(bytes(len(old)), bytes(len(new)), RATE, certain=True) is None
