"""A service that never stops sending does not keep a daemon from stopping."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.realtime.hostile import Hostile
from tests.realtime.service import Call

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parent.parent.parent
STOPPED_S = 10.0
"""TimeoutStopSec of the unit: then systemd kills it. It takes half a second."""

DONE = {"type": "response.done", "response": {"id": "resp_1", "status": "completed", "output": []}}
TEXTS = (json.dumps(DONE), json.dumps({"type": "nobody.knows", "text": "x" * 2000}))


async def test_sigterm_ends_a_daemon_that_is_flooded(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    async with Hostile() as service:
        path.write_text(
            f"realtime: {{profile: compatible, url: '{service.url}/x', auth: none}}\n"
            "audio: {input: {device: none}, output: {device: none}}\nhttp: {port: 0}\n"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "daemon.py"), "-c", str(path)),
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        )
        try:
            async with asyncio.timeout(60):
                call = await service.call()
                await call.until("session.update")
                await flood(call, 20_000)
                flooding = asyncio.create_task(flood(call), name="flood")
            assert not call.over.is_set(), "it still listens"
            process.send_signal(signal.SIGTERM)
            assert await stopped(process) == 0
            with pytest.raises(ConnectionError):
                await flooding
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def stopped(process: asyncio.subprocess.Process) -> int:
    """Its exit status, and how long it took among what the test prints."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    status = await asyncio.wait_for(process.wait(), STOPPED_S)
    print(f"it ended {loop.time() - began:.2f} s after SIGTERM")
    return status


async def flood(call: Call, count: int | None = None) -> None:
    """Send so many messages, or until the connection is gone (ConnectionError)."""
    number = 0
    while count is None or number < count:
        for text in TEXTS:
            await call.socket.send_str(text)
            number += 1
