"""What tools cost: their part of a turn, and memory and idle CPU of the daemon with them.

    python bench/tools.py [--calls N] [--idle S]

A daemon without sound devices talks to a scripted service in this process, which calls one tool in
each answer. A tool's part of a turn is what the service waits for: from the end of the answer that
calls to the request for the next one. Memory is PSS.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 120.0
TOOLS = ("time", "web", "program")


class Service:
    """A realtime service that calls `tool` once in every answer to words, and then says nothing."""

    def __init__(self) -> None:
        self.tool = "time"
        self.argument = "what"
        self.waited_s: list[float] = []
        self.called = asyncio.Event()
        self._called_at = 0.0
        self._numbers = iter(range(10**9))

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One session."""
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        session = {"type": "realtime", "object": "realtime.session", "id": "sess_1"}
        await self._send(socket, "session.created", session=session)
        calls = False
        async for message in socket:
            event = json.loads(message.data)
            match event["type"]:
                case "session.update":
                    session = {**session, **event["session"]}
                    await self._send(socket, "session.updated", session=session)
                case "conversation.item.create":
                    calls = event["item"]["type"] == "message"
                case "response.create":
                    if not calls:
                        self.waited_s.append(time.perf_counter() - self._called_at)
                    await self._answer(socket, calls)
        return socket

    async def _answer(self, socket: web.WebSocketResponse, calls: bool) -> None:
        number = next(self._numbers)
        response: dict[str, Any] = {
            "object": "realtime.response",
            "id": f"resp_{number}",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "usage": None,
            "metadata": None,
        }
        await self._send(socket, "response.created", response=response)
        if calls:
            item = {
                "id": f"item_{number}",
                "object": "realtime.item",
                "type": "function_call",
                "status": "completed",
                "name": self.tool,
                "call_id": f"call_{number}",
                "arguments": "{}"
                if self.tool == "time"
                else json.dumps({self.argument: f"lamp {number}"}),
            }
            response["output"] = [item]
        response = {**response, "status": "completed"}
        self._called_at = time.perf_counter()
        await self._send(socket, "response.done", response=response)
        if not calls:
            self.called.set()

    async def _send(self, socket: web.WebSocketResponse, kind: str, **fields: Any) -> None:
        number = next(self._numbers)
        await socket.send_str(json.dumps({"type": kind, "event_id": f"event_{number}", **fields}))


async def light(_request: web.Request) -> web.Response:
    """What the tool `web` asks."""
    return web.json_response({"light": "on"})


@contextlib.asynccontextmanager
async def served(service: Service) -> AsyncIterator[str]:
    """The service and a web server on one port; yields host and port."""
    app = web.Application()
    app.router.add_get("/light", light)
    app.router.add_get("/{path:.*}", service.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def configuration(host: str, *, tools: bool) -> str:
    """A daemon without devices; with `tools` the built-in ones and two of one's own."""
    own = f"""
tools:
  own:
    - name: web
      description: Asks the web.
      parameters: {{what: {{type: string}}}}
      http: {{url: "http://{host}/light", query: {{what: "{{what}}"}}}}
    - name: program
      description: Runs a program.
      parameters: {{what: {{type: string}}}}
      program: [/bin/echo, "{{what}}"]
"""
    off = "tools: {built_in: []}\n"
    return f"""
realtime: {{profile: compatible, url: "ws://{host}/v1/realtime", auth: none}}
audio: {{input: {{device: none}}, output: {{device: none}}, gate: {{engine: level}}}}
http: {{port: 0}}
{own if tools else off}
"""


@contextlib.asynccontextmanager
async def daemon(folder: Path, text: str) -> AsyncIterator[tuple[int, str]]:
    """A running daemon; yields its pid and address."""
    file = folder / "config.yaml"
    file.write_text(text)
    environment = {**os.environ, "STATE_DIRECTORY": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "daemon.py"), "run", "-c", str(file)),
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(LIMIT_S):
            address = ""
            while "the session is open" not in (line := (await process.stderr.readline()).decode()):
                if "listening at " in line:
                    address = line.split("listening at ")[1].strip()
                assert line, "the daemon ended"
        drain = asyncio.create_task(process.stderr.read())
        yield process.pid, address
        drain.cancel()
    finally:
        process.terminate()
        await process.wait()


def pss_mb(pid: int) -> float:
    """Proportional memory of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_s(pid: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def turns(service: Service, address: str, calls: int, tools: Sequence[str] = TOOLS) -> None:
    """The tools' part of so many turns each."""
    async with aiohttp.ClientSession() as http:
        for tool in tools:
            service.tool, service.waited_s = tool, []
            for _ in range(calls):
                service.called.clear()
                async with http.post(f"{address}/api/say", json={"text": "Go."}) as answer:
                    assert answer.status == 200, await answer.text()
                async with asyncio.timeout(LIMIT_S):
                    await service.called.wait()
            waited_ms = sorted(each * 1000 for each in service.waited_s)
            p95 = waited_ms[int(len(waited_ms) * 0.95)]
            middle = statistics.median(waited_ms)
            print(f"{tool:10} {len(waited_ms)} calls: p50 {middle:.1f} ms, p95 {p95:.1f} ms")


async def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--idle", type=float, default=20.0)
    arguments = parser.parse_args()
    for tools in (False, True):
        service = Service()
        with tempfile.TemporaryDirectory() as name:
            async with (
                served(service) as host,
                daemon(Path(name), configuration(host, tools=tools)) as (pid, address),
            ):
                before = cpu_s(pid)
                await asyncio.sleep(arguments.idle)
                share = (cpu_s(pid) - before) / arguments.idle * 100
                what = "with tools" if tools else "no tools"
                print(f"{what:10} idle CPU {share:.2f} %, PSS {pss_mb(pid):.1f} MB")
                if tools:
                    await turns(service, address, arguments.calls)


if __name__ == "__main__":
    asyncio.run(main())
