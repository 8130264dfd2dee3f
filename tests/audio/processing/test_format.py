"""Resampling at the doors, and loudness."""

import subprocess
import sys

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.format import (
    BYTES_PER_MS,
    SILENCE_DBFS,
    Resampler,
    dbfs,
    dbfs_of_each,
    median,
)


def sine(rate: int, ms: int) -> bytes:
    time = np.arange(rate * ms // 1000) / rate
    return (16_000 * np.sin(2 * np.pi * 300 * time)).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("piece", [1, 7, 960, 5001])
def test_the_pieces_of_a_stream_join_without_a_seam(rate: int, piece: int) -> None:
    source = sine(rate, 400)
    resampler = Resampler(rate, 24_000)
    out = b"".join(resampler.feed(source[i : i + piece]) for i in range(0, len(source), piece))
    out += resampler.flush()
    assert abs(len(out) - 400 * BYTES_PER_MS) <= 4
    expected = np.frombuffer(sine(24_000, 400), dtype="<i2")[200:-200].astype(int)
    error = np.frombuffer(out, dtype="<i2")[200 : 200 + len(expected)] - expected
    assert np.abs(error).max() < 200


def test_after_a_flush_the_next_stream_knows_nothing_of_the_last() -> None:
    resampler = Resampler(48_000, 24_000)
    first = resampler.feed(sine(48_000, 50)) + resampler.flush()
    resampler.feed(b"\1")
    resampler.flush()
    second = resampler.feed(sine(48_000, 50)) + resampler.flush()
    assert len(second) == len(first)
    difference = np.frombuffer(second, "<i2").astype(int) - np.frombuffer(first, "<i2")
    assert np.abs(difference).max() <= 2  # soxr dithers


def test_loudness_is_relative_to_full_scale() -> None:
    assert dbfs(b"") == SILENCE_DBFS
    assert dbfs(bytes(960)) == SILENCE_DBFS
    # The less sound there is, the more of it may be below 100 Hz.
    for length, error_db in ((100, 0.04), (240, 0.01), (480, 0.002), (24_000, 0.002)):
        square = np.resize([1, 1, -1, -1], length)
        full, tenth = ((square * level).astype("<i2").tobytes() for level in (32767, 3277))
        assert dbfs(full) == pytest.approx(0.0, abs=error_db)
        assert dbfs(tenth) == pytest.approx(-20.0, abs=error_db)


def test_the_loudness_of_a_long_sound_is_that_of_its_frames_together() -> None:
    frame = np.resize([1, 1, -1, -1], 480) * 3277
    short, long = frame.astype("<i2").tobytes(), np.tile(frame, 50).astype("<i2").tobytes()
    assert dbfs(short) == dbfs(short) == pytest.approx(dbfs(long), abs=1e-9)
    assert dbfs_of_each([short, bytes(960), long]) == [dbfs(short), SILENCE_DBFS, dbfs(long)]
    assert dbfs_of_each([short, bytes(960)]) == pytest.approx([dbfs(short), SILENCE_DBFS])


@pytest.mark.parametrize("hertz", [0, 25, 50, 60])
def test_neither_an_offset_nor_a_hum_is_loud(hertz: int) -> None:
    wave = 16_000 * np.cos(2 * np.pi * hertz * np.arange(4800) / 24_000)
    assert dbfs(wave.astype("<i2").tobytes()) < -50
    tone = 328 * np.sin(2 * np.pi * 500 * np.arange(4800) / 24_000)
    assert dbfs((wave + tone).astype("<i2").tobytes()) == pytest.approx(-43.0, abs=0.2)
    assert dbfs(np.full(480, -32768, dtype="<i2").tobytes()) == SILENCE_DBFS


def test_the_median_is_that_of_numpy() -> None:
    for values in ([3.0], [4, 1], [9, -2, 5], [1.5, 8.0, 2.5, 2.5], list(range(1000))):
        assert median(values) == median(np.array(values, np.float64)) == np.median(values)


def test_the_median_loads_no_masked_arrays() -> None:
    load = "import sys; from rtaudio_daemon.audio.processing.format import median; median([1, 2])"
    subprocess.run(
        [sys.executable, "-c", f"{load}; sys.exit('numpy.ma' in sys.modules)"], check=True
    )
