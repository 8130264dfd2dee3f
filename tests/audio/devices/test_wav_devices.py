"""WAV files and `none` as devices, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon.audio.devices import wav_devices
from rtaudio_daemon.audio.devices.open import open_microphone, open_speaker
from rtaudio_daemon.audio.devices.protocols import PlaybackEvent
from rtaudio_daemon.audio.devices.wav_devices import (
    SilentSpeaker,
    WavMicrophone,
    WavSpeaker,
    read_wav,
)
from rtaudio_daemon.audio.processing.format import FRAME_BYTES
from rtaudio_daemon.config import Input, Output
from rtaudio_daemon.errors import DeviceError
from rtaudio_daemon.notifications import (
    AudioPart,
    DeviceChanged,
    DeviceState,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
)
from tests.audio.device_log import DeviceLog

A = AudioPart("r1", "i1", 0)
B = AudioPart("r1", "i2", 0)


def sine(ms: int, rate: int = 24_000, hertz: int = 440) -> bytes:
    time = np.arange(rate * ms // 1000) / rate
    return (10_000 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()


def save(path: Path, raw: bytes, rate: int = 24_000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(width)
        wav.setframerate(rate)
        wav.writeframes(raw)
    return path


@contextlib.asynccontextmanager
async def running(device: Any) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(device.run(), name="device")
    await asyncio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Witness:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.seen: list[tuple[int, object]] = []
        self.zero = self.loop.time()

    def device_changed(self, change: DeviceChanged) -> None:
        pass

    def playback_changed(self, change: PlaybackEvent) -> None:
        self.seen.append((round((self.loop.time() - self.zero) * 1000), change))


async def test_a_wav_microphone_plays_the_file_once_in_real_time_and_then_silence(
    tmp_path: Path,
) -> None:
    sound = sine(50)
    microphone = WavMicrophone(save(tmp_path / "a.wav", sound), DeviceLog())
    loop = asyncio.get_running_loop()
    async with running(microphone):
        zero = loop.time()
        frames, times = [], []
        async for frame in microphone:
            frames.append(frame.pcm)
            times.append(round((loop.time() - zero) * 1000))
            if len(frames) == 5:
                break
    assert b"".join(frames) == sound.ljust(5 * FRAME_BYTES, b"\0")
    assert times == [20, 40, 60, 80, 100]


async def test_frames_nobody_takes_are_dropped_and_counted(tmp_path: Path) -> None:
    microphone = WavMicrophone(save(tmp_path / "a.wav", b""), DeviceLog())
    async with running(microphone):
        await asyncio.sleep(2.011)
        assert microphone.dropped == 50


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
def test_a_file_of_any_rate_becomes_24_khz(tmp_path: Path, rate: int) -> None:
    pcm = read_wav(save(tmp_path / "a.wav", sine(1000, rate), rate))
    assert abs(len(pcm) - 48_000) <= 4
    samples = np.frombuffer(pcm, dtype="<i2")[1000:-1000]
    expected = np.frombuffer(sine(1000), dtype="<i2")[1000 : 1000 + len(samples)]
    assert np.corrcoef(samples, expected)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("width", "raw"),
    [
        (1, bytes([128, 129, 127])),
        (2, struct.pack("<3h", 0, 256, -256)),
        (3, b"\0\0\0" + b"\xff\0\1" + b"\0\0\xff"),
        (4, struct.pack("<3i", 0, 256 << 16, -256 << 16)),
    ],
)
def test_samples_of_any_width_become_sixteen_bits(tmp_path: Path, width: int, raw: bytes) -> None:
    pcm = read_wav(save(tmp_path / "a.wav", raw, width=width))
    assert list(np.frombuffer(pcm, dtype="<i2")) == [0, 256, -256]


def test_channels_are_mixed(tmp_path: Path) -> None:
    raw = struct.pack("<4h", 100, 300, -10, -30)
    pcm = read_wav(save(tmp_path / "a.wav", raw, channels=2))
    assert list(np.frombuffer(pcm, dtype="<i2")) == [200, -20]


def test_a_file_that_is_missing_or_no_wav_is_a_device_error(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="No such file"):
        open_microphone(Input(f"wav:{tmp_path}/none.wav"), DeviceLog())
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(DeviceError, match="not a WAV file"):
        open_microphone(Input(f"wav:{tmp_path}/text.wav"), DeviceLog())
    with pytest.raises(DeviceError, match="cannot record"):
        open_speaker(Output(f"wav:{tmp_path}/no/a.wav"), DeviceLog())


async def test_a_silent_microphone_never_yields(tmp_path: Path) -> None:
    log = DeviceLog()
    microphone = open_microphone(Input("none"), log)
    async with running(microphone):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(aiter(microphone)), 3600)
    assert log.changes == [DeviceChanged("microphone", DeviceState.NONE, "none")]


async def test_a_wav_speaker_records_what_is_played_between_silences(tmp_path: Path) -> None:
    witness = Witness()
    path = tmp_path / "out.wav"
    speaker = WavSpeaker(path, witness)
    sound = sine(90)
    async with running(speaker):
        witness.zero = witness.loop.time()
        await asyncio.sleep(0.095)
        speaker.play(A, sound)
        speaker.end(A)
        await asyncio.sleep(2)
    assert witness.seen == [(100, PlaybackStarted()), (200, PlaybackFinished())]
    recorded = read_wav(path)
    assert recorded[: 5 * FRAME_BYTES] == bytes(5 * FRAME_BYTES)
    assert recorded[5 * FRAME_BYTES :][: len(sound)] == sound
    assert not any(recorded[5 * FRAME_BYTES + len(sound) :])
    assert len(recorded) == 105 * FRAME_BYTES


@pytest.mark.parametrize("kind", ["wav", "none"])
async def test_stop_says_how_much_was_heard(tmp_path: Path, kind: str) -> None:
    witness = Witness()
    device = "none" if kind == "none" else f"wav:{tmp_path}/out.wav"
    speaker = open_speaker(Output(device), witness)
    async with running(speaker):
        await asyncio.sleep(0.01)
        speaker.play(A, sine(1000))
        speaker.end(A)
        speaker.play(B, sine(10))
        await asyncio.sleep(0.5)
        speaker.stop()
        assert not any(isinstance(event, PlaybackStopped) for _, event in witness.seen)
        await asyncio.sleep(1)
        speaker.stop()
        await asyncio.sleep(0.1)
    stops = [event for _, event in witness.seen if isinstance(event, PlaybackStopped)]
    assert stops[0].heard[0].part == A
    assert 500 <= stops[0].heard[0].heard_ms <= 530
    assert stops[0].heard[1] == Heard(B, 0)
    assert stops[1] == PlaybackStopped()
    assert sum(isinstance(event, PlaybackStarted) for _, event in witness.seen) == 1
    assert not any(isinstance(event, PlaybackFinished) for _, event in witness.seen)


async def test_a_silent_speaker_takes_as_long_as_the_sound_and_can_play_again() -> None:
    witness = Witness()
    speaker = SilentSpeaker(witness)
    async with running(speaker):
        for _ in range(2):
            speaker.play(A, sine(200))
            speaker.end(A)
            await asyncio.sleep(0.8)
            assert not speaker.busy
    assert witness.seen == [
        (0, PlaybackStarted()),
        (200, PlaybackFinished()),
        (800, PlaybackStarted()),
        (1000, PlaybackFinished()),
    ]
    assert (speaker.underruns, speaker.dropped_ms) == (0, 0)


async def test_the_volume_is_heard_in_the_recording(tmp_path: Path) -> None:
    witness = Witness()
    path = tmp_path / "out.wav"
    speaker = open_speaker(Output(f"wav:{path}", volume=0.5), witness)
    sound = sine(100)
    async with running(speaker):
        speaker.play(A, sound)
        speaker.end(A)
        await asyncio.sleep(0.5)
        speaker.set_volume(1.0)
    loud = np.frombuffer(sound, dtype="<i2")
    quiet = np.frombuffer(read_wav(path), dtype="<i2")
    assert abs(int(quiet.max()) - int(loud.max()) // 2) <= 1


async def test_a_speaker_does_not_make_up_for_time_the_machine_slept(tmp_path: Path) -> None:
    witness = Witness()
    path = tmp_path / "out.wav"
    speaker = WavSpeaker(path, witness)
    async with running(speaker):
        await asyncio.sleep(0.1)
        witness.loop.now += 3600  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
    assert len(read_wav(path)) <= 15 * FRAME_BYTES


async def test_a_repeating_microphone_hears_the_file_again_and_again(tmp_path: Path) -> None:
    sound = sine(40)
    path = save(tmp_path / "a.wav", sound)
    microphone = WavMicrophone(path, DeviceLog(), repeat=True)
    frames = aiter(microphone)
    async with running(microphone):
        heard = b"".join([(await anext(frames)).pcm for _ in range(200)])
    assert heard.count(sound) > 1


async def test_a_recording_that_is_full_does_not_stop_the_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wav_devices, "_LONGEST_RECORDING_BYTES", 3 * 48_000)
    witness = Witness()
    path = tmp_path / "out.wav"
    speaker = WavSpeaker(path, witness)
    async with running(speaker):
        await asyncio.sleep(5)
        speaker.play(A, sine(100))
        speaker.end(A)
        await asyncio.sleep(5)
    assert isinstance(witness.seen[-1][1], PlaybackFinished)
    assert len(read_wav(path)) == 3 * 48_000
    assert len(caplog.records) == 1
