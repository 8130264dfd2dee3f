"""Files that would hang the program or bring a traceback: each gets a sentence, and soon."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio_daemon.audio.devices.wav_devices import WavMicrophone, WavSpeaker, read_wav
from rtaudio_daemon.errors import ConfigError, DeviceError
from rtaudio_daemon.realtime.usage import UsageMeter
from rtaudio_daemon.realtime.usage_file import UsageFile
from rtaudio_daemon.simulator import scenario
from rtaudio_daemon.simulator.server import recording
from tests.audio.device_log import DeviceLog

DEEP = "[" * 60_000


def wav(
    rate: int = 24_000, channels: int = 1, width: int = 2, samples: bytes = b"\1\0" * 480
) -> bytes:
    block = channels * width
    form = struct.pack(
        "<HHIIHH", 1, channels, rate, (rate * block) % 2**32, block % 2**16, 8 * width
    )
    body = b"fmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


@pytest.mark.parametrize(
    "raw",
    [
        wav(rate=0),
        wav(rate=2**32 - 1),
        wav(width=5),
        wav(width=8),
        wav(width=0),
        wav(channels=0),
        wav(channels=1000),
        wav()[:30],
        b"",
        b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff",
    ],
)
def test_a_wav_file_that_no_device_can_play_is_a_device_error(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(raw)
    with pytest.raises(DeviceError, match=r"a\.wav"):
        WavMicrophone(tmp_path / "a.wav", DeviceLog())


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 43), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_wav_file_is_read_or_a_device_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    raw = bytearray(wav())
    for place, value in changes:
        raw[place] = value
    file = tmp_path_factory.getbasetemp() / "damaged.wav"
    file.write_bytes(raw)
    with contextlib.suppress(DeviceError):
        assert len(read_wav(file)) % 2 == 0


def test_a_pipe_is_neither_heard_nor_recorded_into(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DeviceError, match="a pipe or a device that gives nothing"):
        WavMicrophone(tmp_path / "pipe", DeviceLog())
    with pytest.raises(DeviceError, match="cannot record"):
        WavSpeaker(tmp_path / "pipe", DeviceLog())


@pytest.mark.parametrize(
    "make",
    [
        lambda: WavMicrophone("a\0b", DeviceLog()),
        lambda: WavSpeaker("a\0b", DeviceLog()),
    ],
)
def test_a_name_that_no_file_can_have_is_a_device_error(make: Callable[[], object]) -> None:
    with pytest.raises(DeviceError, match="no such name"):
        make()


@pytest.mark.parametrize("text", [DEEP, '{"a":' * 60_000, "NaN", '"', "\0", "1" * 5000])
async def test_a_usage_file_that_is_none_is_reported_and_counting_begins_anew(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "usage.json").write_text(text)
    counted = UsageMeter()
    await UsageFile(tmp_path / "usage.json", counted).load()
    assert counted.responses == 0
    (record,) = caplog.records
    assert "what was spent before is not known" in record.getMessage()


async def test_a_pipe_is_no_usage_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "usage.json")
    await UsageFile(tmp_path / "usage.json", UsageMeter()).load()
    assert "a pipe or a device that gives nothing" in caplog.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("answers: [{say: &a [*a]}]", "contains itself"),
        ("answers: " + DEEP, "nested too deeply"),
        ("answers: [{say: !!python/object:os.system x}]", "unknown tag"),
        ("answers: [{calls: [{name: f, arguments: {a: .nan}}]}]", "answers[0].calls[0].arguments"),
        ("answers: [{delay_s: .nan}]", "answers[0].delay_s"),
        ("think_s: 1e400", "think_s"),
        ("api_key: ''", "api_key"),
    ],
)
def test_a_scenario_that_is_none_is_explained(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        scenario.load(tmp_path / "s.yaml")
    assert words in str(caught.value)


def test_a_date_in_a_scenario_is_a_word(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "answers:\n- {heard: 2026-01-01, say: 2026-01-02, calls: [{name: f, "
        "arguments: {day: 2026-01-03, at: 2026-01-03 10:00:00}}]}\n"
    )
    (line,) = scenario.load(file).answers
    assert (line.heard, line.reply.text) == (("2026-01-01",), "2026-01-02")
    assert line.reply.calls[0].arguments == '{"day": "2026-01-03", "at": "2026-01-03 10:00:00"}'


def test_a_scenario_may_take_its_key_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTAUDIO_KEY", "hunter2")
    (tmp_path / "s.yaml").write_text("api_key: !env_var RTAUDIO_KEY\n")
    assert scenario.load(tmp_path / "s.yaml").api_key == "hunter2"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.write_text(DEEP)])
def test_a_recording_that_is_none_is_explained(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "r.jsonl")
    with pytest.raises(ConfigError, match=r"r\.jsonl"):
        recording.load(tmp_path / "r.jsonl")
