"""Conversations in which the gate, not the service, ends the turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, House, by_the_gate, find, samples, speech
from tests.strict import Dialect

ANSWER = speech("weather")
PAUSE = (0, bytes(48 * 1500))
both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def waits(outage_s: int = 10, **changes: str) -> Callable[[config.Config], config.Config]:
    def change(settings: config.Config) -> config.Config:
        settings = by_the_gate(settings)
        realtime = replace(settings.realtime, outage_buffer_s=outage_s, **changes)  # type: ignore[arg-type]
        return replace(settings, realtime=realtime)

    return change


def states(house: House) -> list[str]:
    return [event["state"] for event in house.named("connection")]


def refusing() -> Simulator:
    service = Simulator(api_key=KEY, reply=answer)
    service.fault("refuse", status=503, times=0)
    return service


@pytest.mark.parametrize("dialect", ["ga", "preview"])
async def test_a_turn_is_handed_over_once_and_answered_aloud(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1000, speech("hello")), (0, bytes(48 * 1500))]
    async with House(
        tmp_path,
        said,
        dialect=dialect,
        reply=lambda _turn: Reply("Rain, then sun.", ANSWER),
        change=by_the_gate,
    ) as house:
        await house.turns(1)
        assert house.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(house.received("input_audio_buffer.commit")) == 1
        assert len(house.received("response.create")) == 1
        heard = house.simulator.sessions[-1].heard
        assert find(samples(speech("hello")), samples(heard))[1] > 0.99
    assert find(samples(ANSWER), house.heard())[1] > 0.999


async def test_speaking_over_the_answer_cancels_it_and_is_answered(tmp_path: Path) -> None:
    said = [(1000, speech("hello")), (3000, speech("hello")), (0, bytes(48 * 1500))]
    last = Reply("Fine.", speech("stop"))
    replies = iter([Reply("Rain, then sun.", ANSWER)])
    async with House(
        tmp_path, said, reply=lambda _turn: next(replies, last), change=by_the_gate
    ) as house:
        await house.turns(1)
        truncated = house.received("conversation.item.truncate")[0]
        assert truncated["audio_end_ms"] == house.named("interruption")[0]["audio_end_ms"]
        assert 1000 < truncated["audio_end_ms"] < 5000
        # Who pauses for longer than the turn's end says two turns; each is handed over.
        assert len(house.received("input_audio_buffer.commit")) >= 2
    assert find(samples(speech("stop")), house.heard())[1] > 0.99


@both_dialects
@pytest.mark.parametrize("echo", ["off", "cancel"])
async def test_where_speech_may_not_interrupt_what_is_being_said_ends_when_the_answer_begins(
    tmp_path: Path, dialect: Dialect, echo: str
) -> None:
    def change(settings: config.Config) -> config.Config:
        settings = by_the_gate(settings)
        gate = replace(settings.audio.gate, barge_in=False)
        return replace(settings, audio=replace(settings.audio, echo=echo, gate=gate))

    async def late(_turn: Turn) -> Reply:
        return Reply("Rain, then sun.", ANSWER, delay_s=1.5)

    said = [(1900, speech("weather")), (12_000, b"")]
    async with House(tmp_path, said, dialect=dialect, reply=late, change=change) as house:
        await house.until(lambda: house.named("connection"))
        await asyncio.sleep(1)
        await house.post("/api/say", {"text": "Will it rain?"})
        await house.turns(1)
        assert house.statuses == ["idle", "thinking", "listening", "speaking", "idle"]
        assert not house.named("interruption")
        assert len(house.received("response.create")) == 2, "what was said before is answered"
        opened, closed = (house.named("uplink")[n]["open"] for n in (0, 1))
        assert (opened, closed) == (True, False)
        assert len(house.named("uplink")) == 2, "nothing of the rest is sent"
    assert find(samples(ANSWER + ANSWER), house.heard())[1] > 0.99, "each to its end"


@both_dialects
@pytest.mark.parametrize("session_s", [2.0, 5.0], ids=["while it is said", "after it"])
async def test_held_on_speech_the_first_words_are_answered(
    tmp_path: Path, dialect: Dialect, session_s: float
) -> None:
    said = [(1000, speech("hello")), PAUSE]
    change = waits(hold="on_speech")
    async with House(tmp_path, said, dialect=dialect, reply=answer, change=change) as house:
        assert len(house.simulator.sessions) == 0
        house.simulator.fault("slow", on="session.created", delay_s=session_s, for_s=session_s / 2)
        await house.turns(1)
        (session,) = house.simulator.sessions
        assert house.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(house.received("input_audio_buffer.commit")) == 1
        assert len(house.received("response.create")) == 1
        assert not house.named("error")
        assert find(samples(speech("hello")), samples(session.heard))[1] > 0.99
    assert find(samples(ANSWER), house.heard())[1] > 0.999


@both_dialects
async def test_what_is_said_in_an_outage_and_at_its_end_is_answered_once_and_together(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(3000, speech("hello")), (1500, speech("stop")), PAUSE]
    async with House(
        tmp_path, said, dialect=dialect, reply=answer, change=waits(outage_s=20)
    ) as house:
        await house.until(lambda: states(house)[-1:] == ["open"])
        house.simulator.fault("refuse", status=503, times=0)
        house.simulator.fault("drop")
        await house.until(lambda: house.statuses.count("listening") == 2)
        house.simulator.faults.clear()
        await house.turns(1)
        assert len(house.received("input_audio_buffer.commit")) == 1
        heard = samples(house.simulator.sessions[-1].heard)
        for words in ("hello", "stop"):
            assert find(samples(speech(words)), heard)[1] > 0.99
        assert not house.named("error")


async def test_a_question_whose_session_went_and_what_is_said_after_it_are_answered_together(
    tmp_path: Path,
) -> None:
    said = [(1000, speech("hello")), (500, speech("stop")), PAUSE]
    async with House(tmp_path, said, reply=answer, change=by_the_gate) as house:
        house.simulator.fault("drop", on="response.created")
        await house.until(lambda: house.statuses[-1] == "thinking")
        house.simulator.fault("refuse", status=503, times=0)
        await house.until(lambda: house.statuses.count("thinking") == 2)
        house.simulator.faults.clear()
        await house.turns(1)
        await asyncio.sleep(10)
        kinds = [message["type"] for message in house.simulator.sessions[-1].received]
        assert [kind for kind in kinds if kind != "input_audio_buffer.append"] == [
            "session.update",
            "conversation.item.create",
            "input_audio_buffer.commit",
            "response.create",
        ]
        assert house.statuses[-4:] == ["listening", "thinking", "speaking", "idle"]
        assert not house.named("error")


async def test_a_long_turn_whose_session_goes_is_answered_from_its_first_word_on(
    tmp_path: Path,
) -> None:
    def patient(settings: config.Config) -> config.Config:
        settings = by_the_gate(settings)
        gate = replace(settings.audio.gate, turn_end_ms=2000)
        return replace(settings, audio=replace(settings.audio, gate=gate))

    said = [(1000, speech("hello") + speech("weather") * 3), (0, bytes(48 * 3000))]
    async with House(tmp_path, said, reply=answer, change=patient) as house:
        await house.until(lambda: house.statuses[-1] == "listening")
        await asyncio.sleep(13)
        house.simulator.fault("drop")
        await house.turns(1)
        heard = samples(house.simulator.sessions[-1].heard)
        assert find(samples(speech("hello")), heard)[1] > 0.99
        assert house.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(house.received("input_audio_buffer.commit")) == 1


def error_time(house: House) -> float:
    named = zip(house.times, house.events, strict=True)
    return next(time for time, (name, _) in named if name == "error")


async def test_what_no_session_came_for_is_told_and_in_no_later_turn(tmp_path: Path) -> None:
    said = [(1000, speech("hello")), (17_000, speech("stop")), PAUSE]
    async with House(tmp_path, said, simulator=refusing(), change=by_the_gate) as house:
        await house.until(lambda: house.named("error"))
        assert error_time(house) - house.time_of("listening") == pytest.approx(10, abs=0.2)
        (error,) = house.named("error")
        assert (error["source"], error["code"]) == ("conversation", "not_answered")
        assert error["message"] == "not answered: there was no connection for too long"
        await house.until(lambda: house.statuses[-1] == "idle")
        assert house.statuses == ["idle", "listening", "thinking", "idle"]
        house.simulator.faults.clear()
        await house.turns(1)
        heard = samples(house.simulator.sessions[-1].heard)
        assert find(samples(speech("stop")), heard)[1] > 0.99
        assert find(samples(speech("hello")), heard)[1] < 0.5
        assert len(house.received("input_audio_buffer.commit")) == 1
        assert len(house.received("response.create")) == 1


async def test_where_nothing_is_kept_nothing_is_handed_over(tmp_path: Path) -> None:
    said = [(500, speech("hello")), PAUSE]
    async with House(tmp_path, said, simulator=refusing(), change=waits(outage_s=0)) as house:
        await house.until(lambda: house.named("error"))
        assert error_time(house) - house.time_of("thinking") < 0.1, "there is nothing to wait for"
        house.simulator.faults.clear()
        await house.until(lambda: states(house)[-1:] == ["open"])
        await asyncio.sleep(5)
        assert house.statuses == ["idle", "listening", "thinking", "idle"]
        assert not house.received("input_audio_buffer.commit")
        assert not house.received("response.create")


async def test_what_became_too_old_before_the_session_came_is_told_and_not_handed_over(
    tmp_path: Path,
) -> None:
    """The second sentence follows so closely on the first that it makes no sense without it."""
    said = [(1000, speech("hello")), (300, speech("stop")), PAUSE]
    change = waits(outage_s=7, hold="on_speech")
    async with House(tmp_path, said, reply=answer, change=change) as house:
        house.simulator.fault("slow", on="session.created", delay_s=8, for_s=5)
        await house.until(lambda: house.named("error"))
        assert states(house)[-1] == "open"
        (error,) = house.named("error")
        assert error["code"] == "not_answered"
        assert "the connection came too late" in error["message"]
        await asyncio.sleep(5)
        assert house.statuses == ["idle", *["listening", "thinking"] * 2, "idle"]
        assert house.simulator.sessions[-1].heard == b""
        assert not house.received("input_audio_buffer.commit")
        assert not house.received("response.create")


@pytest.mark.parametrize("verb", ["interrupt", "mute", "lose"])
async def test_what_waits_for_its_session_can_be_taken_back(tmp_path: Path, verb: str) -> None:
    said = [(1000, speech("hello")), PAUSE]
    async with House(tmp_path, said, simulator=refusing(), change=by_the_gate) as house:
        await house.until(lambda: house.statuses[-1] == "thinking")
        if verb == "lose":
            house.lose_microphone()
        else:
            await house.post(f"/api/{verb}")
        await house.until(lambda: house.statuses[-1] == "idle")
        house.simulator.faults.clear()
        await house.until(lambda: states(house)[-1] == "open")
        await asyncio.sleep(10)
        assert house.simulator.sessions[-1].heard == b""
        assert not house.received("input_audio_buffer.commit")
        assert not house.received("response.create")
        assert house.statuses == ["idle", "listening", "thinking", "idle"]
        assert not house.named("error")
