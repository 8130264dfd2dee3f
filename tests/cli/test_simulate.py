"""`daemon.py simulate` as people run it, and the example that talks to it."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examples import light

ROOT = Path(__file__).parent.parent.parent
SCENARIO = ROOT / "examples" / "scenarios" / "light.yaml"

pytestmark = pytest.mark.real_time


@asynccontextmanager
async def simulating(*options: str) -> AsyncIterator[tuple[list[str], str]]:
    """Run it; gives the lines before the last, and the address from the last."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "daemon.py"), "simulate", "--port", "0", *options),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = []
    try:
        async with asyncio.timeout(60):
            while not (line := (await process.stdout.readline()).decode().strip()).startswith(
                "simulator ready "
            ):
                assert line, "it ended"
                lines.append(line)
        yield lines, line.removeprefix("simulator ready ")
    finally:
        if process.returncode is None:
            process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_a_light_is_switched_by_voice_and_the_answer_spoken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "evening.jsonl"
    async with simulating("--scenario", str(SCENARIO), "--record", str(recording)) as (_, url):
        await light.main(url, "Turn off the light.")
    said, switched, heard, length = capsys.readouterr().out.splitlines()
    assert said == "said: Turn off the light."
    assert switched == "the light is off now"
    assert heard == "heard: Done. The light has changed."
    assert float(length.split()[0]) > 1.0
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    assert {line["what"] for line in lines} == {"open", "in", "out", "close"}


async def test_it_speaks_tls_and_names_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    async with simulating("--tls", "--pacing", "realtime", "--voice", "silence") as (lines, url):
        assert url.startswith("wss://127.0.0.1:")
        (certificate,) = lines
        path = Path(certificate.removeprefix("certificate "))
        assert path.is_relative_to(tmp_path)
        assert path.read_text().startswith("-----BEGIN CERTIFICATE-----")


async def test_a_scenario_with_a_mistake_is_a_mistake_of_configuration(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("faults: [{fault: dorp}]")
    status, words = await refused("--scenario", str(path), "--port", "0")
    assert status == 78
    assert words.startswith(f"{path}: Invalid value: 'dorp'")


async def test_a_port_that_cannot_be_had_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, words = await refused("--port", port)
    assert status == 1
    assert words.startswith(f"error: cannot listen on 127.0.0.1:{port}")


async def test_a_port_that_is_none_is_a_mistake_of_the_command_line() -> None:
    status, words = await refused("--port", "99999")
    assert status == 2
    assert "argument --port: a port is a number from 0" in words


async def refused(*options: str) -> tuple[int | None, str]:
    """Run it with something that it cannot do: its exit status, and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "daemon.py"), "simulate", *options),
        stderr=asyncio.subprocess.PIPE,
    )
    _, words = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, words.decode()
