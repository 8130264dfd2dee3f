"""The service goes while somebody waits for an answer: the status says so, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.daemon.test_reload import with_
from tests.harness import Harness, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")
SAID = [(1000, speech("hello"))]


def weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


async def lose_the_question(harness: Harness) -> None:
    """The session goes before the answer begins, and for now there is no other."""
    harness.simulator.fault("drop", on="response.created")
    await harness.until(lambda: harness.statuses[-1] == "thinking")
    harness.simulator.fault("refuse", status=503, times=0)
    await harness.until(lambda: harness.named("connection")[-1]["state"] == "connecting")


def not_answered(harness: Harness) -> bool:
    return any(error["code"] == "not_answered" for error in harness.named("error"))


@both_dialects
async def test_somebody_who_waits_sees_thinking_while_the_service_is_away(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with Harness(tmp_path, SAID, dialect=dialect, reply=weather) as harness:
        await lose_the_question(harness)
        for _ in range(8):
            assert (await harness.status())["status"] == "thinking"
            await asyncio.sleep(0.5)
        harness.simulator.faults.clear()
        await harness.turns(1)
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
    assert find(samples(ANSWER), harness.heard())[1] > 0.999


async def test_somebody_who_waits_sees_thinking_until_the_answer_is_given_up(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, SAID, reply=weather) as harness:
        await lose_the_question(harness)
        await harness.until(lambda: not_answered(harness))
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]
        names = [name for name, _ in harness.events]
        last_status = max(at for at, name in enumerate(names) if name == "status")
        assert names.index("error") < last_status


@both_dialects
async def test_another_voice_does_not_lose_a_question_without_a_word(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with Harness(tmp_path, SAID, dialect=dialect, reply=weather) as harness:
        await lose_the_question(harness)
        await asyncio.sleep(1)
        harness.edit = with_(realtime__session__voice="echo")
        harness.simulator.faults.clear()
        status, _ = await harness.post("/api/reload")
        assert status == 200
        await asyncio.sleep(20)
        assert "speaking" in harness.statuses or not_answered(harness)


async def test_a_question_on_a_line_that_died_silently_is_answered_or_reported(
    tmp_path: Path,
) -> None:
    said = [(10_000, speech("hello"))]
    async with Harness(tmp_path, said, reply=weather) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(6)
        harness.simulator.fault("stall", for_s=120)
        await harness.until(lambda: (harness.named("connection") or [{}])[-1]["reconnects"])
        await asyncio.sleep(30)
        reported = {"not_answered", "not_heard"} & {
            error["code"] for error in harness.named("error")
        }
        assert "speaking" in harness.statuses or reported
