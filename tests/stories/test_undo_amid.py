"""A noise lets an answer pause, and in the pause something else happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.earcons import ring
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.daemon.test_reload import with_
from tests.harness import Harness, find, samples, speech

from .test_echo import ANSWER, answering, burst, joined, said_by_us, settings


def half_duplex(whole: config.Config) -> config.Config:
    """With a short sound where a turn is over; there is none of those that were nobody's."""
    whole = settings(echo="half_duplex")(whole)
    earcons = replace(whole.audio.earcons, done=True)
    return replace(whole, audio=replace(whole.audio, earcons=earcons))


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


Happening = Callable[[Harness], Awaitable[object]]


async def says(harness: Harness) -> None:
    await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})


async def reloads(harness: Harness) -> None:
    harness.edit = with_(audio__gate__resume=False)
    await harness.post("/api/reload")


@pytest.mark.parametrize("happens", [says, reloads])
async def test_the_answer_plays_on_whatever_programs_want_meanwhile(
    tmp_path: Path, happens: Happening
) -> None:
    async with answering(tmp_path, "ga", half_duplex) as harness:
        await happens(harness)
        await asyncio.sleep(20)
        assert not harness.named("interruption")
        assert harness.received("conversation.item.truncate") == []
        assert harness.statuses[-4:] == ["listening", "thinking", "speaking", "idle"]
    assert joined(harness.heard(), samples(ANSWER)), "and nothing is mixed into it"


async def test_a_question_of_a_program_waits_for_the_answer(tmp_path: Path) -> None:
    async with answering(tmp_path, "ga", half_duplex) as harness:
        body = {"question": "Shall I?", "timeout_s": 2}
        status, closed = await harness.post("/api/ask", body)
        assert (status, closed["outcome"]) == (200, "no_answer")
        assert harness.statuses[-4:] == ["thinking", "speaking", "listening", "idle"]
    assert joined(harness.heard(), samples(ANSWER))


async def mutes(harness: Harness) -> None:
    await harness.post("/api/mute")


async def loses_the_microphone(harness: Harness) -> None:
    harness.lose_microphone()


async def wants_silence(harness: Harness) -> None:
    await harness.post("/api/interrupt")


async def holds_the_button(harness: Harness) -> None:
    await harness.post("/api/listen/start")
    await harness.post("/api/listen/stop")


@pytest.mark.parametrize("happens", [mutes, loses_the_microphone, wants_silence, holds_the_button])
async def test_the_answer_is_over_and_the_model_knows_how_far_it_was_heard(
    tmp_path: Path, happens: Happening
) -> None:
    async with answering(tmp_path, "ga", half_duplex) as harness:
        await happens(harness)
        await asyncio.sleep(9)
        (interruption,) = harness.named("interruption")
        (cut,) = harness.received("conversation.item.truncate")
        assert cut["audio_end_ms"] == interruption["audio_end_ms"]
        assert harness.statuses[-1] == "idle"
        assert said_by_us(harness) == []
    heard, answer = harness.heard(), samples(ANSWER)
    again = answer[(cut["audio_end_ms"] + 500) * BYTES_PER_MS // 2 :][:12_000]
    assert find(again, heard)[1] < 0.5, "and nothing more is"


async def test_a_timer_that_ends_in_the_pause_rings_when_the_answer_is_over(tmp_path: Path) -> None:
    said = [(3000, burst(220)), (9000, b"")]
    async with Harness(tmp_path, said, reply=answer, change=half_duplex) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await asyncio.sleep(0.4)
        await harness.post("/api/timers", {"kind": "timer", "seconds": 3, "name": "pasta"})
        await harness.until(lambda: "ringing" in phases(harness))
        assert harness.statuses[-1] == "listening"
        await asyncio.sleep(9)
        await harness.post("/api/timers/dismiss")
        assert not harness.named("interruption")
    heard, words = harness.heard(), samples(ANSWER)
    end, _ = find(words[-12_000:], heard)
    rings, alike = find(samples(ring(0.6))[:12_000], heard)
    assert alike > 0.9
    assert rings > end


def phases(harness: Harness) -> list[str]:
    return [each["phase"] for each in harness.named("timer")]


async def test_a_noise_that_the_service_reports_late_ends_no_answer(tmp_path: Path) -> None:
    said = [(3000, burst(220)), (5000, b"")]
    async with Harness(tmp_path, said, reply=answer, change=half_duplex) as harness:
        await harness.until(lambda: harness.named("connection"))
        event = "input_audio_buffer.speech_started"
        harness.simulator.fault("slow", on=event, delay_s=0.7, for_s=0.01)
        await harness.post("/api/say", {"text": "Will it rain?"})
        await asyncio.sleep(8)
        assert not harness.named("interruption")
        phases = [(each["phase"], each["source"]) for each in harness.named("speech")]
        assert phases[-2:] == [("started", "service"), ("stopped", "service")]
        assert harness.statuses[-1] == "idle"


async def test_who_speaks_directly_after_a_noise_interrupts(tmp_path: Path) -> None:
    """The noise says nothing of how loud the echo is, which else were taken for a voice's."""
    said = [(3000, burst(220)), (350, speech("stop")), (9000, b"")]
    async with Harness(tmp_path, said, reply=answer, change=half_duplex) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.until(lambda: harness.statuses.count("listening") == 2)
        begins = harness.times[0] + 3 + 0.22 + 0.35
        assert harness.time_of("listening", 1) - begins < 0.5
        await harness.until(lambda: harness.named("interruption"))


async def test_after_a_line_that_dies_in_the_pause_the_next_session_knows_what_was_heard(
    tmp_path: Path,
) -> None:
    async with answering(tmp_path, "ga", half_duplex) as harness:
        harness.simulator.fault("drop")
        await asyncio.sleep(9)
        assert harness.statuses[-1] == "idle"
        assert said_by_us(harness) == ["Rain, …"]


async def test_the_daemon_ends_in_the_pause(tmp_path: Path) -> None:
    async with answering(tmp_path, "ga", half_duplex) as harness:
        pass
    assert harness.statuses[-1] == "listening"
