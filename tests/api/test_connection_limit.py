"""More connections than there are files: the daemon hangs up, answers, and says it once."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from rtaudio_daemon.api.connection_limit import ConnectionLimit
from tests.cli.test_main import CONFIG, ROOT, line_with


class Transport(asyncio.Transport):
    """A transport that can be hung up."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


class Server:
    """Keeps what it made as open connections."""

    def __init__(self) -> None:
        self.connections: list[object] = []

    def __call__(self) -> asyncio.BaseProtocol:
        self.connections.append(made := asyncio.Protocol())
        return made


def test_above_the_limit_a_connection_is_closed_and_the_log_says_so_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, now = Server(), 0.0
    limit = ConnectionLimit(server, 3, lambda: now)
    for _ in range(3):
        assert limit() in server.connections
    for _ in range(500):
        transport = Transport()
        limit().connection_made(transport)
        assert transport.aborted
    assert (len(server.connections), limit.closed) == (3, 500)
    now = 60.0
    limit()
    assert [each.getMessage() for each in caplog.records] == [
        "1 more connections to the HTTP API were closed at once: there are 3 already",
        "500 more connections to the HTTP API were closed at once: there are 3 already",
    ]
    server.connections.pop()
    assert limit() in server.connections, "there is room again"


@pytest.mark.real_time
async def test_a_flood_of_connections_costs_one_line_and_no_answer(tmp_path: Path) -> None:
    """`ulimit -n 300` and 400 connections that are held: every request is still answered."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    command = f"ulimit -n 300; exec {sys.executable} daemon.py run -c {path}"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=ROOT, stderr=asyncio.subprocess.STDOUT,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    held: list[socket.socket] = []
    try:
        address = (await line_with(process, r"listening at http")).rpartition(" ")[2]
        host, _, port = address.removeprefix("http://").partition(":")
        held += [
            await asyncio.to_thread(socket.create_connection, (host, int(port)), 60)
            for _ in range(400)
        ]
        line = await line_with(process, "were closed at once")
        assert "there are 172 already" in line
        for each in held[:20]:
            each.close()

        def healthy() -> bool:
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=60) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        async with asyncio.timeout(60):
            while not await asyncio.to_thread(healthy):
                await asyncio.sleep(0.1)
    finally:
        for each in held:
            each.close()
        process.send_signal(signal.SIGTERM)
        output, _ = await process.communicate()
    assert output.count(b"\n") < 5, output.decode()
