"""Real sound through PortAudio, its processes and a sound card of software."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import wave
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.microphone import PortAudioMicrophone
from rtaudio_daemon.audio.devices.open import list_devices
from rtaudio_daemon.audio.devices.speaker import PortAudioSpeaker
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.audio.worker.messages import Kind, pack, part_body
from rtaudio_daemon.audio.worker.stream import RATES
from rtaudio_daemon.notifications import (
    AudioPart,
    DeviceState,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
)
from tests.audio.device_log import DeviceLog
from tests.sound_server import SoundServer

pytestmark = pytest.mark.sound

RECORDINGS = Path(config.__file__).parents[1] / "recordings"
A = AudioPart("r1", "i1", 0)
B = AudioPart("r2", "i2", 0)
Samples = npt.NDArray[np.float64]


def murmur(seconds: float, rate: int = 24_000, seed: int = 1) -> bytes:
    """Noise below 1 kHz: every stretch is like no other, and half a sample makes no difference."""
    count = int(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(0, 1, count))
    spectrum[np.fft.rfftfreq(count, 1 / rate) > 1000] = 0
    sound = np.fft.irfft(spectrum, count)
    return bytes((sound / np.abs(sound).max() * 20_000).astype("<i2").tobytes())


def samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2").astype(np.float64)


def likeness(recorded: bytes, expected: bytes) -> float:
    """How well `recorded` contains `expected` as one piece: 1 is perfect; a gap spoils it."""
    long, short = samples(recorded), samples(expected)
    if len(long) < len(short):
        return 0.0
    size = 1 << (len(long) + len(short)).bit_length()
    found = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)
    at = int(np.argmax(found[: len(long) - len(short) + 1]))
    return float(np.corrcoef(long[at : at + len(short)], short)[0, 1])


def loud_ms(pcm: bytes) -> float:
    """From the first sound to the last, in ms."""
    loud = np.flatnonzero(np.abs(samples(pcm)) > 60)
    return float(loud[-1] - loud[0] + 1) / 24 if loud.size else 0.0


async def until(condition: Callable[[], bool], patience_s: float = 20.0) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.01)


@dataclass
class Witness(DeviceLog):
    heard: bytearray = field(default_factory=bytearray)
    times: list[float] = field(default_factory=list)

    def came_together(self, frames: int) -> bool:
        """Whether the newest frames came so many at once."""
        pauses = np.flatnonzero(np.diff(self.times[-40:]) > 0.008)
        return len(pauses) > 1 and pauses[-1] - pauses[-2] == frames

    def saw(self, kind: type[object], times: int = 1) -> Callable[[], bool]:
        return lambda: sum(isinstance(one, kind) for one in self.happenings) >= times

    def states(self) -> list[DeviceState]:
        """Without further reasons of the same loss."""
        found: list[DeviceState] = []
        for change in self.changes:
            if change.state is not DeviceState.LOST or found[-1:] != [change.state]:
                found.append(change.state)
        return found


@contextlib.asynccontextmanager
async def speaking(device: str = "default") -> AsyncIterator[tuple[PortAudioSpeaker, Witness]]:
    witness = Witness()
    speaker = PortAudioSpeaker(device, witness)
    async with kept_alive(speaker.run()):
        yield speaker, witness


@contextlib.asynccontextmanager
async def listening(device: str = "default") -> AsyncIterator[tuple[PortAudioMicrophone, Witness]]:
    witness = Witness()
    microphone = PortAudioMicrophone(device, witness)

    async def take() -> None:
        async for frame in microphone:
            witness.heard += frame.pcm
            witness.times.append(asyncio.get_running_loop().time())

    async with kept_alive(microphone.run()), kept_alive(take()):
        yield microphone, witness


@contextlib.asynccontextmanager
async def kept_alive(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def pid_of(device: PortAudioSpeaker | PortAudioMicrophone) -> int:
    pid = device.process.pid
    assert pid is not None
    return pid


async def played_whole(server: SoundServer, speaker: PortAudioSpeaker, path: Path) -> float:
    """Play something and return how much like it the recording is."""
    sound = murmur(1, seed=7)
    recording = server.record(path)
    part = AudioPart("probe", str(path), 0)
    speaker.play(part, sound)
    speaker.end(part)
    length = len(recording.so_far())
    await until(lambda: len(recording.so_far()) > length + 48_000 * 1.4)
    return likeness(recording.stop(), sound)


async def test_the_microphone_hears_what_is_said(sound_server: SoundServer, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "said.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(24_000)
        wav.writeframes(murmur(3))
    async with listening() as (microphone, witness):
        await until(lambda: len(witness.heard) > 9600)
        assert microphone.state is DeviceState.OK
        assert not any(witness.heard[:9600])
        sound_server.say(tmp_path / "said.wav")
        await until(lambda: any(witness.heard[-960:]))
        await until(lambda: not any(witness.heard[-9600:]))
    assert likeness(bytes(witness.heard), murmur(3)) > 0.99
    assert microphone.dropped == 0


async def test_no_sample_is_lost_when_the_frames_become_long_and_short_again(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    with wave.open(str(tmp_path / "said.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(24_000)
        wav.writeframes(murmur(6))
    async with listening() as (microphone, witness):
        await until(lambda: len(witness.heard) > 9600)
        sound_server.say(tmp_path / "said.wav")
        await until(lambda: any(witness.heard[-960:]))
        for closely, together in ((False, 10), (True, 1), (False, 10)):
            microphone.attend(closely)
            await until(partial(witness.came_together, together))
        await until(lambda: not any(witness.heard[-9600:]))
    assert likeness(bytes(witness.heard), murmur(6)) > 0.99
    assert microphone.dropped == 0


@pytest.mark.parametrize(
    "begins_ms", [200, *(pytest.param(each, marks=pytest.mark.slow) for each in (350, 500))]
)
async def test_a_word_in_perfect_silence_is_whole_though_the_frames_change(
    sound_server: SoundServer, begins_ms: int
) -> None:
    word = RECORDINGS / "hello.wav"
    async with listening() as (microphone, witness):
        await until(lambda: len(witness.heard) > 9600)
        for closely, together in ((False, 10), (True, 1)):
            witness.heard.clear()
            microphone.attend(closely)
            await until(lambda: len(witness.heard) >= begins_ms * BYTES_PER_MS)
            sound_server.say(word)
            await until(lambda: any(witness.heard))
            await until(lambda: not any(witness.heard[-12_000:]))
            await until(partial(witness.came_together, together))
            assert likeness(bytes(witness.heard), read_wav(word)) > 0.99


async def test_a_loudspeaker_at_rest_plays_the_whole_answer(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    async with speaking() as (speaker, _):
        await until(lambda: speaker.state is DeviceState.OK)
        for number, ready in enumerate((True, False)):
            speaker.attend(False)
            await until(lambda: sound_server.buffer_ms() > 100)
            if ready:
                speaker.attend(True)
                await until(lambda: sound_server.buffer_ms() < 100)
            path = tmp_path / f"{number}.raw"
            assert await played_whole(sound_server, speaker, path) > 0.99
        assert speaker.underruns == 0


_LATE = """
import sys, time
from rtaudio_daemon.audio.worker import __main__ as worker, output_stream

class LateStream(output_stream.OutputStream):
    blocks = 0

    def _next_block(self, late):
        self.blocks += 1
        if self.blocks == 2:
            time.sleep(0.045)
        return super()._next_block(late)

worker.OutputStream = LateStream
worker.main(sys.argv[1:])
"""


async def test_a_stream_whose_second_block_comes_late_loses_nothing_of_an_answer_that_waits(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sound = murmur(1)
    recording = sound_server.record(tmp_path / "out.raw")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(pack(Kind.PUSH, part_body(1, sound)) + pack(Kind.END, part_body(1)))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _LATE, "output", str(theirs.fileno()), "default", "20", "left"),
            pass_fds=(theirs.fileno(),),
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await until(lambda: loud_ms(recording.so_far()) > 900)
            await until(lambda: not any(recording.so_far()[-9600:]))
        finally:
            process.kill()
            await process.wait()
    assert likeness(recording.stop(), sound) > 0.99


async def test_the_loudspeaker_plays_what_it_is_given_without_a_gap(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sound = murmur(3)
    async with speaking() as (speaker, witness):
        await until(lambda: speaker.state is DeviceState.OK)
        recording = sound_server.record(tmp_path / "out.raw")
        for start in range(0, len(sound), 4801):
            speaker.play(A, sound[start : start + 4801])
        speaker.end(A)
        await until(witness.saw(PlaybackStarted))
        assert loud_ms(recording.so_far()) < 200
        await until(witness.saw(PlaybackFinished))
        await until(lambda: not any(recording.so_far()[-4800:]))
    assert likeness(recording.stop(), sound) > 0.99
    assert witness.happenings == [PlaybackStarted(), PlaybackFinished()]
    assert (speaker.underruns, speaker.dropped_ms) == (0, 0)


async def test_a_stop_says_exactly_how_much_was_heard(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    async with speaking("va_speaker") as (speaker, witness):
        await until(lambda: speaker.state is DeviceState.OK)
        recording = sound_server.record(tmp_path / "out.raw")
        speaker.play(A, murmur(5))
        speaker.end(A)
        speaker.play(B, murmur(1))
        await until(lambda: loud_ms(recording.so_far()) > 700)
        speaker.stop()
        await until(witness.saw(PlaybackStopped))
        await until(lambda: not any(recording.so_far()[-4800:]))
        stopped = witness.happenings[-1]
        assert isinstance(stopped, PlaybackStopped)
        assert [heard.part for heard in stopped.heard] == [A, B]
        assert stopped.heard[1] == Heard(B, 0)
        assert abs(stopped.heard[0].heard_ms - loud_ms(recording.stop())) < 5
        assert await played_whole(sound_server, speaker, tmp_path / "again.raw") > 0.99


async def test_stopping_silence_is_answered(sound_server: SoundServer) -> None:
    async with speaking() as (speaker, witness):
        speaker.stop()
        await until(witness.saw(PlaybackStopped))
        await until(lambda: speaker.state is DeviceState.OK)
        speaker.stop()
        await until(witness.saw(PlaybackStopped, 2))
    assert witness.happenings == [PlaybackStopped(), PlaybackStopped()]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_loudspeaker_process_that_dies_or_hangs_is_replaced(
    sound_server: SoundServer, tmp_path: Path, blow: signal.Signals
) -> None:
    async with speaking() as (speaker, witness):
        await until(lambda: speaker.state is DeviceState.OK)
        recording = sound_server.record(tmp_path / "out.raw")
        speaker.play(A, murmur(10))
        await until(lambda: loud_ms(recording.so_far()) > 700)
        os.kill(pid_of(speaker), blow)
        await until(lambda: speaker.state is DeviceState.LOST)
        speaker.play(A, murmur(1))
        speaker.play(B, murmur(1))
        speaker.play(B, murmur(1))
        await until(witness.saw(PlaybackStopped, 2))
        cut, refused = witness.happenings[-2:]
        assert isinstance(cut, PlaybackStopped)
        assert [heard.part for heard in cut.heard] == [A]
        assert abs(cut.heard[0].heard_ms - loud_ms(recording.stop())) < 250
        assert refused == PlaybackStopped((Heard(B, 0),), lost=cut.lost)
        assert cut.lost, "it is told why"
        await until(lambda: speaker.state is DeviceState.OK)
        assert await played_whole(sound_server, speaker, tmp_path / "again.raw") > 0.99
    assert witness.states() == [DeviceState.OK, DeviceState.LOST, DeviceState.OK]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_microphone_process_that_dies_or_hangs_is_replaced(
    sound_server: SoundServer, blow: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rtaudio_daemon")
    async with listening("va_mic") as (microphone, witness):
        await until(lambda: len(witness.heard) > 9600)
        os.kill(pid_of(microphone), blow)
        await until(lambda: microphone.state is DeviceState.LOST)
        length = len(witness.heard)
        await until(lambda: len(witness.heard) > length + 9600)
    assert witness.states() == [DeviceState.OK, DeviceState.LOST, DeviceState.OK]
    told = [one.levelname for one in caplog.records if "microphone" in one.message]
    assert told == ["INFO", "WARNING", "INFO"], "it works, it failed, it works again"


async def test_both_come_back_after_the_sound_server_died(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    async with speaking() as (speaker, witness), listening() as (microphone, ear):
        await until(lambda: speaker.state is microphone.state is DeviceState.OK)
        sound_server.kill()
        await until(lambda: speaker.state is microphone.state is DeviceState.LOST)
        sound_server.start()
        await until(lambda: speaker.state is microphone.state is DeviceState.OK)
        length = len(ear.heard)
        await until(lambda: len(ear.heard) > length + 9600)
        assert await played_whole(sound_server, speaker, tmp_path / "again.raw") > 0.99
    assert witness.states() == [DeviceState.OK, DeviceState.LOST, DeviceState.OK]


async def test_both_come_back_after_the_sound_server_hung(sound_server: SoundServer) -> None:
    async with speaking() as (speaker, _), listening() as (microphone, _):
        await until(lambda: speaker.state is microphone.state is DeviceState.OK)
        sound_server.freeze()
        await until(lambda: speaker.state is microphone.state is DeviceState.LOST)
        sound_server.thaw()
        await until(lambda: speaker.state is microphone.state is DeviceState.OK)


async def test_without_a_sound_card_sound_takes_its_time_until_there_is_one(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    sound_server.kill()
    async with speaking() as (speaker, witness), listening() as (microphone, _):
        await until(lambda: speaker.state is microphone.state is DeviceState.NONE)
        speaker.play(A, murmur(0.2))
        speaker.end(A)
        await until(witness.saw(PlaybackFinished))
        assert witness.happenings == [PlaybackStarted(), PlaybackFinished()]
        speaker.play(A, murmur(60))
        sound_server.start()
        await until(lambda: speaker.state is microphone.state is DeviceState.OK)
        await until(witness.saw(PlaybackStopped))
        assert await played_whole(sound_server, speaker, tmp_path / "again.raw") > 0.99


async def test_a_name_that_fits_no_device_never_means_another_one(
    sound_server: SoundServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening("va_mik") as (microphone, witness):
        await until(lambda: bool(witness.changes))
        assert microphone.state is DeviceState.LOST
        assert "did you mean 'va_mic'" in str(witness.changes[0].reason)
    assert witness.states() == [DeviceState.LOST]
    assert "did you mean 'va_mic'" in caplog.text


async def test_the_volume_is_heard(sound_server: SoundServer, tmp_path: Path) -> None:
    async with speaking() as (speaker, _):
        await until(lambda: speaker.state is DeviceState.OK)
        speaker.set_volume(0.25)
        sound = murmur(1, seed=7)
        assert await played_whole(sound_server, speaker, tmp_path / "out.raw") > 0.99
    recorded = np.abs(samples((tmp_path / "out.raw").read_bytes())).max()
    assert recorded == pytest.approx(np.abs(samples(sound)).max() / 4, rel=0.03)


async def test_the_devices_can_be_listed(sound_server: SoundServer) -> None:
    found = await list_devices()
    assert {("va_mic", "input"), ("va_speaker", "output")} <= {
        (one.name, one.direction) for one in found
    }
    assert [one.name for one in found if one.default] == ["default", "default"]
    rates = {(one.name, one.direction): one.rates for one in found}
    assert rates["va_mic", "input"] == rates["va_speaker", "output"] == RATES
    if sound_server.refuses_unknown:
        assert rates["va_speaker", "input"] == (), "there is no such source"


def test_the_measure_of_likeness_notices_a_gap() -> None:
    sound = murmur(1)
    assert likeness(bytes(9600) + sound + bytes(9600), sound) > 0.999
    assert likeness(bytes(9600) + sound[:20_000] + bytes(480) + sound[20_000:], sound) < 0.9
    assert likeness(bytes(9600) + sound[:20_000] + sound[20_480:] + bytes(9600), sound) < 0.9


async def test_nothing_is_left_running(sound_server: SoundServer) -> None:
    async with speaking() as (speaker, _), listening() as (microphone, _):
        await until(lambda: speaker.state is microphone.state is DeviceState.OK)
        pids = [pid_of(speaker), pid_of(microphone)]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
