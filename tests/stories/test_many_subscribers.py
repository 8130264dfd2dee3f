"""A thousand listeners: the sound goes on, everybody is served, and memory stays bounded."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.model.reply import Reply
from tests.api.test_server import HttpApi
from tests.harness import Harness, find, samples, speech
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
    async with Harness(
        tmp_path, said, reply=lambda _: Reply("Rain.", answer), change=roomy
    ) as harness:
        port = harness.app.address.rpartition(":")[2]
        crowd = await asyncio.create_subprocess_exec(
            str(program), port, "/api/events", str(CROWD), "22", "0",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        http_api = harness.app._components.http_api
        await until(lambda: http_api.events.subscribers > CROWD)

        async def chatter() -> None:
            while True:  # ten events a second to everybody, on top of the conversation's own
                await asyncio.sleep(0.1)
                http_api.events.publish("error", {"t": 1, "message": "x" * 100})

        chatting = asyncio.create_task(chatter())
        await harness.turns(1)
        chatting.cancel()
        counts = harness.app.controls.counts()
        output, _ = await asyncio.wait_for(crowd.communicate(), 60)
        assert http_api.events.dropped == 0
    assert json.loads(output)["lost"] == CROWD or json.loads(output)["lost"] == 0
    assert counts["speaker_underruns"] == 0
    assert counts["microphone_frames_dropped"] == 0
    _, likeness = find(samples(answer), harness.heard())
    assert likeness > 0.999, "the answer is heard whole, in order and without gaps"


async def test_stalled_listeners_are_dropped_before_they_cost_memory(tmp_path: Path) -> None:
    stalled = 300
    async with Harness(tmp_path, change=roomy) as harness:
        port = int(harness.app.address.rpartition(":")[2])
        events = harness.app._components.http_api.events
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
        assert (await harness.status())["status"] == "idle"
        assert events.subscribers == 1, "who reads stays"
        for _, writer in crowd:
            writer.close()


LISTENER = """
import http.client, sys, time
link = http.client.HTTPConnection("10.199.6.1", int(sys.argv[1]))
link.request("GET", "/api/events", headers={"Authorization": "Bearer " + sys.argv[2]})
answer = link.getresponse()
print(answer.status, flush=True)
time.sleep(600)
"""


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network of its own: needs root")
async def test_a_listener_whose_cable_is_pulled_is_noticed() -> None:
    token = "sesame-" * 6
    async with contextlib.AsyncExitStack() as cleanup:
        await run("ip", "netns", "add", "rtaudio")
        cleanup.push_async_callback(run, "ip", "netns", "del", "rtaudio")
        await run("ip", "link", "add", "rta0", "type", "veth", "peer", "rta1", "netns", "rtaudio")
        # Not with its network: sockets that wait for an answer keep that for minutes.
        cleanup.push_async_callback(run, "ip", "link", "del", "rta0")
        await run("ip", "addr", "add", "10.199.6.1/30", "dev", "rta0")
        await run("ip", "link", "set", "rta0", "up")
        await run("ip", "-n", "rtaudio", "addr", "add", "10.199.6.2/30", "dev", "rta1")
        await run("ip", "-n", "rtaudio", "link", "set", "rta1", "up")
        http_api = HttpApi(host="10.199.6.1", token=config.Secret(token))
        async with http_api.server.listening() as address:
            listener = await asyncio.create_subprocess_exec(
                "ip", "netns", "exec", "rtaudio", sys.executable, "-c", LISTENER,
                address.rpartition(":")[2], token, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert listener.stdout is not None
            assert (await listener.stdout.readline()).strip() == b"200"
            assert http_api.server.events.subscribers == 1
            began = asyncio.get_running_loop().time()
            await run("ip", "-n", "rtaudio", "link", "set", "rta1", "down")
            await until(lambda: http_api.server.events.subscribers == 0, 90)
            print(f"noticed after {asyncio.get_running_loop().time() - began:.1f} s")
            listener.kill()
            await listener.communicate()
