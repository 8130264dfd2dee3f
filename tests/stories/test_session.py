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
from tests.harness import KEY, Harness, by_the_gate, by_the_service, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def realtime(**changes: Any) -> Callable[[config.Config], config.Config]:
    return lambda settings: replace(settings, realtime=replace(settings.realtime, **changes))


def states(harness: Harness) -> list[str]:
    return [event["state"] for event in harness.named("connection")]


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
    async with Harness(
        tmp_path, said, dialect=dialect, simulator=simulator, change=realtime(session=transcribed)
    ) as harness:
        await harness.turns(2)
        status = await harness.status()
        assert status["connection"]["reconnects"] == 0
        assert status["connection"]["renewals"] >= 1
        renewed = next(e for e in harness.named("connection") if e["renewals"])
        assert renewed["state"] == "open"
        assert renewed["gap_ms"] == 0
        assert harness.statuses == ["idle", *["listening", "thinking", "speaking", "idle"] * 2]
        # Not in the middle of the answer:
        at = next(
            time
            for time, (name, event) in zip(harness.times, harness.events, strict=True)
            if name == "connection" and event["renewals"]
        )
        assert at >= harness.time_of("idle")
        told = harness.received("conversation.item.create")
        assert [item["item"]["role"] for item in told[:2]] == ["user", "assistant"]
        assert told[1]["item"]["content"][0]["text"] == "Rain, then sun."
        assert not harness.named("error")
    heard = harness.heard().copy()
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
    async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=turns) as harness:
        await harness.until(lambda: harness.statuses[-1] == "listening")
        await asyncio.sleep(2)
        harness.simulator.fault("drop")
        await harness.turns(1)
        heard = harness.simulator.sessions[-1].heard
        assert (await harness.status())["connection"]["reconnects"] == 1
        uplink = harness.named("uplink")
        assert [event["open"] for event in uplink] == [True, False, True, False]
        by_us = turns is by_the_gate
        assert len(harness.received("input_audio_buffer.commit")) == by_us
        assert len(harness.received("response.create")) == by_us
        assert (
            harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"] or not by_us
        )
    assert find(samples(speech("weather")), samples(heard))[1] > 0.99, "from its first word"
    assert find(samples(ANSWER), harness.heard())[1] > 0.999


async def test_held_on_speech_nothing_is_connected_until_somebody_speaks_or_asks(
    tmp_path: Path,
) -> None:
    said = [(10_000, speech("hello"))]
    change = realtime(hold="on_speech", hold_idle_s=20)
    async with Harness(tmp_path, said, reply=answer, change=change) as harness:
        await asyncio.sleep(5)
        assert len(harness.simulator.sessions) == 0
        async with harness.http.get("/ready") as ready:
            assert ready.status == 200, await ready.text()
        await harness.turns(1)
        heard = harness.simulator.sessions[-1].heard
        await harness.until(lambda: states(harness)[-1] == "closed")
        assert harness.named("connection")[-1]["reason"] is None
        status, _ = await harness.post("/api/say", {"text": "Will it rain?"})
        assert status == 200
        await harness.turns(2)
        assert len(harness.simulator.sessions) == 2
    assert find(samples(speech("hello")), samples(heard))[1] > 0.99


async def test_a_used_up_budget_is_told_where_people_look(tmp_path: Path) -> None:
    prices = config.Prices(audio_output=1e6)
    change = realtime(budget=config.Budget(daily_limit=0.01, prices=prices))
    async with Harness(tmp_path, [(1000, speech("hello"))], reply=answer, change=change) as harness:
        await harness.turns(1)
        await harness.until(lambda: states(harness)[-1] == "closed")
        status = await harness.status()
        assert "the daily limit of 0.01 is used up" in status["connection"]["last_error"]
        assert status["usage"]["cost_today"] > 0.01
        refused, body = await harness.post("/api/say", {"text": "hello"})
        assert refused == 503
        assert "daily limit" in body["error"]["message"]


async def test_a_quota_that_is_used_up_is_told_and_not_asked_for_in_a_hurry(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, [(1000, speech("hello"))], reply=answer) as harness:
        harness.simulator.fault(
            "fail", code="insufficient_quota", message="You exceeded your current quota."
        )
        await harness.until(lambda: harness.named("error"))
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]
        status = await harness.status()
        assert "exceeded your current quota" in status["connection"]["last_error"]
        assert harness.named("error")[0]["code"] == "insufficient_quota"


async def test_what_a_day_may_cost_is_not_forgotten_by_a_restart(tmp_path: Path) -> None:
    prices, state = config.Prices(audio_output=1e6), tmp_path / "state"
    change = realtime(budget=config.Budget(daily_limit=0.01, prices=prices))
    said = [(1000, speech("hello"))]
    async with Harness(tmp_path, said, reply=answer, change=change, state=state) as harness:
        await harness.turns(1)
        spent = (await harness.status())["usage"]
    async with Harness(tmp_path, reply=answer, change=change, state=state) as harness:
        assert states(harness) == []
        status = await harness.status()
        assert status["usage"] == spent
        assert status["connection"]["state"] == "closed"
        assert "the daily limit of 0.01 is used up" in status["connection"]["last_error"]
        assert len(harness.simulator.sessions) == 0
    assert [path.name for path in state.iterdir()] == ["usage.json"]


async def test_another_price_or_limit_needs_no_other_session(tmp_path: Path) -> None:
    prices = config.Prices(audio_output=1.0)
    change = realtime(budget=config.Budget(prices=prices))
    async with Harness(tmp_path, [(1000, speech("hello"))], reply=answer, change=change) as harness:
        await harness.turns(1)
        cost = (await harness.status())["usage"]["cost_today"]
        dear = config.Budget(prices=replace(prices, audio_output=2.0))
        harness.edit = realtime(budget=dear)
        _, answered = await harness.post("/api/reload")
        (changed,) = answered["changed"]
        assert (changed["part"], changed["state"]) == ("budget", "applied")
        assert (await harness.status())["usage"]["cost_today"] == pytest.approx(2 * cost)
        assert len(harness.simulator.sessions) == 1
        harness.edit = realtime(budget=replace(dear, daily_limit=cost))
        await harness.post("/api/reload")
        await harness.until(lambda: states(harness)[-1] == "closed")
        harness.edit = realtime(budget=replace(dear, daily_limit=10 * cost))
        await harness.post("/api/reload")
        await harness.until(lambda: states(harness)[-1] == "open")
        assert (await harness.status())["usage"]["daily_limit"] == pytest.approx(10 * cost)
