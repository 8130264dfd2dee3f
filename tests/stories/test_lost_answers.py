"""The link drops after a question and before its answer: it is answered all the same, once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, find, samples, speech
from tests.strict import Dialect
from tests.waiting import until

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
QUESTION, ANSWER = speech("hello"), speech("weather")
SAID = [(1000, QUESTION)]
MOMENTS = ["input_audio_buffer.committed", "response.created", "response.audio.delta"]


class Model:
    """Answers with the same words each time, and remembers what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.asked: list[Turn] = []
        self._replies = list(replies)

    def __call__(self, turn: Turn) -> Reply:
        self.asked.append(turn)
        return self._replies.pop(0) if self._replies else Reply("Rain, then sun.", ANSWER)


def transcribed(settings: config.Config) -> config.Config:
    return with_session(settings, transcription=config.Transcription(model="whisper-1"))


def by_the_gate(settings: config.Config) -> config.Config:
    detection = replace(settings.realtime.session.turn_detection, type="none")
    return with_session(settings, turn_detection=detection)


def with_session(settings: config.Config, **changes: Any) -> config.Config:
    session = replace(settings.realtime.session, **changes)
    return replace(settings, realtime=replace(settings.realtime, session=session))


def deaf_gate(settings: config.Config) -> config.Config:
    gate = replace(settings.audio.gate, engine="never")
    return replace(settings, audio=replace(settings.audio, gate=gate))


def played_once(harness: Harness) -> bool:
    heard = harness.heard().copy()
    at, likeness = find(samples(ANSWER), heard)
    heard[at : at + len(ANSWER) // 2] = 0
    return likeness > 0.999 and find(samples(ANSWER), heard)[1] < 0.5


@both_dialects
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("change", [lambda settings: settings, transcribed, by_the_gate],
                         ids=["sound", "words", "turns by the gate"])  # fmt: skip
async def test_a_question_whose_answer_had_not_begun_is_answered_by_the_next_session(
    tmp_path: Path, dialect: Dialect, moment: str, change: Any
) -> None:
    model = Model()
    service = Simulator(api_key=KEY, reply=model, transcription="early")
    said = [*SAID, (0, bytes(48 * 1500))]
    async with Harness(
        tmp_path, said, dialect=dialect, simulator=service, change=change
    ) as harness:
        harness.simulator.fault("drop", on=moment)
        await harness.turns(1)
        assert (await harness.status())["connection"]["reconnects"] == 1
        question = model.asked[-1]
        if change is transcribed and moment != "input_audio_buffer.committed":
            assert (question.heard, question.text[:9]) == (b"", "speech of")
        else:
            assert find(samples(QUESTION), samples(question.heard))[1] > 0.99, "the whole question"
        await asyncio.sleep(5)
        assert harness.statuses[-1] == "idle"
        assert not [e for e in harness.named("error") if e["code"] == "not_answered"]
    assert played_once(harness)


@both_dialects
async def test_what_was_asked_with_the_button_is_answered_by_the_next_session(
    tmp_path: Path, dialect: Dialect
) -> None:
    model = Model()
    said = [(0, speech("weather") * 2)]
    async with Harness(tmp_path, said, dialect=dialect, reply=model, change=deaf_gate) as harness:
        await harness.until(lambda: harness.named("connection"))
        harness.simulator.fault("drop", on="response.created")
        await harness.post("/api/listen/start")
        await asyncio.sleep(3)
        await harness.post("/api/listen/stop")
        await harness.turns(1)
        (question,) = model.asked
        assert len(question.heard) / 48 == pytest.approx(3000, abs=100)
        created = harness.simulator.sessions[-1].received
        kinds = [message["type"] for message in created]
        assert kinds.count("conversation.item.create") == kinds.count("response.create") == 1
        assert "input_audio_buffer.commit" not in kinds, "it is told, not said again"


async def test_a_second_loss_does_not_lose_the_question_and_a_third_ends_it(
    tmp_path: Path,
) -> None:
    model = Model()
    async with Harness(tmp_path, SAID, reply=model) as harness:
        harness.simulator.fault("drop", on="response.created", times=2)
        await harness.turns(1)
        assert (await harness.status())["connection"]["reconnects"] == 2
        assert find(samples(QUESTION), samples(model.asked[-1].heard))[1] > 0.99
    async with Harness(tmp_path, SAID, reply=Model()) as harness:
        harness.simulator.fault("drop", on="response.created", times=0)
        await harness.until(lambda: harness.named("error"))
        (error,) = harness.named("error")
        assert error["code"] == "not_answered"
        assert "again and again" in error["message"]
        await asyncio.sleep(10)
        assert len(harness.simulator.sessions) == 4, "nobody asks for ever"


async def test_a_session_that_comes_back_too_late_is_told_instead(tmp_path: Path) -> None:
    model = Model()
    async with Harness(tmp_path, SAID, reply=model) as harness:
        harness.simulator.fault("drop", on="response.created")
        await harness.until(lambda: harness.statuses[-1] == "thinking")
        harness.simulator.fault("refuse", status=503, times=0)
        await harness.until(lambda: harness.named("error"))
        (error,) = harness.named("error")
        assert (error["source"], error["code"]) == ("conversation", "not_answered")
        assert error["message"] == "not answered: the connection was lost for too long"
        harness.simulator.faults.clear()
        await harness.until(lambda: harness.named("connection")[-1]["state"] == "open")
        await asyncio.sleep(5)
        assert model.asked == []
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]


async def test_who_asked_for_silence_gets_no_late_answer(tmp_path: Path) -> None:
    model = Model(Reply("Rain.", ANSWER, delay_s=5.0))
    async with Harness(tmp_path, SAID, reply=model) as harness:
        await until(lambda: model.asked)
        await harness.post("/api/interrupt")
        harness.simulator.fault("drop")
        await harness.until(lambda: len(harness.simulator.sessions) == 2)
        await asyncio.sleep(10)
        assert "speaking" not in harness.statuses
        assert len(model.asked) == 1


async def test_an_answer_that_has_begun_is_not_given_twice(tmp_path: Path) -> None:
    model = Model()
    async with Harness(tmp_path, SAID, reply=model) as harness:
        harness.simulator.fault("drop", on="response.audio.delta", nth=3)
        await harness.turns(1)
        await asyncio.sleep(10)
        assert len(model.asked) == 1
        assert not harness.named("error")


async def test_functions_that_are_being_called_are_not_called_twice(tmp_path: Path) -> None:
    model = Model(Reply(calls=(Call("set_light"),)))
    async with Harness(tmp_path, SAID, reply=model) as harness:
        await harness.until(lambda: harness.named("tool"))
        harness.simulator.fault("drop")
        await harness.until(lambda: len(harness.simulator.sessions) == 2)
        await asyncio.sleep(10)
        (call,) = harness.named("tool")
        assert (call["tool"], call["phase"]) == ("set_light", "refused"), "there is no such tool"
        assert len(model.asked) == 2, "with the question, and with what became of the call"
