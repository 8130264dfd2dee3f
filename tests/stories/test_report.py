"""A report of a running daemon: what happened is in it, and not one word of what was said."""

from __future__ import annotations

import asyncio
import json
import zipfile
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.report import command
from rtaudio_daemon.config.persona_sections import Persona
from rtaudio_daemon.protocol.recorded_events import read
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.daemon.test_reload import with_
from tests.harness import KEY, Harness, speech
from tests.strict import Dialect, assert_valid_server_events


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
    assert names(events, "sent")[0] == "session.update"
    assert names(events, "received")[:2] == ["session.created", "session.updated"]
    sound = sum(each.get("bytes", 0) for each in events if each["kind"] == "received")
    assert sound == len(speech("stop"))
    status = json.loads(found["status.json"])
    assert status["connection"]["state"] == "open"
    assert status["timers"][0]["kind"] == "timer"
    assert status["timers"][0]["name"] == "text of 7 characters"
    assert 'rtaudio_turns_total{status="completed"} 1.0\n' in found["metrics.txt"]


Deed = Callable[[Harness], Awaitable[None]]


async def weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", speech("weather"))


async def clock(turn: Turn) -> Reply:
    if turn.function_output:
        return Reply("It is late.", speech("stop"))
    return Reply(calls=(Call("time", "{}"),))


async def nothing(_harness: Harness) -> None:
    """Only speak."""


async def break_the_line(harness: Harness) -> None:
    """Cut the connection in the middle of an answer."""
    await harness.until(lambda: harness.statuses[-1] == "speaking")
    await asyncio.sleep(1)
    await harness.simulator.drop_connections()


async def end_the_session(harness: Harness) -> None:
    """Close the session while nobody speaks."""
    await harness.until(lambda: harness.statuses[-1] == "idle" and len(harness.statuses) > 2)
    harness.simulator.fault("close", code=1011)
    await asyncio.sleep(5)


async def outlast_the_session(harness: Harness) -> None:
    """Wait until another session has taken over."""
    await harness.until(lambda: harness.named("connection")[-1:] and renewed(harness))
    await asyncio.sleep(2)  # it is given what was said so far


def renewed(harness: Harness) -> bool:
    newest = harness.named("connection")[-1]
    return bool(newest["renewals"] == 1 and newest["state"] == "open")


QUESTION = (1000, speech("hello"))
SCENES: Mapping[str, tuple[Sequence[tuple[int, bytes]], Deed]] = {
    "an interruption": ([QUESTION, (3500, speech("stop"))], nothing),
    "a broken line": ([QUESTION, (6000, speech("stop"))], break_the_line),
    "a call": ([QUESTION], nothing),
    "a renewal": ([QUESTION], outlast_the_session),
    "a closed session": ([QUESTION, (14_000, speech("stop"))], end_the_session),
}


@pytest.mark.parametrize(
    ("scene", "dialect"),
    [
        ("an interruption", "ga"),
        ("a broken line", "preview"),
        pytest.param("an interruption", "preview", marks=pytest.mark.slow),
        pytest.param("a broken line", "ga", marks=pytest.mark.slow),
        pytest.param("a call", "ga", marks=pytest.mark.slow),
        pytest.param("a call", "preview", marks=pytest.mark.slow),
        pytest.param("a renewal", "ga", marks=pytest.mark.slow),
        pytest.param("a closed session", "ga", marks=pytest.mark.slow),
        pytest.param("a closed session", "preview", marks=pytest.mark.slow),
    ],
)
async def test_what_was_recorded_is_played_again(
    tmp_path: Path, scene: str, dialect: Dialect
) -> None:
    said, deed = SCENES[scene]
    reply = clock if scene == "a call" else weather
    simulator = Simulator(api_key=KEY, reply=reply, lifetime_s=40 if scene == "a renewal" else None)
    house = Harness(tmp_path, [*said, (9000, b"")], simulator=simulator, dialect=dialect)
    async with house as harness:
        await deed(harness)
        await harness.until(lambda: ends(harness, len(said)))
        found = await asyncio.to_thread(report, harness, tmp_path)
        statuses, interruptions = harness.statuses, len(harness.named("interruption"))
    events = read(json.loads(found["events.json"]))

    (folder := tmp_path / "again").mkdir()
    wire = folder / "wire.jsonl"
    simulator = Simulator(api_key=KEY, replay=tmp_path / "report.zip", record=wire)
    house = Harness(folder, [(60_000, b"")], simulator=simulator, dialect=dialect)
    async with house as harness:
        await harness.until(lambda: ends(harness, len(said)))
        if scene == "a renewal":
            await outlast_the_session(harness)
        assert harness.statuses == statuses
        assert len(harness.named("interruption")) == interruptions
        again = read(harness.app.controls.recorded_events())
        simulator.sessions.clear()  # nobody talked to these
    assert names(again, "sent") == names(events, "sent")
    assert names(again, "received") == names(events, "received")
    for then, now in zip(times(events), times(again), strict=True):
        assert now == pytest.approx(then, abs=0.3)
    lines = [json.loads(line) for line in wire.read_text().splitlines()]
    assert_valid_server_events(
        dialect, [each["message"] for each in lines if each["what"] == "out"]
    )


def ends(harness: Harness, turns: int) -> bool:
    """Whether so many turns of the user are over, and nobody has the floor."""
    return harness.statuses[-1] == "idle" and harness.statuses.count("thinking") >= turns


def names(events: Iterable[Mapping[str, Any]], kind: str) -> list[str]:
    return [each["type"] for each in events if each["kind"] == kind]


def times(events: Iterable[Mapping[str, Any]]) -> list[float]:
    """When each message of the service came, in seconds after the first of its session."""
    found: dict[int, list[float]] = {}
    for each in events:
        if each["kind"] == "received":
            found.setdefault(each["session"], []).append(each["t"])
    return [at - session[0] for session in found.values() for at in session]
