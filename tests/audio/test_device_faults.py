"""Everything that happens to sound devices in a house, on a sound card of software."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.microphone import PortAudioMicrophone
from rtaudio_daemon.audio.devices.signal_check import SignalCheck
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.cli.doctor.calibration import calibrate
from rtaudio_daemon.notifications import DeviceState
from rtaudio_daemon.simulator.model.reply import Reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.audio.device_log import DeviceLog
from tests.audio.test_real_devices import kept_alive, listening, pid_of, until
from tests.harness import KEY, Harness, speech
from tests.sound_server import SoundServer

pytestmark = pytest.mark.sound
RECORDINGS = Path(config.__file__).parents[1] / "recordings"


async def test_a_muted_microphone_is_really_closed_and_opens_again(
    sound_server: SoundServer,
) -> None:
    async with listening() as (microphone, witness):
        await until(lambda: len(witness.heard) > 9600)
        pid = pid_of(microphone)
        microphone.pause(True)
        await until(lambda: not Path(f"/proc/{pid}").exists())
        assert sound_server.ask("list", "short", "source-outputs").strip() == ""
        microphone.pause(False)
        length = len(witness.heard)
        await until(lambda: len(witness.heard) > length + 9600)
    assert witness.states() == [DeviceState.OK], "nothing was lost"


async def test_muting_twice_in_a_hurry_does_no_harm(sound_server: SoundServer) -> None:
    async with listening() as (microphone, witness):
        for paused in (True, False, True, False):
            microphone.pause(paused)
            await asyncio.sleep(0)
        await until(lambda: len(witness.heard) > 9600)
    assert set(witness.states()) == {DeviceState.OK}


async def test_digital_silence_means_deaf_and_a_sound_means_well_again(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    log = DeviceLog()
    changes = log.changes
    microphone = PortAudioMicrophone("default", log, signal_check=SignalCheck(after_s=1))
    async with kept_alive(microphone.run()):
        await until(lambda: microphone.state is DeviceState.OK)
        first = pid_of(microphone)
        await until(lambda: microphone.state is DeviceState.DEAF)
        await until(lambda: microphone.process.pid not in (None, first))
        began = asyncio.get_running_loop().time()
        sound_server.say(RECORDINGS / "weather.wav")
        await until(lambda: microphone.state is DeviceState.OK)
        took = asyncio.get_running_loop().time() - began
        print(f"\na sound after digital silence: heard after {took:.1f} s", end="")
        assert took < 5
    assert [change.state for change in changes] == [
        DeviceState.OK,
        DeviceState.DEAF,
        DeviceState.OK,
    ]
    assert "digital silence" in str(changes[1].reason)


async def test_a_suspended_source_is_a_lost_microphone_until_it_is_resumed(
    sound_server: SoundServer,
) -> None:
    async with listening() as (microphone, witness):
        await until(lambda: microphone.state is DeviceState.OK)
        sound_server.ask("suspend-sink", "mic_in", "1")
        if not sound_server.stalls_when_suspended:
            already = len(witness.heard)
            await until(lambda: len(witness.heard) > already + 500 * BYTES_PER_MS)
            assert witness.states() == [DeviceState.OK]
            return
        await until(lambda: microphone.state is DeviceState.LOST, 5)
        sound_server.ask("suspend-sink", "mic_in", "0")
        await until(lambda: microphone.state is DeviceState.OK)
    assert "does not" in str(witness.changes[1].reason)


@pytest.mark.parametrize("device", ["default", "va_mic"])
async def test_a_microphone_whose_source_goes_away_never_hears_the_loudspeaker_instead(
    sound_server: SoundServer, device: str
) -> None:
    async with listening(device) as (microphone, witness):
        await until(lambda: microphone.state is DeviceState.OK)
        sound_server.remove_microphone()
        await until(lambda: microphone.state is DeviceState.LOST, 5)
        length = len(witness.heard)
        await asyncio.sleep(1.5)
        assert len(witness.heard) == length
        sound_server.add_microphone()
        await until(lambda: microphone.state is DeviceState.OK)
        await until(lambda: len(witness.heard) > length + 9600)


def kill_and_restart(server: SoundServer) -> None:
    server.kill()
    server.start()


def freeze_and_thaw(server: SoundServer) -> None:
    server.freeze()
    time.sleep(3)
    server.thaw()


def unload_and_load(server: SoundServer) -> None:
    server.remove_microphone()
    time.sleep(1)
    server.add_microphone()


def suspend_and_resume(server: SoundServer) -> None:
    for sink in ("mic_in", "speaker"):
        server.ask("suspend-sink", sink, "1")
    time.sleep(2)
    for sink in ("mic_in", "speaker"):
        server.ask("suspend-sink", sink, "0")


def _command_of(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""  # another child, which has just ended


def kill_the_audio_processes(_server: SoundServer) -> None:
    ours = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    them = [pid for pid in ours if b"audio.worker" in _command_of(pid)]
    assert len(them) == 2
    for pid in them:
        os.kill(int(pid), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "deed",
    [
        kill_and_restart,
        freeze_and_thaw,
        unload_and_load,
        suspend_and_resume,
        kill_the_audio_processes,
    ],
)
async def test_after_a_fault_the_next_spoken_turn_works(
    sound_server: SoundServer, tmp_path: Path, deed: Callable[[SoundServer], None]
) -> None:
    def default_devices(settings: config.Config) -> config.Config:
        audio = replace(settings.audio, input=config.Input(), output=config.Output())
        return replace(settings, audio=audio)

    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Yes.", speech("stop")))
    async with Harness(tmp_path, simulator=simulator, change=default_devices) as harness:

        def fine() -> bool:
            now = harness.app.controls.snapshot()
            return now.microphone.state == now.speaker.state == "ok"

        await until(fine)
        await asyncio.to_thread(deed, sound_server)
        if deed is not suspend_and_resume or sound_server.stalls_when_suspended:
            await harness.until(
                lambda: any(one["state"] == "lost" for one in harness.named("device"))
            )
        began = asyncio.get_running_loop().time()
        await until(fine)
        took = asyncio.get_running_loop().time() - began
        print(f"\n{deed.__name__}: back after {took:.1f} s", end="")
        assert took < 5
        before = len(harness.statuses)
        sound_server.say(RECORDINGS / "hello.wav")
        await harness.until(lambda: harness.statuses[before:] and harness.statuses[-1] == "idle")
        assert harness.statuses[before:] == ["listening", "thinking", "speaking", "idle"]


async def test_a_sound_server_that_lost_its_canceller_is_told_until_there_is_one_again(
    sound_server: SoundServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def by_the_server(settings: config.Config) -> config.Config:
        audio = replace(settings.audio, echo="system", input=config.Input(), output=config.Output())
        return replace(settings, audio=audio)

    def by_name(settings: config.Config) -> config.Config:
        named = config.Input(device="va_mic"), config.Output(device="va_speaker")
        audio = replace(settings.audio, echo="system", input=named[0], output=named[1])
        return replace(settings, audio=audio)

    sound_server.cancel_echo()
    async with Harness(tmp_path, change=by_the_server) as harness:

        def state() -> tuple[set[str], list[str]]:
            now = harness.app.controls.snapshot()
            return {str(now.microphone.state), str(now.speaker.state)}, list(now.sound.notes)

        await until(lambda: state() == ({"ok"}, []))
        assert harness.named("sound") == [], "nothing was ever wrong"
        await asyncio.to_thread(kill_and_restart, sound_server)
        # While the server starts, the loudspeaker may be the first that is found to cancel nothing.
        missing = "the default microphone, mic_in.monitor, cancels no echo"
        await until(
            lambda: state()[0] == {"ok"} and [missing in each for each in state()[1]] == [True]
        )
        (note,) = state()[1]
        _, report = await harness.post("/api/reload")
        assert report["warnings"] == [note]
        assert [each.getMessage() for each in caplog.records].count(note) == 1
        harness.edit = lambda settings: replace(settings, audio=replace(settings.audio, echo="off"))
        _, report = await harness.post("/api/reload")
        assert (report["warnings"], state()[1]) == ([], [])
        harness.edit = by_the_server
        _, report = await harness.post("/api/reload")
        assert (report["warnings"], state()[1]) == ([note], [note])
        harness.edit = by_name
        _, report = await harness.post("/api/reload")
        assert (report["warnings"], state()[1]) == ([], []), "of these nothing is known"
        harness.edit = by_the_server
        _, report = await harness.post("/api/reload")
        assert (report["warnings"], state()[1]) == ([note], [note])
        sound_server.cancel_echo()
        await until(lambda: state() == ({"ok"}, []))


async def test_a_chirp_measures_the_echo_of_the_room_and_may_write_what_follows(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text('audio:\n  echo: "off"  # headphones\n')
    sound_server.echo(delay_ms=80, gain=0.3)
    findings = await calibrate(str(file))
    (echo,) = [finding.what for finding in findings if finding.name == "echo"]
    after, loudness = re.findall(r"-?\d+\.?\d*", echo)
    assert 80 < int(after) < 500
    assert float(loudness) == pytest.approx(-10.5 + sound_server.mono_db, abs=1)
    assert [finding.verdict for finding in findings] == ["pass", "pass", "warn"]
    assert config.load(file).audio.echo == "off", "nothing was asked to be written"
    findings = await calibrate(str(file), write=True)
    assert {finding.verdict for finding in findings} == {"pass"}
    assert file.read_text() == "audio:\n  echo: auto  # headphones\n"
