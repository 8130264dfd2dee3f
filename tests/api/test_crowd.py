"""A thousand listeners: the sound goes on, everybody is served, and memory stays bounded."""

from __future__ import annotations

import asyncio
import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.reply import Reply
from tests.house import House, find, samples, speech
from tests.waiting import until

pytestmark = [pytest.mark.real_time, pytest.mark.slow]
SOURCE = Path(__file__).parent.parent.parent / "bench" / "subscribers.c"
CROWD = 1000


def roomy(settings: config.Config) -> config.Config:
    return replace(settings, http=replace(settings.http, max_subscribers=CROWD + 10))


async def test_a_thousand_listeners_do_not_disturb_the_sound(tmp_path: Path) -> None:
    program = tmp_path / "subscribers"
    compiler = await asyncio.create_subprocess_exec(
        "gcc", "-O2", "-D_GNU_SOURCE", "-o", str(program), str(SOURCE)
    )
    assert await compiler.wait() == 0
    answer = speech("weather") * 2
    said = [(9000, speech("hello"))]
    async with House(tmp_path, said, reply=lambda _: Reply("Rain.", answer), change=roomy) as house:
        port = house.app.address.rpartition(":")[2]
        crowd = await asyncio.create_subprocess_exec(
            str(program), port, "/api/events", str(CROWD), "22", "0",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        window = house.app._parts.window
        await until(lambda: window.events.subscribers > CROWD)

        async def chatter() -> None:
            while True:  # ten events a second to everybody, on top of the conversation's own
                await asyncio.sleep(0.1)
                window.events.publish("error", {"t": 1, "message": "x" * 100})

        chatting = asyncio.create_task(chatter())
        await house.turns(1)
        chatting.cancel()
        counts = house.app.assistant.counts()
        output, _ = await asyncio.wait_for(crowd.communicate(), 60)
        assert window.events.dropped == 0
    assert json.loads(output)["lost"] == CROWD or json.loads(output)["lost"] == 0
    assert counts["speaker_underruns"] == 0
    assert counts["microphone_frames_dropped"] == 0
    _, likeness = find(samples(answer), house.heard())
    assert likeness > 0.999, "the answer is heard whole, in order and without gaps"


async def test_stalled_listeners_are_dropped_before_they_cost_memory(tmp_path: Path) -> None:
    stalled = 300
    async with House(tmp_path, change=roomy) as house:
        port = int(house.app.address.rpartition(":")[2])
        events = house.app._parts.window.events
        crowd = []
        for _ in range(stalled):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            crowd.append((reader, writer))
        await until(lambda: events.subscribers == stalled + 1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sent = 0
        while events.dropped < stalled:
            events.publish("status", {"status": "idle", "previous": "idle", "text": "x" * 200})
            sent += 1
            assert sent < 20_000
            await asyncio.sleep(0.001)
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert grown_mb < 100, "for all of them, the kernel's buffers apart"
        assert (await house.status())["status"] == "idle"
        assert events.subscribers == 1, "who reads stays"
        for _, writer in crowd:
            writer.close()
