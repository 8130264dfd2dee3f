"""A report of a running daemon: what happened is in it, and not one word of what was said."""

from __future__ import annotations

import asyncio
import json
import zipfile
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from rtaudio_daemon import config
from rtaudio_daemon.cli.report import command
from rtaudio_daemon.config.persona_sections import Persona
from rtaudio_daemon.protocol.recorded_events import read
from rtaudio_daemon.simulator.model.reply import Reply
from tests.daemon.test_reload import with_
from tests.harness import KEY, Harness, speech


def at_home(settings: config.Config) -> config.Config:
    change = with_(realtime__session__instructions="You are planted.", tools__room="planted room")
    personas = {"Planted": Persona(instructions="Be planted.")}
    return replace(change(settings), personas=personas)


def report(harness: Harness, folder: Path) -> dict[str, str]:
    """Make a report as the command does; what is in it."""
    path, file = folder / "config.yaml", folder / "report.zip"
    path.write_text("http: {port: 1}\n")
    arguments = Namespace(config=str(path), url=harness.app.address, output=str(file))
    assert command.report(arguments) == 0
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def test_a_report_of_a_running_daemon(tmp_path: Path) -> None:
    said = [(1000, speech("hello")), (3000, b"")]
    reply = Reply("Planted words.", speech("stop"))
    async with Harness(tmp_path, said, reply=lambda _: reply, change=at_home) as harness:
        await harness.turns(1)
        await harness.post("/api/timers", {"kind": "timer", "seconds": 60, "name": "planted"})
        await harness.post("/api/persona", {"name": "Planted"})
        found = await asyncio.to_thread(report, harness, tmp_path)
        statuses = harness.statuses
    assert set(found) >= {"report.txt", "status.json", "metrics.txt", "events.json"}
    everything = "".join(found.values())
    assert "lanted" not in everything
    for secret in (KEY, str(tmp_path), harness.simulator.url, "microphone.wav"):
        assert secret not in everything
    events = read(json.loads(found["events.json"]))
    assert [each["status"] for each in events if each["kind"] == "status"] == statuses[1:]
    status = json.loads(found["status.json"])
    assert status["connection"]["state"] == "open"
    assert status["timers"][0]["kind"] == "timer"
    assert status["timers"][0]["name"] == "text of 7 characters"
    assert 'rtaudio_turns_total{status="completed"} 1.0\n' in found["metrics.txt"]
