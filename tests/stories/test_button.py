"""The button, and a service that answers late or refuses: no turn is cut, none is miscounted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.model.simulated_session import SimulatedSession
from rtaudio_daemon.simulator.protocol.rejection import Rejection
from tests.daemon.test_reload import with_
from tests.harness import Harness, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")
ONLY_BY_BUTTON = with_(audio__gate__engine="never")


class Model:
    """Answers with the same words each time, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Turn] = []

    def __call__(self, turn: Turn) -> Reply:
        self.asked.append(turn)
        return Reply("Rain, then sun.", ANSWER)


@both_dialects
async def test_a_late_cleared_does_not_eat_what_is_said_with_the_button(
    tmp_path: Path, dialect: Dialect
) -> None:
    model = Model()
    said = [(0, speech("weather") * 2)]
    async with Harness(
        tmp_path, said, dialect=dialect, reply=model, change=ONLY_BY_BUTTON
    ) as harness:
        await harness.until(lambda: harness.named("connection"))
        harness.simulator.fault("slow", on="input_audio_buffer.cleared", delay_s=0.5, for_s=0.5)
        harness.simulator.fault("drop", on="response.created")
        await harness.post("/api/listen/start")
        await asyncio.sleep(3)
        await harness.post("/api/listen/stop")
        await harness.turns(1)
        assert len(model.asked[-1].heard) / 48 == pytest.approx(3000, abs=100)


@both_dialects
async def test_a_late_cleared_does_not_end_a_held_button(tmp_path: Path, dialect: Dialect) -> None:
    model = Model()
    said = [(0, speech("weather") * 2)]
    async with Harness(
        tmp_path, said, dialect=dialect, reply=model, change=ONLY_BY_BUTTON
    ) as harness:
        await harness.until(lambda: harness.named("connection"))
        harness.simulator.fault("slow", on="input_audio_buffer.cleared", delay_s=0.5, for_s=0.5)
        await harness.post("/api/listen/start")
        await asyncio.sleep(3)
        assert harness.statuses == ["idle", "listening"]
        await harness.post("/api/listen/stop")
        await harness.turns(1)
        (question,) = model.asked
        assert len(question.heard) / 48 == pytest.approx(3000, abs=100)


def refuse_one_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the service made an item of the turn by itself just before."""
    commit = SimulatedSession._commit
    refused: list[SimulatedSession] = []

    async def once(session: SimulatedSession) -> None:
        if refused:
            return await commit(session)
        refused.append(session)
        session._buffer.clear()
        words = "Error committing input audio buffer: buffer too small."
        raise Rejection(words, code="input_audio_buffer_commit_empty")

    monkeypatch.setattr(SimulatedSession, "_commit", once)


@both_dialects
@pytest.mark.parametrize("refused", [False, True])
async def test_a_muted_turn_is_not_answered_also_after_a_commit_that_was_refused(
    tmp_path: Path, dialect: Dialect, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if refused:
        refuse_one_commit(monkeypatch)
    said = [(1000, speech("hello")), (12_000, speech("hello"))]
    async with Harness(tmp_path, said, dialect=dialect, reply=Model()) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/listen/start")
        await asyncio.sleep(4)
        await harness.post("/api/listen/stop")
        await asyncio.sleep(8)  # whether it was answered or not
        await harness.until(lambda: harness.statuses[-1] == "listening")
        harness.simulator.fault("slow", on="input_audio_buffer.committed", delay_s=0.5, for_s=0.5)
        await harness.until(lambda: committed(harness) == 2 - refused)
        await asyncio.sleep(0.1)
        await harness.post("/api/mute")
        before = len(harness.statuses)
        await asyncio.sleep(10)
        assert "speaking" not in harness.statuses[before:]
        left = [each.data["role"] for each in harness.simulator.sessions[-1].items]
        assert left == ([] if refused else ["user", "assistant"]), "of neither turn nor answer"


def committed(harness: Harness) -> int:
    """How many turns the service has made items of."""
    sent: list[dict[str, Any]] = [each for one in harness.simulator.sessions for each in one.sent]
    return sum(event["type"] == "input_audio_buffer.committed" for event in sent)
