"""Sound files of others become pcm, or are refused in a sentence."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.audio.files import decoding
from rtaudio_daemon.audio.files.bounds import DAMAGED, MOST_BYTES, STRANGE, TOO_LONG
from rtaudio_daemon.audio.files.decoding import decode, kind_of
from rtaudio_daemon.errors import WrongValueError

from .sounds import encoded, tone, wav

FORMATS = [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "FLOAT")]


def pitch(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * 24_000 / len(samples)


async def why_not(raw: bytes, longest_s: float = 300.0) -> str:
    with pytest.raises(WrongValueError) as refused:
        await decode(raw, "bell", longest_s)
    return str(refused.value)


@pytest.mark.real_time
@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
async def test_a_sound_is_played_as_it_was(kind: str, subtype: str) -> None:
    pcm = await decode(encoded(kind, subtype), "bell")
    assert len(pcm) / 48_000 == pytest.approx(1.0, abs=0.1)
    assert pitch(pcm) == pytest.approx(440, abs=2)
    assert np.abs(np.frombuffer(pcm, "<i2")).max() == pytest.approx(0.4 * 32767, rel=0.2)


async def test_wav_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert pitch(await decode(wav(rate=44_100, channels=2), "bell")) == pytest.approx(440, abs=2)
    assert "pip install 'soundfile" in await why_not(encoded("OGG", "VORBIS"))
    assert (await why_not(encoded("WAV", "FLOAT"))).startswith("bell is not a WAV file with PCM")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is no WAV, FLAC, MP3 or OGG file"),
        (b"<html>", "is no WAV, FLAC, MP3 or OGG file"),
        (bytes(MOST_BYTES + 1), "is larger than 10 MB"),
        (wav(seconds=0), "holds no sound"),
        (wav(seconds=11), "is longer than 10 seconds"),
    ],
)
async def test_what_is_no_sound_to_play_is_refused_in_words(raw: bytes, why: str) -> None:
    assert await why_not(raw, 10) == f"bell {why}"


async def test_minutes_are_called_minutes() -> None:
    assert await why_not(wav(seconds=301, rate=1000)) == "bell is longer than 5 minutes"


@pytest.mark.real_time
async def test_what_a_process_cannot_decode_is_refused_in_words() -> None:
    flac = encoded("FLAC", "PCM_16", 3)
    assert await why_not(flac, 2) == "bell is longer than 2 seconds"
    assert await why_not(flac[:60]) == "bell is damaged, or no sound file"
    assert await why_not(b"ID3" + bytes(2000)) == "bell is damaged, or no sound file"


@pytest.mark.real_time
async def test_a_decoder_that_crashes_or_hangs_costs_a_file_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "soundfile.py").write_text("import os\nos.kill(os.getpid(), 11)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert await why_not(encoded("OGG", "VORBIS")) == "bell is damaged, or no sound file"
    (tmp_path / "soundfile.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(decoding, "_PATIENCE_S", 1.0)
    assert await why_not(encoded("OGG", "VORBIS")) == "bell is damaged, or no sound file"
    (tmp_path / "soundfile.py").write_text(
        "import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))\n"
    )
    assert await why_not(encoded("OGG", "VORBIS")) == "bell is damaged, or no sound file"


def status(raw: bytes, longest_s: str = "10") -> int:
    command = [sys.executable, "-m", "rtaudio_daemon.audio.files.decoder", longest_s]
    return subprocess.run(command, input=raw, capture_output=True, timeout=60).returncode


def test_the_exit_status_says_what_is_wrong() -> None:
    strange = io.BytesIO()
    soundfile.write(strange, tone(), 500, format="FLAC", subtype="PCM_16")
    assert status(strange.getvalue()) == STRANGE
    assert status(encoded("OGG", "OPUS"), "0.5") == TOO_LONG
    assert status(b"ID3") == DAMAGED


def test_a_decoder_gets_no_more_memory_than_it_needs() -> None:
    program = (
        "from rtaudio_daemon.audio.files.decoder import _MOST_CPU_S, _MOST_MEMORY\n"
        "from rtaudio_daemon.child_processes import limit_this_process\n"
        "limit_this_process(_MOST_MEMORY, _MOST_CPU_S)\n"
        "try:\n    bytearray(1 << 30)\nexcept MemoryError:\n    print('refused')\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert found.stdout == b"refused\n"


@given(st.binary(max_size=64))
def test_first_bytes_are_a_kind_or_none(raw: bytes) -> None:
    assert kind_of(raw) in ("WAV", "FLAC", "OGG", "MP3", "")


def test_an_mp3_need_not_begin_with_a_tag() -> None:
    assert kind_of(b"\xff\xfb\x90\x64") == "MP3"
    assert kind_of(b"\xff\xff") == kind_of(b"\xff") == kind_of(b"\xfe\xfb") == ""


async def played_or_refused(raw: bytes) -> None:
    """Nothing else is raised, and what is played is bounded."""
    with contextlib.suppress(WrongValueError):
        pcm = await decode(raw, "bell")
        assert 0 < len(pcm) <= 301 * 48_000
        assert len(pcm) % 2 == 0


_WHOLE = wav(0.1)


@settings(max_examples=100)
@given(
    st.integers(0, len(_WHOLE)),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=6),
)
async def test_a_damaged_wav_file_is_played_or_refused(
    size: int, changes: list[tuple[int, int]]
) -> None:
    raw = bytearray(_WHOLE[:size])
    for place, value in changes:
        raw[place : place + 1] = bytes([value])
    with pytest.MonkeyPatch.context() as alone:
        alone.setitem(sys.modules, "soundfile", None)
        await played_or_refused(bytes(raw))


@pytest.mark.slow
@pytest.mark.real_time
@settings(max_examples=150)
@given(
    st.sampled_from([encoded(kind, subtype) for kind, subtype in FORMATS]),
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=40)), max_size=8),
)
async def test_a_damaged_file_is_played_or_refused(
    whole: bytes, share: float, changes: list[tuple[float, bytes]]
) -> None:
    raw = bytearray(whole[: int(share * len(whole))])
    for place, piece in changes:
        start = int(place * len(raw))
        raw[start : start + len(piece)] = piece
    await played_or_refused(bytes(raw))
