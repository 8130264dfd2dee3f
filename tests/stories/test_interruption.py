"""Who may interrupt an answer where the service does not (`interrupt_response: false`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.daemon.test_reload import with_
from tests.harness import Harness, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")
QUESTION = [(1000, speech("hello"))]


def weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def listening(*, barge_in: bool, echo: str = "off") -> Callable[[config.Config], config.Config]:
    return with_(
        realtime__session__turn_detection__interrupt_response=False,
        audio__gate__barge_in=barge_in,
        audio__echo=echo,
    )


def reported(kind: str) -> dict[str, Any]:
    """What the service says of speech that only it can hear."""
    place = "audio_start_ms" if kind == "speech_started" else "audio_end_ms"
    return {"type": f"input_audio_buffer.{kind}", place: 100, "item_id": "item_of_nobody"}


def whole(harness: Harness) -> bool:
    return find(samples(ANSWER), harness.heard())[1] > 0.999


@both_dialects
@pytest.mark.parametrize("barge_in", [True, False])
async def test_what_only_the_service_takes_for_speech_interrupts_nothing(
    tmp_path: Path, dialect: Dialect, barge_in: bool
) -> None:
    change = listening(barge_in=barge_in)
    async with Harness(
        tmp_path, QUESTION, dialect=dialect, reply=weather, change=change
    ) as harness:
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await asyncio.sleep(1)
        harness.simulator.sessions[-1].emit(reported("speech_started"))
        await asyncio.sleep(1)
        harness.simulator.sessions[-1].emit(reported("speech_stopped"))
        await asyncio.sleep(8)
        assert not harness.named("interruption")
    assert whole(harness)


@both_dialects
async def test_speech_that_the_gate_has_confirmed_interrupts(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [*QUESTION, (3500, speech("stop")), (0, bytes(48 * 1500))]
    change = listening(barge_in=True)
    async with Harness(tmp_path, said, dialect=dialect, reply=weather, change=change) as harness:
        await harness.turns(1)
        (interruption,) = harness.named("interruption")
        (truncated,) = harness.received("conversation.item.truncate")
        assert truncated["audio_end_ms"] == interruption["audio_end_ms"]
        assert harness.statuses == ["idle", *2 * ["listening", "thinking", "speaking"], "idle"]
    assert whole(harness), "the next answer is"


@both_dialects
@pytest.mark.parametrize("echo", ["off", "cancel"])
async def test_without_barge_in_an_answer_is_heard_to_its_end_whoever_spoke_before_it(
    tmp_path: Path, dialect: Dialect, echo: str
) -> None:
    async def late(_turn: Turn) -> Reply:
        return Reply("Rain, then sun.", ANSWER, delay_s=1.5)

    said = [(1900, speech("weather")), (12_000, b"")]
    change = listening(barge_in=False, echo=echo)
    async with Harness(tmp_path, said, dialect=dialect, reply=late, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(1)
        await harness.post("/api/say", {"text": "Will it rain?", "mode": "prompt"})
        await harness.turns(1)
        await asyncio.sleep(10)
        assert not harness.named("interruption")
        assert not harness.received("response.cancel")
    assert find(samples(ANSWER + ANSWER), harness.heard())[1] > 0.99, "each to its end"


@both_dialects
@pytest.mark.parametrize("path", ["/api/interrupt", "/api/listen/start"])
async def test_without_barge_in_a_button_and_a_request_interrupt(
    tmp_path: Path, dialect: Dialect, path: str
) -> None:
    change = listening(barge_in=False)
    async with Harness(
        tmp_path, QUESTION, dialect=dialect, reply=weather, change=change
    ) as harness:
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await asyncio.sleep(1)
        await harness.post(path)
        await harness.until(lambda: harness.named("interruption"))
        await harness.until(lambda: harness.statuses[-1] != "speaking")
        if path.endswith("start"):
            await harness.post("/api/listen/stop")
    assert not whole(harness)
