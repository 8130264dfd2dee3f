"""What each way into the home costs the daemon: memory, and CPU at its start and idle.

    python -m bench.home [--idle S] [off mqtt discovery client all]

`discovery` announces it in the network (mDNS), `client` follows its events as the integration for
Home Assistant does; `off` has none of them, `all` every one. The daemons run at the same time, so
that all meet the same machine. With mosquitto. Memory is USS, what a daemon has for itself: what it
shares with the others is not in it. Nothing is said meanwhile.

A daemon that is announced is reachable from the network, by a token that nobody knows. Without
any network but its own:

    unshare -n sh -c 'ip link set lo up; ip link add va type veth peer name vb; ip link set vb up
      ip address add 10.99.0.1/24 dev va; ip link set va up; .venv/bin/python -m bench.home'
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from bench.tools import LIMIT_S, Service, configuration, cpu_s, daemon, served
from tests.mqtt.broker import Broker

KINDS = ("off", "mqtt", "discovery", "client", "all")
SETTLE_S = 10.0
TOKEN = secrets.token_hex(32)


def has(part: str, kind: str) -> bool:
    """Whether this part is on."""
    return kind in (part, "all")


def written(kind: str, host: str, broker: Broker) -> str:
    """The configuration of a daemon with these parts."""
    text = configuration(host, tools=False)
    http = f"http: {{port: 0, token: {TOKEN}, host: 0.0.0.0}}"
    if has("discovery", kind):
        text = text.replace("http: {port: 0}", http)
    if has("mqtt", kind):
        text += f"\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    return text


async def connected(http: aiohttp.ClientSession) -> None:
    """Wait until there is a connection to the broker."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            async with http.get("/api/status") as answer:
                if (await answer.json())["mqtt"]["state"] == "ok":
                    return
            await asyncio.sleep(0.05)


async def follow(http: aiohttp.ClientSession) -> None:
    """Read the events."""
    async with http.get("/api/events", timeout=aiohttp.ClientTimeout()) as answer:
        async for _ in answer.content:
            pass


@contextlib.asynccontextmanager
async def running(kind: str, host: str, broker: Broker) -> AsyncIterator[int]:
    """A daemon with these parts; yields its pid."""
    headers = {"Authorization": f"Bearer {TOKEN}"} if has("discovery", kind) else {}
    async with contextlib.AsyncExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        pid, address = await parts.enter_async_context(daemon(folder, written(kind, host, broker)))
        address = address.replace("0.0.0.0", "127.0.0.1")
        http = aiohttp.ClientSession(address, headers=headers)
        await parts.enter_async_context(http)
        if has("mqtt", kind):
            await connected(http)
        if has("client", kind):
            following = asyncio.create_task(follow(http))
            parts.callback(following.cancel)
        yield pid


def ran_s(pid: int) -> float:
    """CPU time that its threads have used, to the microsecond."""
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def uss_mb(pid: int) -> float:
    """The memory that no other process has."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    private = (line.split() for line in lines if line.startswith("Private_"))
    return sum(int(fields[1]) for fields in private) / 1024


async def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle", type=float, default=60.0)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    arguments = parser.parse_args()
    async with contextlib.AsyncExitStack() as parts:
        broker = parts.enter_context(
            Broker(Path(parts.enter_context(tempfile.TemporaryDirectory())))
        )
        host = await parts.enter_async_context(served(Service()))
        pids = [
            (kind, await parts.enter_async_context(running(kind, host, broker)))
            for kind in arguments.kinds
        ]
        await asyncio.sleep(SETTLE_S)
        started_s = [cpu_s(pid) for _, pid in pids]
        before_s = [ran_s(pid) for _, pid in pids]
        await asyncio.sleep(arguments.idle)
        for (kind, pid), start_s, ran_before_s in zip(pids, started_s, before_s, strict=True):
            share = (ran_s(pid) - ran_before_s) / arguments.idle * 100
            print(f"{kind:10} {start_s:.2f} s until then, idle {share:.3f} %, {uss_mb(pid):.1f} MB")


if __name__ == "__main__":
    asyncio.run(main())
