"""A sound server moves streams as it likes: it is noticed, for as long as the stream lives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rtaudio_daemon.audio.devices.routing_watch import RoutingWatch
from rtaudio_daemon.errors import DeviceError
from rtaudio_daemon.notifications import DeviceState, PlaybackStopped
from tests.audio.devices.test_fallback import add_sink, remove_sink
from tests.audio.test_real_devices import (
    A,
    B,
    listening,
    loud_ms,
    murmur,
    pid_of,
    played_whole,
    samples,
    speaking,
    until,
)
from tests.sound_server import SoundServer, running_sound_server

pytestmark = pytest.mark.sound
OK, LOST = DeviceState.OK, DeviceState.LOST


@pytest.fixture
def two_speakers(sound_server: SoundServer) -> SoundServer:
    """With a second loudspeaker, not the default."""
    add_sink(sound_server, "other")
    return sound_server


def watchers() -> set[int]:
    """Every `pactl subscribe` that this process has started: a watch has looked, and goes on."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    found = set()
    for pid in children:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes() == b"pactl\0subscribe\0":
                found.add(int(pid))
    return found


async def move(
    server: SoundServer, kind: str, to: str, noticed: Callable[[], bool], patience_s: float = 20.0
) -> None:
    """Move the one stream there is, as with a mouse in pavucontrol, until that is noticed.

    PipeWire may overlook a move, and ALSA may begin the stream anew where it was.
    """
    place = one_stream(server, kind)[1]
    async with asyncio.timeout(patience_s):
        while not noticed():
            with contextlib.suppress(ValueError, subprocess.CalledProcessError):  # none just now
                stream, now_at = one_stream(server, kind)
                if now_at == place:
                    server.ask(f"move-{kind}", stream, to)
            await asyncio.sleep(0.1)


def one_stream(server: SoundServer, kind: str) -> tuple[str, str]:
    """The index of the one stream there is, and that of the device it is on."""
    (line,) = server.ask("list", "short", f"{kind}s").splitlines()
    stream, place, *_ = line.split()
    return stream, place


async def test_a_loudspeaker_that_is_moved_is_lost_at_once_and_plays_where_it_should_again(
    two_speakers: SoundServer, tmp_path: Path
) -> None:
    async with speaking("va_speaker") as (speaker, witness):
        await until(lambda: bool(watchers()))
        elsewhere = two_speakers.record(tmp_path / "elsewhere.raw", "other.monitor")
        speaker.play(A, murmur(10))
        await move(two_speakers, "sink-input", "other", witness.saw(PlaybackStopped))
        await until(lambda: speaker.state is OK)
        assert await played_whole(two_speakers, speaker, tmp_path / "here.raw") > 0.99
    assert witness.states() == [OK, LOST, OK]
    assert witness.changes[1].reason == "the sound server moved it from speaker to other"
    assert loud_ms(elsewhere.stop()) < 1000


async def test_a_loudspeaker_whose_sink_goes_away_plays_nowhere_else_until_it_is_back(
    two_speakers: SoundServer, tmp_path: Path
) -> None:
    async with speaking("va_speaker") as (speaker, witness):
        await until(lambda: bool(watchers()))
        remove_sink(two_speakers, "speaker")
        await until(lambda: speaker.state is LOST)
        elsewhere = two_speakers.record(tmp_path / "elsewhere.raw", "other.monitor")
        speaker.play(B, murmur(1))
        await until(lambda: len(elsewhere.so_far()) > 3 * 48_000)
        assert not any(elsewhere.stop())
        add_sink(two_speakers, "speaker")
        await until(lambda: speaker.state is OK)
        assert await played_whole(two_speakers, speaker, tmp_path / "here.raw") > 0.99
    assert witness.states() == [OK, LOST, OK]


async def test_the_default_loudspeaker_goes_on_where_it_is_moved_and_the_log_says_where(
    two_speakers: SoundServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rtaudio_daemon")
    async with speaking() as (speaker, witness):
        await until(lambda: bool(watchers()))
        elsewhere = two_speakers.record(tmp_path / "elsewhere.raw", "other.monitor")
        pid = pid_of(speaker)
        speaker.play(A, murmur(10))
        words = "loudspeaker 'default' plays on other now"
        await move(two_speakers, "sink-input", "other", lambda: words in caplog.text)
        await until(lambda: float(abs(samples(elsewhere.so_far())).max()) > 10_000)
        assert pid_of(speaker) == pid
    assert witness.states() == [OK, OK], "it works, and then it works elsewhere"
    assert witness.changes[1].reason == "it plays on other now"
    assert PlaybackStopped not in map(type, witness.happenings)


@pytest.mark.parametrize("device", ["default", "va_mic"])
async def test_a_microphone_that_is_moved_is_opened_anew(
    two_speakers: SoundServer, device: str
) -> None:
    async with listening(device) as (microphone, witness):
        await until(lambda: bool(watchers()))
        pid = pid_of(microphone)
        await move(two_speakers, "source-output", "other.monitor", lambda: LOST in witness.states())
        await until(lambda: witness.states() == [OK, LOST, OK])
        assert pid_of(microphone) != pid
    assert witness.changes[1].reason == (
        "the sound server moved it from mic_in.monitor to other.monitor"
    )


async def test_a_move_is_noticed_also_after_the_server_stopped_telling(
    two_speakers: SoundServer,
) -> None:
    async with speaking("va_speaker") as (_, witness):
        await until(lambda: bool(watchers()))
        (first,) = watchers()
        os.kill(first, signal.SIGKILL)
        await until(lambda: bool(watchers() - {first}))
        assert witness.states() == [OK]
        await move(two_speakers, "sink-input", "other", lambda: LOST in witness.states())


async def test_a_stream_that_is_not_there_at_the_first_look_is_watched_later(
    two_speakers: SoundServer,
) -> None:
    waits = "read _; exec pacat --raw --device=speaker /dev/zero"
    with subprocess.Popen(["sh", "-c", waits], stdin=subprocess.PIPE) as player:
        watch = RoutingWatch(player.pid, "output")
        await watch.check()
        watching = asyncio.create_task(watch.run())
        try:
            assert player.stdin is not None
            player.stdin.write(b"\n")
            player.stdin.close()
            await until(lambda: bool(watchers()))
            await move(two_speakers, "sink-input", "other", watching.done)
            with pytest.raises(DeviceError, match="from speaker to other"):
                await asyncio.wait_for(watching, 60)
        finally:
            watching.cancel()
            player.kill()


@pytest.fixture
def pipewire() -> Iterator[SoundServer]:
    """PipeWire opens a stream elsewhere when its device is not there, PulseAudio does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUND_SERVER", "pipewire")
        with running_sound_server() as server:
            add_sink(server, "other")
            yield server


async def test_a_loudspeaker_that_opens_elsewhere_is_lost_until_it_is_there(
    pipewire: SoundServer,
) -> None:
    remove_sink(pipewire, "speaker")
    async with speaking("va_speaker") as (speaker, witness):
        await until(lambda: speaker.state is OK)
        await until(lambda: speaker.state is LOST)
        reason = str(witness.changes[-1].reason)
        assert reason.startswith("the sound server gave it ")
        assert reason.endswith(" instead of speaker")
        await until(lambda: speaker.process.pid is not None)
        await until(lambda: speaker.process.pid is None)
        add_sink(pipewire, "speaker")
        await until(lambda: speaker.state is OK)
    assert witness.states() == [OK, LOST, OK], "once misplaced, it is looked for before it is used"
