"""The house and its session: what people notice of outages, renewals and budgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, House, by_the_gate, by_the_service, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def realtime(**changes: Any) -> Callable[[config.Config], config.Config]:
    return lambda settings: replace(settings, realtime=replace(settings.realtime, **changes))


def states(house: House) -> list[str]:
    return [event["state"] for event in house.named("connection")]


@both_dialects
async def test_a_renewal_waits_for_the_end_of_a_long_answer_and_keeps_what_was_said(
    tmp_path: Path, dialect: Dialect
) -> None:
    """The session lasts 16 s; from 12.8 s on it may be renewed, and the answer ends after that."""
    said = [(6000, speech("hello")), (9000, speech("hello"))]
    simulator = Simulator(api_key=KEY, reply=answer, lifetime_s=16)
    transcribed = replace(
        config.Config().realtime.session, transcription=config.Transcription(model="whisper-1")
    )
    async with House(
        tmp_path, said, dialect=dialect, simulator=simulator, change=realtime(session=transcribed)
    ) as house:
        await house.turns(2)
        status = await house.status()
        assert status["connection"]["reconnects"] == 0
        assert status["connection"]["renewals"] >= 1
        renewed = next(e for e in house.named("connection") if e["renewals"])
        assert renewed["state"] == "open"
        assert renewed["gap_ms"] == 0
        assert house.statuses == ["idle", *["listening", "thinking", "speaking", "idle"] * 2]
        # Not in the middle of the answer:
        at = next(
            time
            for time, (name, event) in zip(house.times, house.events, strict=True)
            if name == "connection" and event["renewals"]
        )
        assert at >= house.time_of("idle")
        told = house.received("conversation.item.create")
        assert [item["item"]["role"] for item in told[:2]] == ["user", "assistant"]
        assert told[1]["item"]["content"][0]["text"] == "Rain, then sun."
        assert not house.named("error")
    heard = house.heard().copy()
    for _ in range(2):
        at_sample, likeness = find(samples(ANSWER), heard)
        assert likeness > 0.999, "both answers whole"
        heard[at_sample : at_sample + len(ANSWER) // 2] = 0


@both_dialects
@pytest.mark.parametrize("turns", [by_the_service, by_the_gate])
async def test_a_session_that_dies_in_mid_sentence_is_answered_as_if_nothing_had_happened(
    tmp_path: Path, dialect: Dialect, turns: Callable[[config.Config], config.Config]
) -> None:
    said = [(12_000, speech("weather")), (0, bytes(48 * 1500))]
    async with House(tmp_path, said, dialect=dialect, reply=answer, change=turns) as house:
        await house.until(lambda: house.statuses[-1] == "listening")
        await asyncio.sleep(2)
        house.simulator.fault("drop")
        await house.turns(1)
        heard = house.simulator.sessions[-1].heard
        assert (await house.status())["connection"]["reconnects"] == 1
        uplink = house.named("uplink")
        assert [event["open"] for event in uplink] == [True, False, True, False]
        by_us = turns is by_the_gate
        assert len(house.received("input_audio_buffer.commit")) == by_us
        assert len(house.received("response.create")) == by_us
        assert house.statuses == ["idle", "listening", "thinking", "speaking", "idle"] or not by_us
    assert find(samples(speech("weather")), samples(heard))[1] > 0.99, "from its first word"
    assert find(samples(ANSWER), house.heard())[1] > 0.999


async def test_held_on_speech_nothing_is_connected_until_somebody_speaks_or_asks(
    tmp_path: Path,
) -> None:
    said = [(10_000, speech("hello"))]
    change = realtime(hold="on_speech", hold_idle_s=20)
    async with House(tmp_path, said, reply=answer, change=change) as house:
        await asyncio.sleep(5)
        assert len(house.simulator.sessions) == 0
        async with house.http.get("/ready") as ready:
            assert ready.status == 200, await ready.text()
        await house.turns(1)
        heard = house.simulator.sessions[-1].heard
        await house.until(lambda: states(house)[-1] == "closed")
        assert house.named("connection")[-1]["reason"] is None
        status, _ = await house.post("/api/say", {"text": "Will it rain?"})
        assert status == 200
        await house.turns(2)
        assert len(house.simulator.sessions) == 2
    assert find(samples(speech("hello")), samples(heard))[1] > 0.99


async def test_a_used_up_budget_is_told_where_people_look(tmp_path: Path) -> None:
    prices = config.Prices(audio_output=1e6)
    change = realtime(budget=config.Budget(daily_limit=0.01, prices=prices))
    async with House(tmp_path, [(1000, speech("hello"))], reply=answer, change=change) as house:
        await house.turns(1)
        await house.until(lambda: states(house)[-1] == "closed")
        status = await house.status()
        assert "the daily limit of 0.01 is used up" in status["connection"]["last_error"]
        assert status["usage"]["cost_today"] > 0.01
        refused, body = await house.post("/api/say", {"text": "hello"})
        assert refused == 503
        assert "daily limit" in body["error"]["message"]


async def test_a_quota_that_is_used_up_is_told_and_not_asked_for_in_a_hurry(
    tmp_path: Path,
) -> None:
    async with House(tmp_path, [(1000, speech("hello"))], reply=answer) as house:
        house.simulator.fault(
            "fail", code="insufficient_quota", message="You exceeded your current quota."
        )
        await house.until(lambda: house.named("error"))
        await house.until(lambda: house.statuses[-1] == "idle")
        assert house.statuses == ["idle", "listening", "thinking", "idle"]
        status = await house.status()
        assert "exceeded your current quota" in status["connection"]["last_error"]
        assert house.named("error")[0]["code"] == "insufficient_quota"


async def test_what_a_day_may_cost_is_not_forgotten_by_a_restart(tmp_path: Path) -> None:
    prices, usage = config.Prices(audio_output=1e6), tmp_path / "state" / "usage.json"
    change = realtime(budget=config.Budget(daily_limit=0.01, prices=prices))
    said = [(1000, speech("hello"))]
    async with House(tmp_path, said, reply=answer, change=change, usage=usage) as house:
        await house.turns(1)
        spent = (await house.status())["usage"]
    async with House(tmp_path, reply=answer, change=change, usage=usage) as house:
        assert states(house) == []
        status = await house.status()
        assert status["usage"] == spent
        assert status["connection"]["state"] == "closed"
        assert "the daily limit of 0.01 is used up" in status["connection"]["last_error"]
        assert len(house.simulator.sessions) == 0
    assert [path.name for path in usage.parent.iterdir()] == ["usage.json"]


async def test_another_price_or_limit_needs_no_other_session(tmp_path: Path) -> None:
    prices = config.Prices(audio_output=1.0)
    change = realtime(budget=config.Budget(prices=prices))
    async with House(tmp_path, [(1000, speech("hello"))], reply=answer, change=change) as house:
        await house.turns(1)
        cost = (await house.status())["usage"]["cost_today"]
        dear = config.Budget(prices=replace(prices, audio_output=2.0))
        house.edit = realtime(budget=dear)
        _, answered = await house.post("/api/reload")
        (changed,) = answered["changed"]
        assert (changed["part"], changed["state"]) == ("budget", "applied")
        assert (await house.status())["usage"]["cost_today"] == pytest.approx(2 * cost)
        assert len(house.simulator.sessions) == 1
        house.edit = realtime(budget=replace(dear, daily_limit=cost))
        await house.post("/api/reload")
        await house.until(lambda: states(house)[-1] == "closed")
        house.edit = realtime(budget=replace(dear, daily_limit=10 * cost))
        await house.post("/api/reload")
        await house.until(lambda: states(house)[-1] == "open")
        assert (await house.status())["usage"]["daily_limit"] == pytest.approx(10 * cost)
