"""What a loudspeaker answers when its process goes at an unlucky moment."""

from __future__ import annotations

import asyncio

from rtaudio_daemon.audio.devices.speaker import PortAudioSpeaker
from rtaudio_daemon.audio.worker.messages import Kind, Progress, StreamFacts, json_body
from rtaudio_daemon.errors import DeviceError
from rtaudio_daemon.notifications import (
    AudioPart,
    DeviceState,
    Heard,
    PlaybackStarted,
    PlaybackStopped,
)
from tests.audio.device_log import DeviceLog


async def test_an_answer_that_was_handed_out_whole_is_over_when_the_device_goes() -> None:
    log = DeviceLog()
    happenings, speaker = log.happenings, PortAudioSpeaker("default", log)
    part = AudioPart("r", "i", 0)
    speaker.stream_opened(StreamFacts("card", 24_000, 1, 960))
    speaker.play(part, bytes(960))
    speaker.end(part)
    speaker.message(Kind.STARTED, b"")
    speaker.message(Kind.PROGRESS, json_body(Progress(last_id=1)))
    speaker.stream_lost(DeviceError("gone"), True)
    await asyncio.sleep(0)
    assert happenings == [PlaybackStarted(), PlaybackStopped((), lost="gone")]
    speaker.stream_lost(DeviceError("still gone"), False)
    await asyncio.sleep(0)
    assert len(happenings) == 2, "it is told once"


async def test_what_is_stopped_and_what_is_lost_just_then_are_told_apart() -> None:
    log = DeviceLog()
    happenings, speaker = log.happenings, PortAudioSpeaker("default", log)
    first, second, third = (AudioPart(name, "i", 0) for name in "abc")
    speaker.stream_opened(StreamFacts("card", 24_000, 1, 960))
    speaker.play(first, bytes(960))
    speaker._stops.append(speaker._newest)
    speaker.play(second, bytes(960))
    speaker.stream_lost(DeviceError("gone"), True)
    speaker.play(third, bytes(960))
    await asyncio.sleep(0)
    assert happenings == [
        PlaybackStopped((Heard(first, 0),)),
        PlaybackStopped((Heard(second, 0),), lost="gone"),
        PlaybackStopped((Heard(third, 0),), lost="gone"),
    ]


async def test_a_stop_tells_when_the_room_is_silent_if_it_was_not() -> None:
    log = DeviceLog()
    happenings, speaker = log.happenings, PortAudioSpeaker("default", log)
    told = speaker.message
    speaker.stream_opened(StreamFacts("card", 24_000, 1, 960))
    for started in (True, False):
        if started:
            told(Kind.STARTED, b"")
        speaker._stops.append(0)
        told(Kind.STOPPED, json_body(Progress(last_id=0)))
    assert happenings == [PlaybackStarted(), PlaybackStopped((), 50), PlaybackStopped((), 0)]


async def test_a_loudspeaker_that_is_moved_says_where_to() -> None:
    log = DeviceLog()
    changes, speaker = log.changes, PortAudioSpeaker("default", log)
    speaker.stream_opened(StreamFacts("card", 24_000, 1, 960))
    speaker.stream_moved("hdmi")
    assert [change.state for change in changes] == [DeviceState.OK, DeviceState.OK]
    assert speaker.reason == changes[-1].reason == "it plays on hdmi now"
