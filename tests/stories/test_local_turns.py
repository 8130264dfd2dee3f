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
from tests.harness import KEY, Harness, by_the_gate, find, samples, speech
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


def states(harness: Harness) -> list[str]:
    return [event["state"] for event in harness.named("connection")]


def refusing() -> Simulator:
    service = Simulator(api_key=KEY, reply=answer)
    service.fault("refuse", status=503, times=0)
    return service


@pytest.mark.parametrize("dialect", ["ga", "preview"])
async def test_a_turn_is_handed_over_once_and_answered_aloud(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1000, speech("hello")), (0, bytes(48 * 1500))]
    async with Harness(
        tmp_path,
        said,
        dialect=dialect,
        reply=lambda _turn: Reply("Rain, then sun.", ANSWER),
        change=by_the_gate,
    ) as harness:
        await harness.turns(1)
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(harness.received("input_audio_buffer.commit")) == 1
        assert len(harness.received("response.create")) == 1
        heard = harness.simulator.sessions[-1].heard
        assert find(samples(speech("hello")), samples(heard))[1] > 0.99
    assert find(samples(ANSWER), harness.heard())[1] > 0.999


async def test_speaking_over_the_answer_cancels_it_and_is_answered(tmp_path: Path) -> None:
    said = [(1000, speech("hello")), (3000, speech("hello")), (0, bytes(48 * 1500))]
    last = Reply("Fine.", speech("stop"))
    replies = iter([Reply("Rain, then sun.", ANSWER)])
    async with Harness(
        tmp_path, said, reply=lambda _turn: next(replies, last), change=by_the_gate
    ) as harness:
        await harness.turns(1)
        truncated = harness.received("conversation.item.truncate")[0]
        assert truncated["audio_end_ms"] == harness.named("interruption")[0]["audio_end_ms"]
        assert 1000 < truncated["audio_end_ms"] < 5000
        # Who pauses for longer than the turn's end says two turns; each is handed over.
        assert len(harness.received("input_audio_buffer.commit")) >= 2
    assert find(samples(speech("stop")), harness.heard())[1] > 0.99


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
    async with Harness(tmp_path, said, dialect=dialect, reply=late, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(1)
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.turns(1)
        assert harness.statuses == ["idle", "thinking", "listening", "speaking", "idle"]
        assert not harness.named("interruption")
        assert len(harness.received("response.create")) == 2, "what was said before is answered"
        opened, closed = (harness.named("uplink")[n]["open"] for n in (0, 1))
        assert (opened, closed) == (True, False)
        assert len(harness.named("uplink")) == 2, "nothing of the rest is sent"
    assert find(samples(ANSWER + ANSWER), harness.heard())[1] > 0.99, "each to its end"


@both_dialects
@pytest.mark.parametrize("session_s", [2.0, 5.0], ids=["while it is said", "after it"])
async def test_held_on_speech_the_first_words_are_answered(
    tmp_path: Path, dialect: Dialect, session_s: float
) -> None:
    said = [(1000, speech("hello")), PAUSE]
    change = waits(hold="on_speech")
    async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=change) as harness:
        assert len(harness.simulator.sessions) == 0
        harness.simulator.fault(
            "slow", on="session.created", delay_s=session_s, for_s=session_s / 2
        )
        await harness.turns(1)
        (session,) = harness.simulator.sessions
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(harness.received("input_audio_buffer.commit")) == 1
        assert len(harness.received("response.create")) == 1
        assert not harness.named("error")
        assert find(samples(speech("hello")), samples(session.heard))[1] > 0.99
    assert find(samples(ANSWER), harness.heard())[1] > 0.999


@both_dialects
async def test_what_is_said_in_an_outage_and_at_its_end_is_answered_once_and_together(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(3000, speech("hello")), (1500, speech("stop")), PAUSE]
    async with Harness(
        tmp_path, said, dialect=dialect, reply=answer, change=waits(outage_s=20)
    ) as harness:
        await harness.until(lambda: states(harness)[-1:] == ["open"])
        harness.simulator.fault("refuse", status=503, times=0)
        harness.simulator.fault("drop")
        await harness.until(lambda: harness.statuses.count("listening") == 2)
        harness.simulator.faults.clear()
        await harness.turns(1)
        assert len(harness.received("input_audio_buffer.commit")) == 1
        heard = samples(harness.simulator.sessions[-1].heard)
        for words in ("hello", "stop"):
            assert find(samples(speech(words)), heard)[1] > 0.99
        assert not harness.named("error")


async def test_a_question_whose_session_went_and_what_is_said_after_it_are_answered_together(
    tmp_path: Path,
) -> None:
    said = [(1000, speech("hello")), (500, speech("stop")), PAUSE]
    async with Harness(tmp_path, said, reply=answer, change=by_the_gate) as harness:
        harness.simulator.fault("drop", on="response.created")
        await harness.until(lambda: harness.statuses[-1] == "thinking")
        harness.simulator.fault("refuse", status=503, times=0)
        await harness.until(lambda: harness.statuses.count("thinking") == 2)
        harness.simulator.faults.clear()
        await harness.turns(1)
        await asyncio.sleep(10)
        kinds = [message["type"] for message in harness.simulator.sessions[-1].received]
        assert [kind for kind in kinds if kind != "input_audio_buffer.append"] == [
            "session.update",
            "conversation.item.create",
            "input_audio_buffer.commit",
            "response.create",
        ]
        assert harness.statuses[-4:] == ["listening", "thinking", "speaking", "idle"]
        assert not harness.named("error")


async def test_a_long_turn_whose_session_goes_is_answered_from_its_first_word_on(
    tmp_path: Path,
) -> None:
    def patient(settings: config.Config) -> config.Config:
        settings = by_the_gate(settings)
        gate = replace(settings.audio.gate, turn_end_ms=2000)
        return replace(settings, audio=replace(settings.audio, gate=gate))

    said = [(1000, speech("hello") + speech("weather") * 3), (0, bytes(48 * 3000))]
    async with Harness(tmp_path, said, reply=answer, change=patient) as harness:
        await harness.until(lambda: harness.statuses[-1] == "listening")
        await asyncio.sleep(13)
        harness.simulator.fault("drop")
        await harness.turns(1)
        heard = samples(harness.simulator.sessions[-1].heard)
        assert find(samples(speech("hello")), heard)[1] > 0.99
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(harness.received("input_audio_buffer.commit")) == 1


def error_time(harness: Harness) -> float:
    named = zip(harness.times, harness.events, strict=True)
    return next(time for time, (name, _) in named if name == "error")


async def test_what_no_session_came_for_is_told_and_in_no_later_turn(tmp_path: Path) -> None:
    said = [(1000, speech("hello")), (17_000, speech("stop")), PAUSE]
    async with Harness(tmp_path, said, simulator=refusing(), change=by_the_gate) as harness:
        await harness.until(lambda: harness.named("error"))
        assert error_time(harness) - harness.time_of("listening") == pytest.approx(10, abs=0.2)
        (error,) = harness.named("error")
        assert (error["source"], error["code"]) == ("conversation", "not_answered")
        assert error["message"] == "not answered: there was no connection for too long"
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]
        harness.simulator.faults.clear()
        await harness.turns(1)
        heard = samples(harness.simulator.sessions[-1].heard)
        assert find(samples(speech("stop")), heard)[1] > 0.99
        assert find(samples(speech("hello")), heard)[1] < 0.5
        assert len(harness.received("input_audio_buffer.commit")) == 1
        assert len(harness.received("response.create")) == 1


async def test_where_nothing_is_kept_nothing_is_handed_over(tmp_path: Path) -> None:
    said = [(500, speech("hello")), PAUSE]
    async with Harness(tmp_path, said, simulator=refusing(), change=waits(outage_s=0)) as harness:
        await harness.until(lambda: harness.named("error"))
        assert error_time(harness) - harness.time_of("thinking") < 0.1, (
            "there is nothing to wait for"
        )
        harness.simulator.faults.clear()
        await harness.until(lambda: states(harness)[-1:] == ["open"])
        await asyncio.sleep(5)
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]
        assert not harness.received("input_audio_buffer.commit")
        assert not harness.received("response.create")


async def test_what_became_too_old_before_the_session_came_is_told_and_not_handed_over(
    tmp_path: Path,
) -> None:
    """The second sentence follows so closely on the first that it makes no sense without it."""
    said = [(1000, speech("hello")), (300, speech("stop")), PAUSE]
    change = waits(outage_s=7, hold="on_speech")
    async with Harness(tmp_path, said, reply=answer, change=change) as harness:
        harness.simulator.fault("slow", on="session.created", delay_s=8, for_s=5)
        await harness.until(lambda: harness.named("error"))
        assert states(harness)[-1] == "open"
        (error,) = harness.named("error")
        assert error["code"] == "not_answered"
        assert "the connection came too late" in error["message"]
        await asyncio.sleep(5)
        assert harness.statuses == ["idle", *["listening", "thinking"] * 2, "idle"]
        assert harness.simulator.sessions[-1].heard == b""
        assert not harness.received("input_audio_buffer.commit")
        assert not harness.received("response.create")


@pytest.mark.parametrize("verb", ["interrupt", "mute", "lose"])
async def test_what_waits_for_its_session_can_be_taken_back(tmp_path: Path, verb: str) -> None:
    said = [(1000, speech("hello")), PAUSE]
    async with Harness(tmp_path, said, simulator=refusing(), change=by_the_gate) as harness:
        await harness.until(lambda: harness.statuses[-1] == "thinking")
        if verb == "lose":
            harness.lose_microphone()
        else:
            await harness.post(f"/api/{verb}")
        await harness.until(lambda: harness.statuses[-1] == "idle")
        harness.simulator.faults.clear()
        await harness.until(lambda: states(harness)[-1] == "open")
        await asyncio.sleep(10)
        assert harness.simulator.sessions[-1].heard == b""
        assert not harness.received("input_audio_buffer.commit")
        assert not harness.received("response.create")
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]
        assert not harness.named("error")
