"""What MQTT costs the daemon: memory, and CPU at its start and idle.

    python -m bench.mqtt [--idle S] [off on]

With mosquitto on this machine. Memory is PSS; nothing is said meanwhile, so the state is looked at
once a minute and a sign of life goes to the broker every 20 s.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import aiohttp

from bench.tools import LIMIT_S, Service, configuration, cpu_s, daemon, pss_mb, served
from tests.mqtt.broker import Broker


async def connected(address: str) -> None:
    """Wait until there is a connection to the broker."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(LIMIT_S):
        while True:
            async with http.get(f"{address}/api/status") as answer:
                if (await answer.json())["mqtt"]["state"] == "ok":
                    return
            await asyncio.sleep(0.05)


async def measure(kind: str, idle_s: float) -> None:
    """Print the figures with MQTT off or on."""
    with tempfile.TemporaryDirectory() as name, Broker(Path(name)) as broker:
        async with served(Service()) as host:
            text = configuration(host, tools=False)
            if kind == "on":
                text += f"\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
            async with daemon(Path(name), text) as (pid, address):
                if kind == "on":
                    await connected(address)
                await asyncio.sleep(5.0)
                started_s = before = cpu_s(pid)
                await asyncio.sleep(idle_s)
                share = (cpu_s(pid) - before) / idle_s * 100
                print(
                    f"{kind:4} {started_s:.2f} s CPU until then, idle CPU {share:.2f} %, "
                    f"PSS {pss_mb(pid):.1f} MB"
                )


async def main() -> None:
    """Measure without a broker and with one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle", type=float, default=60.0)
    parser.add_argument("kinds", nargs="*", default=["off", "on"])
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        await measure(kind, arguments.idle)


if __name__ == "__main__":
    asyncio.run(main())
