"""Commands of the documents, run as they stand: requests, the key, what is kept."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.api.test_server import HttpApi
from tests.documents import ROOT, Block, blocks
from tests.simulator.caller import EnergyHearing

TOKEN = "sesame-" * 6
CURL = """\
curl() {
  exec 3< <(command curl -sS -i -m 60 "$@")
  read -r _ code _ <&3
  echo "$code"
  kill $! 2>/dev/null
  exec 3<&-
}
"""
"""Prints the status of each answer, and ends the request then, as streams have no end."""


def requests(address: str) -> list[Block]:
    """The blocks that send requests to the address."""
    return [block for block in blocks("sh", "console") if address in block.text]


async def run(script: str, folder: Path, given: str = "") -> str:
    """Run lines by bash; returns what they print."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script),
        cwd=folder,
        env={**os.environ, "TOKEN": TOKEN, "XDG_STATE_HOME": str(folder / "state")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate(given.encode())
    return printed.decode()


@pytest.mark.real_time
async def test_each_request_to_the_daemon_is_answered(tmp_path: Path) -> None:
    found = [block for block in requests("http://127.0.0.1:8770/") if "curl" in block.text]
    assert len(found) > 5
    http_api = HttpApi(read_token=config.Secret(TOKEN[::-1]))
    lines = [line for block in found for line in block.commands]
    async with http_api.server.listening() as address:
        script = "\n".join(lines).replace("http://127.0.0.1:8770", address)
        codes = (await run(CURL + script, tmp_path)).split()
    asked = [line for line in lines if "http://" in line]
    assert dict(zip(asked, codes, strict=True)) == dict.fromkeys(asked, "200")


@pytest.mark.real_time
async def test_the_simulator_refuses_as_the_document_shows(tmp_path: Path) -> None:
    (block,) = [each for each in requests("localhost:8771") if "curl" in each.text]
    async with Simulator(voice="tone", voice_detector=EnergyHearing) as simulator:
        address = simulator.url.removeprefix("ws://")
        script = "\n".join(block.commands).replace("localhost:8771", address)
        printed = await run(script, tmp_path)
    shown = [line for line in block.text.splitlines() if line.startswith(("HTTP", "Retry", '{"e'))]
    assert len(shown) == 3
    assert [line for line in shown if line not in printed] == []


@pytest.mark.real_time
async def test_the_key_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    (block,) = [each for each in blocks("sh") if each.text.startswith("read -rsp")]
    assert await run(block.text, tmp_path, "0123456789abcdeg\n") == ""
    assert (tmp_path / "secrets.yaml").stat().st_mode & 0o777 == 0o600
    settings = config.parse(
        "realtime: {profile: azure, host_name: a.openai.azure.com, deployment: any,"
        " api_key: !secret api_key}",
        str(tmp_path / "config.yaml"),
    )
    assert settings.realtime.api_key == config.Secret("0123456789abcdeg")


@pytest.mark.real_time
async def test_what_is_kept_is_backed_up_and_put_back(tmp_path: Path) -> None:
    (block,) = [each for each in blocks("console") if "$ rtaudio-daemon backup" in each.text]
    kept = tmp_path / "state" / "rtaudio-daemon" / "notes.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("[]")
    backup, restore = block.commands
    ours = f'rtaudio-daemon() {{ {sys.executable} {ROOT}/daemon.py "$@"; }}'
    printed = await run("\n".join(["set -e", ours, backup, f"rm {kept}", restore]), tmp_path)
    assert kept.read_text() == "[]"
    shown = [each for each in block.text.splitlines() if not each.startswith("$ ")]
    theirs = "\n".join(shown).replace("/home/ada/.local/state", str(tmp_path / "state"))
    assert printed.strip() == theirs.replace("7 files", "1 files")
