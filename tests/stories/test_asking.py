"""A program asks people something, and learns what they answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.notifications import DeviceCode, DeviceState
from rtaudio_daemon.simulator.model.reply import Reply, Turn, default_reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, by_the_gate, by_the_service, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
both_turns = pytest.mark.parametrize("by", [by_the_service, by_the_gate])
QUESTION = speech("weather")
QUESTION_MS = len(QUESTION) // 48
ANSWERS = [{"id": "yes", "sentences": ["Yes", "open it"]}, {"id": "no", "sentences": ["No"]}]


class Person:
    """The simulated model speaks the question, and says that the person said `words`."""

    def __init__(self, *words: str, answer: str = "") -> None:
        self.words = list(words)
        self.answer = answer
        self.answered: list[Turn] = []

    def __call__(self, turn: Turn) -> Reply:
        if turn.say:
            return Reply(turn.text, QUESTION)
        if not turn.asks:
            self.answered.append(turn)
            return Reply("I was not asked.", speech("hello"))
        turn = replace(turn, words=self.words.pop(0) if turn.heard else turn.text)
        return default_reply(turn)


def asks(**more: Any) -> dict[str, Any]:
    return {"question": "Shall I open?", "answers": ANSWERS, "chime": False, **more}


async def ask(harness: Harness, **more: Any) -> dict[str, Any]:
    await harness.until(lambda: harness.named("connection"))
    status, answer = await harness.post("/api/ask", asks(**more))
    assert status == 200
    return dict(answer)


SAID = [(QUESTION_MS + 1500, speech("hello")), (3000, b"")]


@both_dialects
@both_turns
async def test_the_one_turn_after_the_question_is_the_answer(
    tmp_path: Path, dialect: Dialect, by: Any
) -> None:
    person = Person("Open it, please")
    async with Harness(tmp_path, SAID, reply=person, dialect=dialect, change=by) as harness:
        answer = await ask(harness)
        assert answer == {
            "outcome": "answered",
            "text": "Open it, please",
            "id": "yes",
            "reason": "",
        }
        assert (await harness.status())["status"] == "idle"
        await asyncio.sleep(10)
    assert not person.answered, "the model does not answer by itself"
    assert harness.statuses[1:] == ["thinking", "speaking", "listening", "thinking", "idle"]


async def test_words_of_a_sentence_are_the_answer_whatever_their_form(tmp_path: Path) -> None:
    async with Harness(tmp_path, SAID, reply=Person("YES!")) as harness:
        assert (await ask(harness))["id"] == "yes"


async def test_other_words_are_returned_without_an_id(tmp_path: Path) -> None:
    async with Harness(tmp_path, SAID, reply=Person("Who is it?")) as harness:
        answer = await ask(harness)
        assert (answer["outcome"], answer["text"], answer["id"]) == ("answered", "Who is it?", None)


def transcribing(settings: config.Config) -> config.Config:
    session = settings.realtime.session
    session = replace(session, transcription=replace(session.transcription, model="whisper-1"))
    return replace(settings, realtime=replace(settings.realtime, session=session))


@both_dialects
@pytest.mark.parametrize(
    ("sentence", "chosen", "asked"), [("hello", "greets", 0), ("good evening", None, 1)]
)
async def test_a_transcript_is_the_answer_and_the_model_is_asked_only_what_it_means(
    tmp_path: Path, dialect: Dialect, sentence: str, chosen: str | None, asked: int
) -> None:
    simulator = Simulator(api_key=KEY, reply=Person(), understand=lambda _pcm: "Hello.")
    async with Harness(
        tmp_path, SAID, simulator=simulator, dialect=dialect, change=transcribing
    ) as harness:
        answer = await ask(harness, answers=[{"id": "greets", "sentences": [sentence]}])
        assert answer == {"outcome": "answered", "text": "Hello.", "id": chosen, "reason": ""}
        about = [each for each in harness.received("response.create") if "tools" in str(each)]
        assert len(about) == asked


async def test_a_transcription_that_fails_is_made_up_for_by_the_model(tmp_path: Path) -> None:
    async with Harness(tmp_path, SAID, reply=Person("No."), change=transcribing) as harness:
        harness.simulator.fault("transcription", mode="failed")
        assert (await ask(harness))["id"] == "no"


async def test_silence_is_no_answer(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(90_000, b"")], reply=Person()) as harness:
        answer = await ask(harness, timeout_s=5)
        assert answer["outcome"] == "no_answer"
        assert answer["reason"] == "nobody answered in 5 s"
        assert (await harness.status())["status"] == "idle"
        listened = harness.time_of("idle") - harness.time_of("listening")
        assert listened == pytest.approx(5, abs=0.1)


async def test_a_cough_is_no_answer_and_the_next_words_are(tmp_path: Path) -> None:
    said = [*SAID, (0, speech("stop")), (3000, b"")]
    person = Person("", "No!")
    async with Harness(tmp_path, said, reply=person) as harness:
        answer = await ask(harness)
        assert (answer["outcome"], answer["id"]) == ("answered", "no")
    assert not person.words


async def test_who_speaks_over_the_question_answers_it(tmp_path: Path) -> None:
    said = [(1500, speech("hello")), (5000, b"")]
    person = Person("Yes")
    async with Harness(tmp_path, said, reply=person) as harness:
        answer = await ask(harness)
        assert (answer["outcome"], answer["id"]) == ("answered", "yes")
        assert harness.named("said")[0]["outcome"] == "interrupted"
    assert not person.answered


async def asked(harness: Harness, status: str, **more: Any) -> asyncio.Task[dict[str, Any]]:
    """A question that is under way, as far as this status."""
    waiting = asyncio.create_task(ask(harness, **more))
    await harness.until(lambda: harness.statuses[-1] == status)
    return waiting


SILENCE = [(90_000, b"")]


@pytest.mark.parametrize("status", ["thinking", "speaking", "listening"])
async def test_muting_ends_the_question(tmp_path: Path, status: str) -> None:
    async with Harness(tmp_path, SILENCE, reply=Person()) as harness:
        waiting = await asked(harness, status)
        await harness.post("/api/mute")
        answer = await waiting
        assert (answer["outcome"], answer["text"]) == ("interrupted", "")
        assert answer["reason"] == "the microphone was muted"


async def test_a_microphone_that_is_lost_ends_the_question_and_one_that_seems_deaf_does_not(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, SILENCE, reply=Person()) as harness:
        waiting = await asked(harness, "listening")
        harness.find_microphone()
        harness.lose_microphone(DeviceState.DEAF, "it delivers silence", DeviceCode.SILENT)
        await harness.until(lambda: harness.named("device")[-1]["state"] == "deaf")
        assert harness.statuses[-1] == "listening"
        harness.find_microphone()
        harness.lose_microphone()
        answer = await waiting
        assert (answer["outcome"], answer["reason"]) == ("interrupted", "the microphone is lost")


@pytest.mark.parametrize("status", ["thinking", "speaking", "listening"])
async def test_asking_for_silence_ends_the_question(tmp_path: Path, status: str) -> None:
    async with Harness(tmp_path, SILENCE, reply=Person()) as harness:
        waiting = await asked(harness, status)
        await harness.post("/api/interrupt")
        assert (await waiting)["outcome"] == "interrupted"
        await harness.until(lambda: harness.statuses[-1] == "idle")


@pytest.mark.parametrize("status", ["speaking", "listening"])
async def test_what_is_more_urgent_ends_the_question(tmp_path: Path, status: str) -> None:
    async with Harness(tmp_path, SILENCE, reply=Person()) as harness:
        waiting = await asked(harness, status)
        urgent = {"text": "Fire!", "mode": "verbatim", "priority": "high", "wait": True}
        _, said = await harness.post("/api/say", urgent)
        assert said["said"]["outcome"] == "said"
        answer = await waiting
        assert answer["reason"] == "something more urgent was to be said"


async def test_what_is_not_urgent_waits_until_the_answer_was_given(tmp_path: Path) -> None:
    async with Harness(tmp_path, SILENCE, reply=Person()) as harness:
        waiting = await asked(harness, "listening", timeout_s=8)
        text = {"text": "Dinner!", "mode": "verbatim", "wait": True}
        _, said = await harness.post("/api/say", text)
        assert waiting.done()
        assert waiting.result()["outcome"] == "no_answer"
        assert said["said"]["outcome"] == "said"


async def test_a_second_question_is_refused_while_one_is_asked(tmp_path: Path) -> None:
    async with Harness(tmp_path, SILENCE, reply=Person()) as harness:
        waiting = await asked(harness, "listening", timeout_s=3)
        status, refused = await harness.post("/api/ask", asks())
        assert (status, refused["error"]["code"]) == (409, "not_now")
        assert (await waiting)["outcome"] == "no_answer"


async def test_nobody_is_asked_who_cannot_be_heard(tmp_path: Path) -> None:
    async with Harness(tmp_path, SILENCE, reply=Person()) as harness:
        await harness.post("/api/mute")
        status, refused = await harness.post("/api/ask", asks())
        assert status == 409
        assert "muted" in refused["error"]["message"]
        assert not harness.received("response.create")


async def test_the_session_that_is_lost_ends_the_question(tmp_path: Path) -> None:
    async with Harness(tmp_path, SILENCE, reply=Person()) as harness:
        waiting = await asked(harness, "listening")
        harness.simulator.fault("drop")
        answer = await waiting
        assert (answer["outcome"], answer["reason"]) == ("no_answer", "the connection was lost")


async def test_who_hangs_up_changes_nothing(tmp_path: Path) -> None:
    person = Person("Yes")
    async with Harness(tmp_path, SAID, reply=person) as harness:
        waiting = await asked(harness, "speaking")
        waiting.cancel()
        await harness.until(lambda: harness.statuses[-2:] == ["thinking", "idle"])
    assert not person.words
    assert not person.answered


async def test_afterwards_the_model_answers_again(tmp_path: Path) -> None:
    said = [*SAID, (8000, speech("weather")), (3000, b"")]
    person = Person("Yes")
    async with Harness(tmp_path, said, reply=person) as harness:
        assert (await ask(harness))["id"] == "yes"
        await harness.until(lambda: person.answered)
        await harness.until(lambda: harness.statuses[-2:] == ["speaking", "idle"])


def for_ourselves(settings: config.Config) -> config.Config:
    """The service answers nothing by itself, as `extra` says."""
    session = settings.realtime.session
    detection = {"turn_detection": {"create_response": False}}
    session = replace(session, extra={"audio": {"input": detection}})
    return replace(settings, realtime=replace(settings.realtime, session=session))


async def test_a_service_that_answered_nothing_by_itself_does_not_begin_to(tmp_path: Path) -> None:
    async with Harness(tmp_path, SAID, reply=Person("Yes"), change=for_ourselves) as harness:
        assert (await ask(harness))["id"] == "yes"
        await harness.until(lambda: len(harness.received("session.update")) == 3)
        for update in harness.received("session.update"):
            assert update["session"]["audio"]["input"]["turn_detection"]["create_response"] is False


def woken(settings: config.Config) -> config.Config:
    wake = config.Wake(word="alexa", follow_up_s=4)
    return replace(settings, audio=replace(settings.audio, listen="wake_word", wake=wake))


async def test_the_answer_needs_no_wake_word_and_what_follows_does(tmp_path: Path) -> None:
    said = [(QUESTION_MS + 9000, speech("hello")), (3000, speech("stop")), (3000, b"")]
    person = Person("Yes")
    async with Harness(tmp_path, said, reply=person, change=woken) as harness:
        assert (await ask(harness))["id"] == "yes", "long after the follow-up time, which is 4 s"
        await asyncio.sleep(10)
        assert harness.statuses.count("listening") == 1
    assert not person.answered


@pytest.mark.parametrize("pause_ms", [1500, 8000])
async def test_a_conversation_is_started_without_a_wake_word(tmp_path: Path, pause_ms: int) -> None:
    said = [(QUESTION_MS + pause_ms, speech("hello")), (3000, b"")]
    person = Person()
    async with Harness(tmp_path, said, reply=person, change=woken) as harness:
        await harness.until(lambda: harness.named("connection"))
        body = {"text": "Anna asks for milk.", "instructions": "She is in the shop.", "wait": True}
        status, answer = await harness.post("/api/start_conversation", body)
        assert (status, answer["said"]["outcome"]) == (200, "said")
        await asyncio.sleep(15)
        items = [each["item"] for each in harness.received("conversation.item.create")]
        assert [each["role"] for each in items] == ["assistant", "system"]
        assert "shop" in str(items[1])
    assert len(person.answered) == (pause_ms < 4000)
