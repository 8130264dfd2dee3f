"""What the wire costs: our client beside bare aiohttp and the official SDK.

    python bench/wire.py [--frames N] [--seconds S]

Each client runs in a process of its own against the same scripted service (another process), which
greets, swallows sound and, when asked, sends seconds of spoken answer. The table shows the CPU time
of the client's process only (user and system), so a busy machine changes little.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import importlib.util
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FRAME = bytes(range(240)) * 4  # 20 ms of 24 kHz mono s16le
PIECE_MS = 200
CLIENTS = ("raw", "ours", "sdk")
LIMIT_S = 120


# ------------------------------------------------------------------ service


async def serve() -> None:
    """The scripted service; prints its port and runs until it is killed."""
    from aiohttp import WSMsgType, web

    piece = base64.b64encode(bytes(PIECE_MS * 48)).decode()
    delta = json.dumps(
        {
            "type": "response.output_audio.delta",
            "event_id": "event_1",
            "response_id": "resp_1",
            "item_id": "item_1",
            "output_index": 0,
            "content_index": 0,
            "delta": piece,
        }
    )
    session = {"type": "realtime", "object": "realtime.session", "id": "sess_1"}

    def event(kind: str, **fields: Any) -> str:
        return json.dumps({"type": kind, "event_id": "event_1", **fields})

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(event("session.created", session=session))
        async for message in socket:
            if message.type is not WSMsgType.TEXT or '"input_audio_buffer.append"' in message.data:
                continue
            asked = json.loads(message.data)
            if asked["type"] == "session.update":
                await socket.send_str(event("session.updated", session=session))
            elif asked["type"] == "input_audio_buffer.clear":
                await socket.send_str(event("input_audio_buffer.cleared"))
            elif asked["type"] == "conversation.item.delete":
                for _ in range(int(asked["item_id"])):
                    await socket.send_str(delta)
                await socket.send_str(
                    event(
                        "response.output_audio.done",
                        response_id="resp_1",
                        item_id="item_1",
                        output_index=0,
                        content_index=0,
                    )
                )
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


# ------------------------------------------------------------------ clients


class Raw:
    """Bare aiohttp with messages put together by hand."""

    async def open(self, port: int) -> None:
        import aiohttp

        self.http = aiohttp.ClientSession()
        url = f"ws://127.0.0.1:{port}/openai/v1/realtime?model=m"
        self.socket = await self.http.ws_connect(url, headers={"api-key": "k"})
        await self._until("session.created")
        await self.socket.send_str('{"type":"session.update","session":{"type":"realtime"}}')
        await self._until("session.updated")

    async def up(self, frame: bytes) -> None:
        audio = base64.b64encode(frame).decode()
        await self.socket.send_str('{"type":"input_audio_buffer.append","audio":"' + audio + '"}')

    async def up_done(self) -> None:
        await self.socket.send_str('{"type":"input_audio_buffer.clear"}')
        await self._until("input_audio_buffer.cleared")

    async def down(self, pieces: int) -> int:
        message = {"type": "conversation.item.delete", "item_id": str(pieces)}
        await self.socket.send_str(json.dumps(message))
        return await self._until("response.output_audio.done")

    async def close(self) -> None:
        await self.socket.close()
        await self.http.close()

    async def _until(self, kind: str) -> int:
        heard = 0
        async for message in self.socket:
            event = json.loads(message.data)
            if event["type"] == "response.output_audio.delta":
                heard += len(base64.b64decode(event["delta"]))
            elif event["type"] == kind:
                return heard
        raise ConnectionError("the service closed the connection")


class Ours:
    """AzureRealTimeAudio."""

    async def open(self, port: int) -> None:
        from rtaudio_daemon import AzureRealTimeAudio

        host_name = f"ws://127.0.0.1:{port}"
        self.client = AzureRealTimeAudio(host_name=host_name, deployment="m", api_key="k")
        await self.client.connect()

    async def up(self, frame: bytes) -> None:
        self.client.append_audio(frame)

    async def up_done(self) -> None:
        done = asyncio.Event()
        self.client.once("input_audio_buffer.cleared", lambda _event: done.set())
        self.client.clear_audio_buffer()
        await done.wait()
        assert self.client.counters.dropped == 0, "sound was lost"

    async def down(self, pieces: int) -> int:
        heard, done = 0, asyncio.Event()

        def hear(event: dict[str, Any]) -> None:
            nonlocal heard
            heard += len(base64.b64decode(event["delta"]))

        self.client.on("response.audio.delta", hear)
        self.client.once("response.audio.done", lambda _event: done.set())
        self.client.delete_item(str(pieces))
        await done.wait()
        return heard

    async def close(self) -> None:
        await self.client.close()


class Sdk:
    """The official SDK."""

    async def open(self, port: int) -> None:
        from openai import AsyncOpenAI

        base = f"127.0.0.1:{port}/openai/v1"
        client = AsyncOpenAI(
            api_key="k", base_url=f"http://{base}", websocket_base_url=f"ws://{base}"
        )
        self.manager = client.realtime.connect(model="m")
        self.connection = await self.manager.enter()
        await self._until("session.created")
        await self.connection.session.update(session={"type": "realtime"})
        await self._until("session.updated")

    async def up(self, frame: bytes) -> None:
        audio = base64.b64encode(frame).decode()
        await self.connection.input_audio_buffer.append(audio=audio)

    async def up_done(self) -> None:
        await self.connection.input_audio_buffer.clear()
        await self._until("input_audio_buffer.cleared")

    async def down(self, pieces: int) -> int:
        await self.connection.conversation.item.delete(item_id=str(pieces))
        return await self._until("response.output_audio.done")

    async def close(self) -> None:
        await self.connection.close()

    async def _until(self, kind: str) -> int:
        heard = 0
        async for event in self.connection:
            if event.type == "response.output_audio.delta":
                heard += len(base64.b64decode(event.delta))
            elif event.type == kind:
                return heard
        raise ConnectionError("the service closed the connection")


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(name: str, port: int, frames: int, seconds: int, started: float) -> None:
    """Run one client; prints its numbers as JSON. `started`: when its process was (Unix time)."""
    client: Raw | Ours | Sdk = Raw() if name == "raw" else Ours() if name == "ours" else Sdk()
    await client.open(port)
    ready_ms = (time.time() - started) * 1000
    for _ in range(200):
        await client.up(FRAME)
    await client.up_done()

    before = cpu_s()
    for _ in range(frames):
        await client.up(FRAME)
        await asyncio.sleep(0)  # a microphone wakes the loop for each of its frames
    await client.up_done()
    up_us = (cpu_s() - before) / frames * 1e6

    before = cpu_s()
    pieces = seconds * 1000 // PIECE_MS
    heard = await client.down(pieces)
    down_ms = (cpu_s() - before) / seconds * 1000
    assert heard == pieces * PIECE_MS * 48, "sound is missing"
    await client.close()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"up": up_us, "down": down_ms, "memory": memory_mb, "ready": ready_ms}))


# -------------------------------------------------------------------- table

ROWS = (
    ("up", "CPU per 20 ms frame up", "us"),
    ("down", "CPU per second of sound down", "ms"),
    ("memory", "peak memory", "MiB"),
    ("ready", "start of process to READY", "ms"),
)


def run(name: str, port: int, frames: int, seconds: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--client", name, "--port", str(port)]
    command += ["--frames", str(frames), "--seconds", str(seconds), "--started", str(time.time())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def table(results: dict[str, dict[str, float]]) -> str:
    names = list(results)
    lines = [f"{'':32}" + "".join(f"{name:>12}" for name in names) + f"{'ours / raw':>12}"]
    for key, words, unit in ROWS:
        cells = "".join(f"{results[name][key]:12.2f}" for name in names)
        ratio = results["ours"][key] / results["raw"][key]
        lines.append(f"{words + ', ' + unit:32}{cells}{ratio:11.2f}x")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    for hidden in ("--client", "--port", "--started"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client == "service":
        asyncio.run(serve())
        return
    if args.client:
        asyncio.run(
            measure(args.client, int(args.port), args.frames, args.seconds, float(args.started))
        )
        return
    has_sdk = all(importlib.util.find_spec(name) for name in ("openai", "websockets"))
    names = [name for name in CLIENTS if name != "sdk" or has_sdk]
    service = subprocess.Popen(
        [sys.executable, __file__, "--client", "service"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert service.stdout is not None
        port = int(service.stdout.readline())
        best: dict[str, dict[str, float]] = {}
        for _ in range(args.rounds):
            for name in names:
                found = run(name, port, args.frames, args.seconds)
                best[name] = {k: min(v, best.get(name, found)[k]) for k, v in found.items()}
    finally:
        service.kill()
        service.wait()
    print(f"best of {args.rounds}; {args.frames} frames up, {args.seconds} s of sound down")
    print(table(best))


if __name__ == "__main__":
    main()
