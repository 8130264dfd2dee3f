"""What a microphone makes of what its process tells, without any sound device."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from rtaudio_daemon.audio.devices.microphone import PortAudioMicrophone
from rtaudio_daemon.audio.devices.signal_check import SignalCheck
from rtaudio_daemon.audio.worker.messages import Kind, StreamFacts, part_body
from rtaudio_daemon.errors import DeviceError
from rtaudio_daemon.notifications import DeviceCode, DeviceState
from tests.audio.device_log import DeviceLog

SECOND = 24_000
SILENCE = bytes(2 * SECOND)
ROOM = np.random.default_rng(1).normal(0, 30, SECOND).astype("<i2").tobytes()


class Told:
    """A microphone, and what became of it."""

    def __init__(
        self, device: str = "default", *, fallback: bool = False, without_speech_h: float = 0.0
    ) -> None:
        log = DeviceLog()
        self.changes = log.changes
        signal_check = SignalCheck(after_s=4, without_speech_h=without_speech_h)
        self.microphone = PortAudioMicrophone(
            device, log, fallback=fallback, signal_check=signal_check
        )
        self.renewals = 0
        self.open()

    def open(self) -> None:
        self.microphone.stream_opened(StreamFacts("card", 24_000, 1, 960))

    async def hear(self, pcm: bytes, seconds: int) -> None:
        for _ in range(seconds):
            await asyncio.sleep(1)
            self.microphone.message(Kind.SOUND, part_body(0, pcm))
            if self.microphone.process._hung_up:
                self.microphone.process._hung_up = False
                self.renewals += 1
                self.open()


async def test_a_microphone_that_is_silent_between_words_is_opened_anew_less_and_less_often() -> (
    None
):
    told = Told()
    for _ in range(75):
        await told.hear(SILENCE, 6)
        await told.hear(ROOM, 2)
    assert told.changes[-1].state is DeviceState.OK
    assert told.renewals == 4, "at once, then after 1, 2 and 4 minutes"


async def test_a_microphone_that_worked_for_long_is_opened_anew_at_once() -> None:
    told = Told()
    await told.hear(SILENCE, 5)
    await told.hear(ROOM, 1200)
    await told.hear(SILENCE, 5)
    assert told.renewals == 2


async def test_a_deaf_microphone_is_opened_anew_for_ever() -> None:
    told = Told()
    await told.hear(SILENCE, 3600)
    assert told.changes[-1].state is DeviceState.DEAF
    assert told.renewals == 7, "at once, then after 1, 2, 4, 8, 15, 15 minutes"


async def test_a_microphone_that_is_deaf_in_another_way_than_before_says_so() -> None:
    told = Told(without_speech_h=0.01)
    await told.hear(ROOM, 40)
    await told.hear(SILENCE, 6)
    await told.hear(ROOM, 1)
    reasons = [change.reason or "" for change in told.changes]
    assert [change.state for change in told.changes] == [
        DeviceState.OK,
        DeviceState.DEAF,
        DeviceState.DEAF,
        DeviceState.OK,
    ]
    assert reasons[1] == "nobody was heard for 0.01 h"
    assert "digital silence" in reasons[2]
    assert [change.code for change in told.changes] == [
        None,
        DeviceCode.NO_SPEECH,
        DeviceCode.SILENT,
        None,
    ]


async def test_the_newest_reason_of_a_loss_is_known_and_told_when_it_is_news() -> None:
    told = Told()
    lost = told.microphone.stream_lost
    lost(DeviceError("it does not move any sound"), True)
    lost(DeviceError("there is no such device", code=DeviceCode.NOT_FOUND), True)
    lost(DeviceError("it does not move any sound"), False)
    assert told.microphone.reason == "it does not move any sound"
    assert [(change.state, change.reason, change.code) for change in told.changes] == [
        (DeviceState.OK, None, None),
        (DeviceState.LOST, "it does not move any sound", DeviceCode.LOST),
        (DeviceState.LOST, "there is no such device", DeviceCode.NOT_FOUND),
    ]
    told.open()
    assert told.microphone.reason is None


async def test_a_substitute_that_was_deaf_is_still_told_to_be_one() -> None:
    told = Told(device="Jabra", fallback=True)
    for _ in range(2):
        told.microphone.process._fallback.failed()
    told.microphone.stream_lost(DeviceError("it was unplugged"), True)
    told.open()
    await told.hear(SILENCE, 5)
    await told.hear(ROOM, 1)
    states = [change.state for change in told.changes[-2:]]
    assert states == [DeviceState.DEAF, DeviceState.OK]
    assert told.changes[-1].reason == "using the default meanwhile, as 'Jabra' is lost"
    assert told.microphone.reason == told.changes[-1].reason


async def test_sound_that_its_process_lost_counts_as_dropped() -> None:
    told = Told()
    told.microphone.message(Kind.OVERFLOWED, b"")
    assert told.microphone.dropped == 1


async def test_frames_say_when_they_were_heard_however_late_they_come() -> None:
    told = Told()  # whose device holds 40 ms, a frame of 20 ms among them
    piece = ROOM[: 2 * SECOND // 5]
    now = asyncio.get_running_loop().time
    began = now()
    for comes_after_s in (0.2, 0.47, 0.6):  # the second one is held up
        await asyncio.sleep(began + comes_after_s - now())
        told.microphone.message(Kind.SOUND, part_body(0, piece))
    heard = [frame.heard_at for frame in told.microphone._frames._frames if frame.heard_at]
    since = [at - began for at in heard[10:]]
    assert since == pytest.approx([0.2 + 0.02 * number - 0.02 for number in range(1, 21)])
