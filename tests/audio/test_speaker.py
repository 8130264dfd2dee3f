"""What a loudspeaker answers when its process goes at an unlucky moment."""

from __future__ import annotations

import asyncio

from rtaudio_daemon.audio.child_protocol import Kind, Progress, StreamFacts, json_body
from rtaudio_daemon.audio.speaker import PortAudioSpeaker
from rtaudio_daemon.errors import DeviceError
from rtaudio_daemon.events import AudioPart, PlaybackStarted, PlaybackStopped


async def test_an_answer_that_was_handed_out_whole_is_over_when_the_device_goes() -> None:
    happenings: list[object] = []
    speaker = PortAudioSpeaker("default", on_happening=happenings.append, on_change=lambda _: None)
    process, part = speaker.process, AudioPart("r", "i", 0)
    process._on_ready(StreamFacts("card", 24_000, 1, 960))
    speaker.play(part, bytes(960))
    speaker.end(part)
    process._on_message(Kind.STARTED, b"")
    process._on_message(Kind.PROGRESS, json_body(Progress(last_id=1)))
    process._on_lost(DeviceError("gone"))
    await asyncio.sleep(0)
    assert happenings == [PlaybackStarted(), PlaybackStopped(())]
    process._on_lost(DeviceError("still gone"))
    await asyncio.sleep(0)
    assert len(happenings) == 2, "it is told once"
