"""How many conversations does the simulator hold at once without falling behind?

Each client streams speech in real time (20 ms at a time), is answered in real-time pacing, and
measures how late each piece of sound comes compared with the answer's own clock.
Run: python -m bench.simulator [--conversations 50] [--seconds 60]

And does it need more memory the longer they last? With --turns each client says its sentence so
many times, as fast as it is answered: an hour of conversation in some minutes.
Run: python -m bench.simulator --turns 600 --conversations 4
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import resource
import sys
import time
from dataclasses import dataclass, field

import aiohttp

from rtaudio_daemon.simulator.model.voices import espeak
from rtaudio_daemon.simulator.server.simulator import Simulator

MS = 48
FRAME_MS = 20
PATH = "/openai/v1/realtime?model=bench"


@dataclass
class Measured:
    turns: int = 0
    errors: int = 0
    first_sound_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    uplink_late_ms: list[float] = field(default_factory=list)
    backlog_ms: list[float] = field(default_factory=list)


async def converse(url: str, speech: bytes, offset_s: float, seconds: float, m: Measured) -> None:
    frames = [
        json.dumps(
            {
                "type": "input_audio_buffer.append",
                "audio": base64.b64encode(speech[at : at + FRAME_MS * MS]).decode(),
            }
        )
        for at in range(0, len(speech), FRAME_MS * MS)
    ]
    await asyncio.sleep(offset_s)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url + PATH, max_msg_size=0) as socket,
    ):
        listening = asyncio.create_task(listen(socket, m))
        clock = asyncio.get_running_loop().time
        began, sent = clock(), 0
        while clock() - began < seconds:
            due = began + sent * FRAME_MS / 1000
            if (wait := due - clock()) > 0:
                await asyncio.sleep(wait)
            await socket.send_str(frames[sent % len(frames)])
            m.uplink_late_ms.append((clock() - due) * 1000)
            sent += 1
        # What the simulator has not heard yet stands before this in the line.
        asked = clock()
        await socket.send_str('{"type":"input_audio_buffer.clear"}')
        await asyncio.wait({listening}, timeout=60)
        m.backlog_ms.append((clock() - asked) * 1000)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def listen(socket: aiohttp.ClientWebSocketResponse, m: Measured) -> None:
    clock = asyncio.get_running_loop().time
    asked = first = 0.0
    heard_ms = 0.0
    async for message in socket:
        event = json.loads(message.data)
        kind = event["type"]
        if kind == "response.created":
            asked, heard_ms = clock(), 0.0
        elif kind == "response.output_audio.delta":
            now = clock()
            if heard_ms == 0.0:
                first = now
                m.first_sound_ms.append((now - asked) * 1000)
            # A player that began with the first piece needs this one now; later is a gap.
            m.late_ms.append(max(0.0, (now - first) * 1000 - heard_ms))
            heard_ms += len(event["delta"]) * 3 / 4 / MS
        elif kind == "response.done":
            m.turns += event["response"]["status"] == "completed"
        elif kind == "input_audio_buffer.cleared":
            return
        elif kind == "error":
            m.errors += 1


def at(values: list[float], share: float) -> float:
    ordered = sorted(values) or [float("nan")]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def clients(url: str, count: int, seconds: float) -> None:
    words = espeak("Good morning, what is the weather like today?")
    assert words is not None, "espeak-ng is needed"
    # Long enough after the sentence for the answer (the parrot's) to be heard out.
    speech = bytes(MS * 1000) + words + bytes(MS * (2000 + len(words) // MS))
    m = Measured()
    length_s = len(speech) / MS / 1000
    await asyncio.gather(
        *(converse(url, speech, n * length_s / count, seconds, m) for n in range(count))
    )
    print(f"turns answered      {m.turns} (errors: {m.errors})")
    for name, values in (
        ("first sound after response.created", m.first_sound_ms),
        ("sound later than a player needs it", m.late_ms),
        ("client's own lateness in sending", m.uplink_late_ms),
        ("behind in hearing at the end", m.backlog_ms),
    ):
        figures = "  ".join(
            f"p{share:g} {at(values, share / 100):7.1f}" for share in (50, 99, 99.9)
        )
        print(f"{name:36} ms: {figures}  max {max(values):7.1f}  (n={len(values)})")


async def marathon(url: str, speech: bytes, turns: int, m: Measured) -> None:
    whole = base64.b64encode(speech).decode()
    append = json.dumps({"type": "input_audio_buffer.append", "audio": whole})
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url + PATH, max_msg_size=0) as socket,
    ):
        for _ in range(turns):
            await socket.send_str(append)
            async for message in socket:
                event = json.loads(message.data)
                m.errors += event["type"] == "error"
                if event["type"] == "response.done":
                    m.turns += 1
                    break


async def fast_clients(url: str, count: int, turns: int) -> None:
    words = espeak("Good morning, what is the weather like today?")
    assert words is not None, "espeak-ng is needed"
    speech, m = bytes(MS * 500) + words + bytes(MS * 1000), Measured()
    await asyncio.gather(*(marathon(url, speech, turns, m) for _ in range(count)))
    minutes = m.turns * 2 * len(speech) / MS / 60_000
    print(f"turns answered: {m.turns} (errors: {m.errors}), {minutes:.0f} minutes of conversation")


async def measure_memory(count: int, turns: int) -> None:
    async with Simulator(voice="parrot", think_s=0.01) as simulator:
        print(f"memory with nobody: {memory_mib():.0f} MiB")
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.simulator", "--clients-of", simulator.url),
            *("--conversations", str(count), "--turns", str(turns)),
        )
        ending = asyncio.create_task(child.wait())
        began, sizes = time.perf_counter(), []
        while not (await asyncio.wait({ending}, timeout=1.0))[0]:
            sizes.append(memory_mib())
        tenths = [sizes[len(sizes) * tenth // 10] for tenth in range(10)]
        print(f"in {time.perf_counter() - began:.0f} s, MiB at each tenth of the time:",
              " ".join(f"{size:.0f}" for size in [*tenths, sizes[-1]]))  # fmt: skip
        await asyncio.sleep(1)
        print(f"memory after they have gone: {memory_mib():.0f} MiB")


async def main(count: int, seconds: float) -> None:
    async with Simulator(pacing="realtime", voice="parrot") as simulator:
        # The clients live in a process of their own, as clients do.
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.simulator", "--clients-of", simulator.url),
            *("--conversations", str(count), "--seconds", str(seconds)),
        )
        cpu, wall = time.process_time(), time.perf_counter()
        sizes = []
        loop_late = 0.0
        clock = asyncio.get_running_loop().time
        while child.returncode is None:
            before = clock()
            await asyncio.sleep(0.05)
            loop_late = max(loop_late, clock() - before - 0.05)
            sizes.append(memory_mib())
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        dropped = sum(session.flooded for session in simulator.sessions)
    middle, end = sizes[len(sizes) // 2], sizes[-len(sizes) // 10]
    print(
        f"simulator: {100 * cpu / wall:.0f} % of one core, loop at most {loop_late * 1000:.0f} ms"
    )
    print(
        f"memory: {sizes[0]:.0f} MiB before, {middle:.0f} at half time, {end:.0f} near the end, "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}; "
        f"{(end - sizes[0]) / count:.1f} MiB per conversation; cut off: {dropped}"
    )


def memory_mib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients-of", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, help="of each conversation, as fast as it goes")
    given = parser.parse_args()
    if given.clients_of and given.turns:
        asyncio.run(fast_clients(given.clients_of, given.conversations, given.turns))
    elif given.turns:
        asyncio.run(measure_memory(given.conversations, given.turns))
    elif given.clients_of:
        asyncio.run(clients(given.clients_of, given.conversations, given.seconds))
    else:
        print(
            f"{given.conversations} conversations for {given.seconds:g} s; load {os.getloadavg()}"
        )
        asyncio.run(main(given.conversations, given.seconds))
