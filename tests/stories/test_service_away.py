"""The service goes while somebody waits for an answer: the status says so, and nothing is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.daemon.test_reload import with_
from tests.harness import House, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")
SAID = [(1000, speech("hello"))]


def weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


async def lose_the_question(house: House) -> None:
    """The session goes before the answer begins, and for now there is no other."""
    house.simulator.fault("drop", on="response.created")
    await house.until(lambda: house.statuses[-1] == "thinking")
    house.simulator.fault("refuse", status=503, times=0)
    await house.until(lambda: house.named("connection")[-1]["state"] == "connecting")


def not_answered(house: House) -> bool:
    return any(error["code"] == "not_answered" for error in house.named("error"))


@both_dialects
async def test_somebody_who_waits_sees_thinking_while_the_service_is_away(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with House(tmp_path, SAID, dialect=dialect, reply=weather) as house:
        await lose_the_question(house)
        for _ in range(8):
            assert (await house.status())["status"] == "thinking"
            await asyncio.sleep(0.5)
        house.simulator.faults.clear()
        await house.turns(1)
        assert house.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
    assert find(samples(ANSWER), house.heard())[1] > 0.999


async def test_somebody_who_waits_sees_thinking_until_the_answer_is_given_up(
    tmp_path: Path,
) -> None:
    async with House(tmp_path, SAID, reply=weather) as house:
        await lose_the_question(house)
        await house.until(lambda: not_answered(house))
        await house.until(lambda: house.statuses[-1] == "idle")
        assert house.statuses == ["idle", "listening", "thinking", "idle"]
        names = [name for name, _ in house.events]
        last_status = max(at for at, name in enumerate(names) if name == "status")
        assert names.index("error") < last_status


@both_dialects
async def test_another_voice_does_not_lose_a_question_without_a_word(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with House(tmp_path, SAID, dialect=dialect, reply=weather) as house:
        await lose_the_question(house)
        await asyncio.sleep(1)
        house.edit = with_(realtime__session__voice="echo")
        house.simulator.faults.clear()
        status, _ = await house.post("/api/reload")
        assert status == 200
        await asyncio.sleep(20)
        assert "speaking" in house.statuses or not_answered(house)


async def test_a_question_on_a_line_that_died_silently_is_answered_or_reported(
    tmp_path: Path,
) -> None:
    said = [(10_000, speech("hello"))]
    async with House(tmp_path, said, reply=weather) as house:
        await house.until(lambda: house.named("connection"))
        await asyncio.sleep(6)
        house.simulator.fault("stall", for_s=120)
        await house.until(lambda: (house.named("connection") or [{}])[-1]["reconnects"])
        await asyncio.sleep(30)
        reported = {"not_answered", "not_heard"} & {error["code"] for error in house.named("error")}
        assert "speaking" in house.statuses or reported
