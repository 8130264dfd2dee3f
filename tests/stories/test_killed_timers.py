"""A timer that was set by voice outlives the process, and the power of the machine with it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.processing.earcons import ring
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, SAMPLE_RATE
from rtaudio_daemon.cli.http_client import DaemonClient
from tests.harness import find, samples, speech

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parent.parent.parent
SCENARIO = """
voice: tone
answers:
  - {turn: 1, calls: [{name: timer_set, arguments: {kind: timer, seconds: 5, name: egg}}]}
  - {result_of: timer_set, say: "It is set."}
"""


@asynccontextmanager
async def daemon(folder: Path, said: bytes) -> AsyncIterator[tuple[DaemonClient, int]]:
    """A daemon in a process of its own, to which this is said; with its pid."""
    with wave.open(str(folder / "microphone.wav"), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(SAMPLE_RATE)
        recording.writeframes(said)
    (folder / "scenario.yaml").write_text(SCENARIO)
    path = folder / "config.yaml"
    path.write_text(
        json.dumps(
            {
                "realtime": {"simulator": {"scenario": str(folder / "scenario.yaml")}},
                "audio": {
                    "input": {"device": f"wav:{folder / 'microphone.wav'}"},
                    "output": {"device": f"wav:{folder / 'loudspeaker.wav'}"},
                },
                "http": {"port": 0},
            }
        )
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "daemon.py"), "run", "-c", str(path)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "STATE_DIRECTORY": str(folder / "state"), "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = b""
        while b"listening at http" not in line:
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line, "it ended"
        yield DaemonClient(line.decode().split()[-1]), process.pid
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 60)


async def states(client: DaemonClient) -> list[str]:
    found: dict[str, Any] = await asyncio.to_thread(client.get, "/api/timers")
    return [each["state"] for each in found["timers"]]


async def until_set(client: DaemonClient) -> None:
    """Wait until the model was answered: from then on the timer outlives everything."""
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = await asyncio.to_thread(client.get, "/api/actions")
            if [each["phase"] for each in found["actions"]] == ["done"]:
                return
            await asyncio.sleep(0.05)


async def until_state(client: DaemonClient, wanted: str) -> None:
    async with asyncio.timeout(60):
        while await states(client) != [wanted]:
            await asyncio.sleep(0.05)


async def test_killed_and_started_again_it_rings(tmp_path: Path) -> None:
    said = bytes(1000 * BYTES_PER_MS) + speech("hello") + bytes(60_000 * BYTES_PER_MS)
    async with daemon(tmp_path, said) as (client, pid):
        await until_set(client)
        os.kill(pid, signal.SIGKILL)
    async with daemon(tmp_path, bytes(60_000 * BYTES_PER_MS)) as (client, _):
        await until_state(client, "ringing")
        await asyncio.sleep(2.5)
        await asyncio.to_thread(client.post, "/api/timers/dismiss")
        assert await states(client) == []
    heard = samples(read_wav(tmp_path / "loudspeaker.wav"))
    assert find(samples(ring(0.6)), heard)[1] > 0.98
