"""What is started to ask the sound server ends with the daemon."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real_time
PROGRAM = """
import asyncio
from rtaudio_daemon.audio.devices.pactl import start

async def main():
    process = await start("subscribe")
    line = await process.stdout.readline()
    print(line.decode().strip(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_pactl_ends_with_a_daemon_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "pactl").write_text("#!/bin/sh\necho $$\nexec sleep 1000\n")
    (tmp_path / "pactl").chmod(0o755)
    daemon = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert daemon.stdout is not None
    pid = int(daemon.stdout.readline())
    handle = os.pidfd_open(pid)
    try:
        daemon.kill()
        daemon.wait()
        ended, _, _ = select.select([handle], [], [], 30)
        assert ended, "pactl is still there"
    finally:
        if not select.select([handle], [], [], 0)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
        daemon.stdout.close()
