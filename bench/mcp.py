"""What one MCP server costs the daemon: memory, CPU at its start and idle, and its part of a turn.

    python -m bench.mcp [--calls N] [--idle S]

As in `bench.tools`, with a server of the official SDK as a process of its own, over HTTP and over
stdio. Memory is PSS; the program that is started over stdio is not counted in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import aiohttp

from bench.tools import LIMIT_S, Service, configuration, cpu_s, daemon, pss_mb, served, turns
from tests.tools.mcp_processes import Server


async def connected(address: str) -> None:
    """Wait until the server's tools can be called."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(LIMIT_S):
        while True:
            async with http.get(f"{address}/api/status") as answer:
                sources = (await answer.json())["tools"]["sources"]
            if any(each["name"] == "mcp:test" and each["state"] == "ok" for each in sources):
                return
            await asyncio.sleep(0.05)


async def measure(kind: str, idle_s: float, calls: int) -> None:
    """Print the figures with a server of this kind; "" for none."""
    service = Service()
    with tempfile.TemporaryDirectory() as name, Server(kind or "stdio", Path(name)) as server:
        settings = server.settings()
        entry: dict[str, object] = {"allow": ["search_*"]}
        entry |= {"url": settings.url} if settings.url else {"command": list(settings.command)}
        async with served(service) as host:
            text = configuration(host, tools=False)
            if kind:
                text = text.replace("[]}", f"[], mcp: {{test: {json.dumps(entry)}}}}}")
            began = time.perf_counter()
            async with daemon(Path(name), text) as (pid, address):
                ready_s = time.perf_counter() - began
                if kind:
                    await connected(address)
                linked_s = time.perf_counter() - began
                await asyncio.sleep(5.0)
                started_s = before = cpu_s(pid)
                await asyncio.sleep(idle_s)
                share = (cpu_s(pid) - before) / idle_s * 100
                print(
                    f"{kind or 'none':10} ready after {ready_s:.1f} s, connected after "
                    f"{linked_s:.1f} s, {started_s:.2f} s CPU until then, idle CPU {share:.2f} %, "
                    f"PSS {pss_mb(pid):.1f} MB"
                )
                if kind:
                    service.argument = "words"
                    await turns(service, address, calls, ("search_notes",))


async def main() -> None:
    """Measure without a server, with one over HTTP, and with one over stdio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--idle", type=float, default=20.0)
    parser.add_argument("kinds", nargs="*", default=["", "stateless", "stdio"])
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        await measure(kind, arguments.idle, arguments.calls)


if __name__ == "__main__":
    asyncio.run(main())
