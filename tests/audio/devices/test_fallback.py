"""A lost device and the one that stands in for it."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path

import pytest

from rtaudio_daemon.audio.devices.fallback import Fallback
from rtaudio_daemon.audio.devices.microphone import PortAudioMicrophone
from rtaudio_daemon.audio.devices.signal_check import SignalCheck
from rtaudio_daemon.audio.devices.speaker import PortAudioSpeaker
from rtaudio_daemon.notifications import DeviceChanged, DeviceState, Heard, PlaybackStopped
from tests.audio.device_log import DeviceLog
from tests.audio.test_real_devices import A, B, Witness, kept_alive, murmur, samples, until
from tests.sound_server import SoundServer


def tried(substitution: Fallback, outcomes: str) -> str:
    """The devices tried (w, d), each of which fails (x), works (o), or works and is left (<)."""
    devices = ""
    for outcome in outcomes:
        devices += substitution.device[0]
        if outcome != "x":
            substitution.works()
        if outcome == "<":
            substitution.go_back()
        else:
            substitution.failed()
    return devices + substitution.device[0]


def test_a_device_that_fails_twice_is_substituted_and_tried_again_when_that_fails_too() -> None:
    assert tried(Fallback("wanted", allowed=True), "xxxxxx") == "wwdwdwd"


def test_a_device_that_stumbles_is_used_again() -> None:
    assert tried(Fallback("wanted", allowed=True), "ooo") == "wwww"
    assert tried(Fallback("wanted", allowed=True), "oxo") == "wwdw"


def test_after_the_substitute_the_wanted_device_is_used_and_one_failure_is_enough() -> None:
    assert tried(Fallback("wanted", allowed=True), "xx<xox") == "wwdwdwd"


@pytest.mark.parametrize("substitution", [
    Fallback("wanted", allowed=False), Fallback("default", allowed=True)
])  # fmt: skip
def test_without_a_fallback_or_another_device_nothing_is_substituted(
    substitution: Fallback,
) -> None:
    device = substitution.device[0]
    assert tried(substitution, "xxxx") == 5 * device
    assert substitution.note is None


def test_it_is_looked_for_less_and_less_often_until_it_works() -> None:
    substitution = Fallback("wanted", allowed=True)
    tried(substitution, "xx")
    assert substitution.note == "using the default meanwhile, as 'wanted' is lost"
    substitution.works()
    assert [substitution.next_look_s() for _ in range(7)] == [
        5, 7.5, 11.25, 16.875, 25.3125, 30, 30
    ]  # fmt: skip
    substitution.go_back()
    substitution.works()
    assert substitution.next_look_s() == 5


def test_a_device_that_only_seems_to_be_there_is_tried_less_and_less_often() -> None:
    substitution = Fallback("wanted", allowed=True)
    tried(substitution, "xx")
    looks = []
    for _ in range(7):
        substitution.works()  # the substitute
        looks.append(substitution.next_look_s())
        substitution.go_back()
        substitution.failed()
    assert looks == [5, 60, 120, 240, 480, 900, 900]
    substitution.go_back()
    substitution.works()
    assert substitution.next_look_s() == 5


# ------------------------------------------------------------------ real sound


def add_sink(server: SoundServer, name: str) -> None:
    server.ask(
        *("load-module", "module-null-sink", "rate=48000", "channels=2", "norewinds=1"),
        f"sink_name={name}",
    )


def remove_sink(server: SoundServer, name: str) -> None:
    for line in server.ask("list", "short", "modules").splitlines():
        if f"sink_name={name}" in line:
            server.ask("unload-module", line.split()[0])


def standing_in(log: DeviceLog) -> PortAudioMicrophone:
    """A microphone for which another one may stand in; the rooms here are silent digitally."""
    return PortAudioMicrophone("va_mic", log, fallback=True, signal_check=SignalCheck(after_s=0))


def seen(changes: list[DeviceChanged]) -> list[tuple[DeviceState, str]]:
    """Without further reasons of the same loss."""
    return [key for key, _ in groupby((change.state, change.device) for change in changes)]


@pytest.fixture
def sources(sound_server: SoundServer) -> SoundServer:
    """With a second microphone, the default, and a second loudspeaker, not the default."""
    add_sink(sound_server, "other_mic")
    sound_server.ask("set-default-source", "other_mic.monitor")
    add_sink(sound_server, "other_speaker")
    return sound_server


@pytest.mark.sound
@pytest.mark.slow
async def test_the_default_microphone_stands_in_and_is_left_when_the_wanted_one_is_back(
    sources: SoundServer,
) -> None:
    witness = Witness()
    microphone = standing_in(witness)

    async def take() -> None:
        async for frame in microphone:
            witness.heard += frame.pcm

    async with kept_alive(microphone.run()), kept_alive(take()):
        await until(lambda: microphone.state is DeviceState.OK)
        remove_sink(sources, "mic_in")
        await until(lambda: (microphone.state, microphone.device) == (DeviceState.OK, "default"))
        reason = witness.changes[-1].reason
        assert reason == "using the default meanwhile, as 'va_mic' is lost"
        length = len(witness.heard)
        await until(lambda: len(witness.heard) > length + 9600)
        microphone.attend(False)
        add_sink(sources, "mic_in")
        await until(lambda: microphone.device == "va_mic", 40)
        length = len(witness.heard)
        await until(lambda: len(witness.heard) > length + 9600)
    ok, lost = DeviceState.OK, DeviceState.LOST
    assert seen(witness.changes) == [
        (ok, "va_mic"),
        (lost, "va_mic"),
        (ok, "default"),
        (lost, "default"),
        (ok, "va_mic"),
    ]
    assert witness.changes[-2].reason == "'va_mic' is there again"
    assert witness.changes[-1].reason is None


@pytest.mark.sound
@pytest.mark.slow
async def test_while_somebody_has_the_floor_the_device_is_not_exchanged(
    sources: SoundServer,
) -> None:
    microphone = standing_in(DeviceLog())
    remove_sink(sources, "mic_in")
    async with kept_alive(microphone.run()):
        await until(lambda: microphone.state is DeviceState.OK)
        add_sink(sources, "mic_in")
        await asyncio.sleep(8)  # more than the first look
        assert microphone.device == "default"
        microphone.attend(False)
        await until(lambda: microphone.device == "va_mic", 40)


@pytest.mark.sound
@pytest.mark.slow
async def test_the_monitor_of_the_loudspeaker_never_stands_in(sound_server: SoundServer) -> None:
    log = DeviceLog()
    changes, heard = log.changes, bytearray()
    microphone = standing_in(log)

    async def take() -> None:
        async for frame in microphone:
            heard.extend(frame.pcm)

    async with kept_alive(microphone.run()), kept_alive(take()):
        await until(lambda: microphone.state is DeviceState.OK)
        sound_server.remove_microphone()
        await until(lambda: microphone.state is DeviceState.LOST)
        heard.clear()
        await asyncio.sleep(6)  # several attempts with either device
        assert not heard
        assert set(seen(changes)[1:]) == {(DeviceState.LOST, "va_mic")}
        add_sink(sound_server, "mic_in")  # which is the default now, and may be tried as such
        microphone.attend(False)
        await until(lambda: (microphone.state, microphone.device) == (DeviceState.OK, "va_mic"), 40)


@pytest.mark.sound
@pytest.mark.slow
async def test_the_default_loudspeaker_stands_in_and_is_left_again(
    sources: SoundServer, tmp_path: Path
) -> None:
    witness = Witness()
    speaker = PortAudioSpeaker("va_speaker", witness, fallback=True)
    sources.ask("set-default-sink", "other_speaker")
    remove_sink(sources, "speaker")  # before it is used: later the server may move what plays
    async with kept_alive(speaker.run()):
        await until(lambda: (speaker.state, speaker.device) == (DeviceState.OK, "default"))
        recording = sources.record(tmp_path / "heard.raw", "other_speaker.monitor")
        speaker.play(A, murmur(1))
        speaker.end(A)
        await until(lambda: float(abs(samples(recording.so_far())).max()) > 10_000)
        speaker.attend(False)
        add_sink(sources, "speaker")
        await until(lambda: speaker.state is DeviceState.LOST, 40)
        speaker.play(B, murmur(1))
        await until(lambda: speaker.device == "va_speaker")
        refused = PlaybackStopped((Heard(B, 0),), lost="'va_speaker' is there again")
        assert witness.happenings[-1] == refused, "nobody waits for it"
    assert [change.reason for change in witness.changes if change.device == "default"] == [
        "using the default meanwhile, as 'va_speaker' is lost",
        "'va_speaker' is there again",
    ]
