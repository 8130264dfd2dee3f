"""WAV files of every width, rate and number of channels."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.wav import parse_wav


def written(samples: bytes, *, rate: int = 24_000, channels: int = 1, width: int = 2) -> bytes:
    found = io.BytesIO()
    with wave.open(found, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return found.getvalue()


@pytest.mark.parametrize(
    ("width", "sample"), [(1, b"\xc0"), (2, b"\x00\x40"), (3, b"\0\0\x40"), (4, b"\0\0\0\x40")]
)
def test_every_width_means_the_same(width: int, sample: bytes) -> None:
    found = parse_wav(written(sample * 480, width=width))
    assert found.seconds == 0.02
    assert set(np.frombuffer(found.pcm(), "<i2")) == {0x4000}


def test_channels_are_mixed_and_rates_converted() -> None:
    two = np.tile(np.array([1000, 3000], "<i2"), 48_000)
    found = parse_wav(written(two.tobytes(), rate=48_000, channels=2))
    samples = np.frombuffer(found.pcm(), "<i2")
    assert len(samples) == 24_000
    assert set(samples[100:-100]) <= {1999, 2000, 2001}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is not a WAV file with PCM samples: "),
        (written(b"")[:20], "is not a WAV file with PCM samples: "),
        (written(bytes(80), rate=10), "is a WAV file of 10 Hz, 1 channels and 16 bits, which "),
        (written(bytes(80), channels=40), "is a WAV file of 24000 Hz, 40 channels and "),
    ],
)
def test_what_nothing_here_can_play_is_refused_in_words(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_wav(raw)
    assert str(refused.value).startswith(why)


def test_a_wrong_length_in_the_head_counts_for_nothing() -> None:
    raw = bytearray(written(bytes(4800)))
    raw[40:44] = b"\xff\xff\xff\xff"  # as programs write that do not know it yet
    assert parse_wav(bytes(raw)).seconds == 0.1
    assert parse_wav(bytes(raw[:-2401])).pcm() == bytes(2398)
