"""Whatever happens while tools run: nothing runs twice, and every call has one end."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from tests.harness import Harness, speech
from tests.stories.test_tools import offer
from tests.tools.fakes import FakeSource

Json = dict[str, Any]
ANSWER = speech("hello")


class Model:
    """Calls one to three tools in every answer to words, never twice with the same arguments."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._number = 0

    def __call__(self, turn: Turn) -> Reply:
        if turn.function_output or "still running" in turn.text or turn.say:
            return Reply("Done.", ANSWER)
        calls = []
        for _ in range(self._chance.randint(1, 3)):
            self._number += 1
            name = self._chance.choice(["quick", "slow", "hangs", "broken"])
            calls.append(Call(name, json.dumps({"n": self._number})))
        preamble = self._chance.random() < 0.3
        return Reply("One moment." if preamble else "", ANSWER if preamble else None, tuple(calls))


def source(chance: random.Random) -> FakeSource:
    found = FakeSource()

    async def slow(_arguments: Json) -> str:
        await asyncio.sleep(chance.uniform(0.1, 12.0))
        return "done"

    async def hangs(_arguments: Json) -> None:
        await asyncio.Event().wait()

    async def broken(_arguments: Json) -> None:
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        raise ValueError("broken")

    found.add("quick")
    found.add("slow", slow)
    found.add("hangs", hangs, limit_s=5.0)
    found.add("broken", broken)
    return found


async def disturb(harness: Harness, chance: random.Random) -> None:
    """One thing that a person, a program or the network may do."""
    match chance.choice(["say", "say", "wait", "drop", "interrupt", "mute", "press", "verbatim"]):
        case "say":
            await harness.post("/api/say", {"text": "Do something."})
        case "verbatim":
            text = {"text": "Dinner is ready.", "mode": "verbatim", "priority": "high"}
            await harness.post("/api/say", text)
        case "drop":
            harness.simulator.fault("drop")
        case "interrupt":
            await harness.post("/api/interrupt")
        case "mute":
            await harness.post("/api/mute")
            await harness.post("/api/unmute")
        case "press":
            await harness.post("/api/listen/start")
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            await harness.post("/api/listen/stop")
        case _:
            pass
    await asyncio.sleep(chance.choice([0.0, 0.1, 0.7, 3.0, 9.0]))


@pytest.mark.parametrize("seed", range(12))
async def test_nothing_runs_twice_and_every_call_has_one_end(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with Harness(tmp_path, reply=Model(chance)) as harness:
        tools = source(chance)
        box = offer(harness, tools)
        await harness.post("/api/say", {"text": "Do something."})
        for _ in range(12):
            await disturb(harness, chance)
        async with asyncio.timeout(300):
            while box.runner.busy or harness.statuses[-1] != "idle":
                await asyncio.sleep(1)
        assert max(Counter(arguments["n"] for _, arguments in tools.ran).values()) == 1
        events = harness.named("tool")
        started = Counter(each["call"] for each in events if each["phase"] == "started")
        ended = Counter(each["call"] for each in events if each["phase"] != "started")
        assert started.keys() == ended.keys()
        assert set(started.values()) == set(ended.values()) == {1}
        for session in harness.simulator.sessions:
            given = Counter(
                message["item"]["call_id"]
                for message in session.received
                if message["type"] == "conversation.item.create"
                and message["item"]["type"] == "function_call_output"
            )
            assert not given or max(given.values()) == 1
