"""Somebody else answers: after a word of theirs, or as a program chooses."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, by_the_gate, by_the_service, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
SHORT = speech("stop")[: 400 * BYTES_PER_MS]
LONG = speech("weather")
QUESTION, OTHER = speech("hello"), speech("weather")
VOICED = QUESTION[400 * BYTES_PER_MS :]  # its beginning is almost silent
Change = Callable[[config.Config], config.Config]


def word(folder: Path, words: str) -> bytes:
    path = folder / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "150", "-w", str(path), words], check=True)
    return read_wav(path)


def two(settings: config.Config) -> config.Config:
    """Alexa is nobody special; Mycroft has another voice and other manners."""
    words = (
        config.WakeWord(word="alexa"),
        config.WakeWord(word="hey_mycroft", persona="mycroft"),
    )
    wake = config.Wake(words=words, follow_up_s=2)
    audio = replace(settings.audio, listen="wake_word", wake=wake, echo="half_duplex")
    mycroft = config.Persona(voice="echo", instructions="You are Mycroft.")
    return replace(settings, audio=audio, personas={"mycroft": mycroft})


def voices(harness: Harness) -> list[str]:
    """The voice of each answer, by the service's own word."""
    created = [
        event["response"]
        for session in harness.simulator.sessions
        for event in session.sent
        if event["type"] == "response.created"
    ]
    return [
        each["audio"]["output"]["voice"] if harness.dialect == "ga" else each["voice"]
        for each in created
    ]


def changes(harness: Harness) -> list[tuple[str, str, str | None]]:
    return [(each["name"], each["wanted"], each["reason"]) for each in harness.named("persona")]


def late(harness: Harness, delay_s: float) -> None:
    """The next session is slow to greet."""
    if delay_s:
        harness.simulator.fault("slow", on="session.created", delay_s=delay_s, for_s=delay_s / 2)


def likeness(said: bytes, heard: bytes) -> float:
    return find(samples(said), samples(heard))[1]


def brief(_turn: Turn) -> Reply:
    return Reply("Noon.", SHORT)


# Each two of the three meet in the first six.
@pytest.mark.parametrize(
    ("dialect", "turns", "delay_s"),
    [
        ("ga", by_the_service, 0),
        ("preview", by_the_gate, 0),
        ("ga", by_the_gate, 0.7),
        ("preview", by_the_service, 0.7),
        ("ga", by_the_service, 4),
        ("preview", by_the_gate, 4),
        pytest.param("ga", by_the_gate, 0, marks=pytest.mark.slow),
        pytest.param("preview", by_the_service, 0, marks=pytest.mark.slow),
        pytest.param("ga", by_the_service, 0.7, marks=pytest.mark.slow),
        pytest.param("preview", by_the_gate, 0.7, marks=pytest.mark.slow),
        pytest.param("ga", by_the_gate, 4, marks=pytest.mark.slow),
        pytest.param("preview", by_the_service, 4, marks=pytest.mark.slow),
    ],
)
async def test_the_question_after_a_word_is_answered_once_in_the_voice_of_its_persona(
    tmp_path: Path, dialect: Dialect, turns: Change, delay_s: float
) -> None:
    alexa, mycroft = word(tmp_path, "alexa"), word(tmp_path, "hey mycroft")
    said = [(1500, alexa), (400, QUESTION), (6500, mycroft), (400, OTHER)]
    said += [(9500, alexa), (400, QUESTION), (3000, b"")]
    asked: list[Turn] = []

    def reply(turn: Turn) -> Reply:
        asked.append(turn)
        return Reply("Noon.", SHORT)

    def change(settings: config.Config) -> config.Config:
        return turns(two(settings))

    async with Harness(tmp_path, said, dialect=dialect, reply=reply, change=change) as harness:
        await harness.turns(1)
        late(harness, delay_s)
        await harness.turns(3)
        assert voices(harness) == ["alloy", "echo", "alloy"]
        assert [each["word"] for each in harness.named("wake")] == ["alexa", "hey_mycroft", "alexa"]
        assert changes(harness) == [("mycroft", "mycroft", None), ("", "", None)]
        first, second, third = harness.simulator.sessions
        assert likeness(VOICED, first.heard) > 0.99
        assert likeness(OTHER, second.heard) > 0.99, "whole"
        assert likeness(VOICED, third.heard) > 0.99
        assert likeness(OTHER, first.heard) < 0.3, "and by nobody else"
        assert likeness(OTHER, third.heard) < 0.3
        assert "You are Mycroft." in asked[1].instructions
        assert "You are Mycroft." not in asked[2].instructions
        assert not harness.named("error")
        state = await harness.status()
        assert state["connection"]["reconnects"] == 0
        assert state["persona"] == {"name": "", "wanted": "", "names": ["mycroft"]}
    assert len(asked) == 3
    assert harness.statuses.count("speaking") == 3


@pytest.mark.parametrize(
    ("turns", "delay_s"),
    [
        (by_the_service, 4),
        pytest.param(by_the_gate, 4, marks=pytest.mark.slow),
        pytest.param(by_the_service, 0, marks=pytest.mark.slow),
        pytest.param(by_the_gate, 0, marks=pytest.mark.slow),
    ],
)
async def test_the_right_word_soon_after_a_wrong_one_corrects_it(
    tmp_path: Path, turns: Change, delay_s: float
) -> None:
    alexa, mycroft = word(tmp_path, "alexa"), word(tmp_path, "hey mycroft")
    said = [(1500, alexa), (400, QUESTION), (6500, alexa), (100, mycroft), (600, OTHER)]
    said += [(9500, b"")]

    def change(settings: config.Config) -> config.Config:
        return turns(two(settings))

    async with Harness(tmp_path, said, reply=brief, change=change) as harness:
        await harness.turns(1)
        late(harness, delay_s)
        await harness.turns(2)
        await asyncio.sleep(6)
        assert [each["word"] for each in harness.named("wake")] == ["alexa", "alexa", "hey_mycroft"]
        assert voices(harness) == ["alloy", "echo"]
        assert changes(harness) == [("mycroft", "mycroft", None)]
        first, second = harness.simulator.sessions
        assert likeness(OTHER, second.heard) > 0.99, "whole"
        assert likeness(OTHER, first.heard) < 0.3
        assert not harness.named("error")


@both_dialects
async def test_a_question_in_one_breath_with_a_word_in_the_time_for_more_moves_as_a_whole(
    tmp_path: Path, dialect: Dialect
) -> None:
    """The gate is open when the word ends: its beginning has been sent already."""
    alexa, mycroft = word(tmp_path, "alexa"), word(tmp_path, "hey mycroft")
    said = [(1500, alexa), (400, QUESTION), (4000, mycroft), (0, OTHER), (3000, b"")]

    def patient(settings: config.Config) -> config.Config:
        settings = two(settings)
        wake = replace(settings.audio.wake, follow_up_s=20)
        return replace(settings, audio=replace(settings.audio, wake=wake))

    async with Harness(tmp_path, said, dialect=dialect, reply=brief, change=patient) as harness:
        await harness.turns(1)
        late(harness, 1)
        await harness.turns(2)
        await asyncio.sleep(5)
        assert voices(harness) == ["alloy", "echo"]
        assert likeness(OTHER, harness.simulator.sessions[1].heard) > 0.99
        assert not harness.named("error")
    assert harness.statuses.count("speaking") == 2


@both_dialects
async def test_a_word_over_an_answer_ends_it_and_another_voice_answers(
    tmp_path: Path, dialect: Dialect
) -> None:
    alexa, mycroft = word(tmp_path, "alexa"), word(tmp_path, "hey mycroft")
    said = [(1500, alexa), (400, QUESTION), (4000, mycroft), (300, OTHER), (3000, b"")]
    simulator_answers = iter([LONG, SHORT])

    def reply(_turn: Turn) -> Reply:
        return Reply("Rain, then sun.", next(simulator_answers))

    async with Harness(tmp_path, said, dialect=dialect, reply=reply, change=two) as harness:
        await harness.until(lambda: "speaking" in harness.statuses)
        late(harness, 1)
        await harness.until(lambda: harness.statuses.count("speaking") == 2)
        first, *others = voices(harness)
        assert (first, set(others)) == ("alloy", {"echo"})
        (cut,) = harness.named("interruption")
        assert 0 < cut["audio_end_ms"] < 5000
        assert likeness(OTHER, harness.simulator.sessions[1].heard) > 0.99
        (past,) = [
            each["item"]
            for each in harness.simulator.sessions[1].received
            if each["type"] == "conversation.item.create"
        ]
        assert past["role"] == "assistant"
        assert past["content"][0]["text"].endswith("…"), "as far as it was heard"
        await harness.turns(1)


@both_dialects
async def test_if_no_session_can_be_opened_the_former_voice_answers_and_an_event_says_so(
    tmp_path: Path, dialect: Dialect
) -> None:
    alexa, mycroft = word(tmp_path, "alexa"), word(tmp_path, "hey mycroft")
    said = [(1500, alexa), (400, QUESTION), (6500, mycroft), (400, OTHER)]
    said += [(9500, mycroft), (400, QUESTION), (3000, b"")]
    async with Harness(tmp_path, said, dialect=dialect, reply=brief, change=two) as harness:
        await harness.turns(1)
        harness.simulator.fault("refuse", status=429)
        await harness.turns(2)
        assert voices(harness) == ["alloy", "alloy"]
        ((name, wanted, reason),) = changes(harness)
        assert (name, wanted) == ("", "mycroft")
        assert reason is not None
        assert "429" in reason
        assert likeness(OTHER, harness.simulator.sessions[0].heard) > 0.99
        assert (await harness.status())["connection"]["state"] == "open"
        await harness.turns(3)
        assert voices(harness) == ["alloy", "alloy", "echo"], "the next time it is tried again"
    assert harness.statuses.count("speaking") == 3


async def test_a_word_alone_changes_the_voice_of_what_is_said_next(tmp_path: Path) -> None:
    said = [(4000, word(tmp_path, "hey mycroft")), (3000, b"")]
    async with Harness(tmp_path, said, reply=brief, change=two) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        await harness.until(lambda: harness.named("persona"))
        await harness.post("/api/say", {"text": "Supper", "mode": "verbatim"})
        await harness.turns(2)
        assert voices(harness) == ["alloy", "echo"]
        assert "listening" not in harness.statuses
        await harness.until(lambda: len(harness.named("said")) == 2)
        assert [each["outcome"] for each in harness.named("said")] == ["said", "said"]


@both_dialects
async def test_a_program_chooses_who_answers_from_the_next_quiet_moment_on(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with Harness(tmp_path, dialect=dialect, reply=brief, change=two) as harness:
        await harness.until_it_can_talk()
        assert (await harness.post("/api/persona", {"name": "mycroft"}))[0] == 200
        assert len(harness.simulator.sessions) == 1, "it has not spoken, and takes any voice"
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        await harness.turns(1)
        await harness.post("/api/say", {"text": "What time is it?"})
        await harness.until(lambda: harness.statuses[-1] == "thinking")
        status, state = await harness.post("/api/persona", {"name": ""})
        assert status == 200
        assert state["persona"] == {"name": "mycroft", "wanted": "", "names": ["mycroft"]}
        await harness.until(lambda: len(changes(harness)) == 2)
        await harness.post("/api/say", {"text": "Supper", "mode": "verbatim"})
        await harness.turns(3)
        assert voices(harness) == ["echo", "echo", "alloy"]
        assert changes(harness) == [("mycroft", "mycroft", None), ("", "", None)]
        await harness.post("/api/persona", {"name": ""})
        await asyncio.sleep(5)
        assert len(harness.simulator.sessions) == 2, "nothing is done about who answers already"
        status, answer = await harness.post("/api/persona", {"name": "sherlock"})
        assert status == 404
        assert "there is no persona 'sherlock'; known are: mycroft" in answer["error"]["message"]


async def test_a_persona_that_is_changed_or_gone_is_so_after_a_reload(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=brief, change=two) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/persona", {"name": "mycroft"})
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        await harness.turns(1)

        def other(settings: config.Config) -> config.Config:
            return replace(settings, personas={"mycroft": config.Persona(voice="ash")})

        harness.edit = other
        report = (await harness.post("/api/reload"))[1]
        assert [each["state"] for each in report["changed"]] == ["applied"]
        await harness.until(lambda: len(harness.simulator.sessions) == 2)
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        await harness.turns(2)
        harness.edit = lambda settings: replace(settings, personas=None)
        await harness.post("/api/reload")
        await harness.until(lambda: len(changes(harness)) == 2)
        assert (await harness.status())["persona"] == {"name": "", "wanted": "", "names": []}
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        await harness.turns(3)
        assert voices(harness) == ["echo", "ash", "alloy"]


@pytest.mark.parametrize(
    ("voice", "answering", "heard"), [("echo", "", "alloy"), ("ash", "mycroft", "ash")]
)
async def test_a_reload_while_a_session_is_opened_does_not_claim_that_it_is_there(
    tmp_path: Path, voice: str, answering: str, heard: str
) -> None:
    """The first that is opened is too slow. Another voice lets a second be opened, which is not."""

    def other(settings: config.Config) -> config.Config:
        mycroft = config.Persona(voice=voice, instructions="You are Mycroft.")
        return replace(
            settings, personas={"mycroft": mycroft, "nora": config.Persona(voice="sage")}
        )

    async with Harness(tmp_path, reply=brief, change=two) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        await harness.turns(1)
        late(harness, 20)
        await harness.post("/api/persona", {"name": "mycroft"})
        await asyncio.sleep(0.5)
        harness.edit = other
        await harness.post("/api/reload")
        assert not changes(harness)
        await harness.until(lambda: changes(harness))
        ((name, wanted, reason),) = changes(harness)
        assert (name, wanted, reason is None) == (answering, "mycroft", answering == "mycroft")
        assert (await harness.status())["persona"]["name"] == answering
        await harness.post("/api/say", {"text": "Supper", "mode": "verbatim"})
        await harness.turns(2)
        assert voices(harness) == ["alloy", heard]


async def test_somebody_answers_at_the_start_and_words_of_nobody_mean_them(
    tmp_path: Path,
) -> None:
    said = [(6000, word(tmp_path, "hey mycroft")), (400, QUESTION)]
    said += [(9500, word(tmp_path, "alexa")), (400, OTHER), (3000, b"")]

    def three(settings: config.Config) -> config.Config:
        settings = two(settings)
        nova = config.Persona(voice="ash")
        realtime = replace(settings.realtime, persona="nova")
        personas = {**(settings.personas or {}), "nova": nova}
        return replace(settings, realtime=realtime, personas=personas)

    async with Harness(tmp_path, said, reply=brief, change=three) as harness:
        await harness.until_it_can_talk()
        assert (await harness.status())["persona"]["name"] == "nova"
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        await harness.turns(3)
        assert voices(harness) == ["ash", "echo", "ash"]

        def nobody(settings: config.Config) -> config.Config:
            return replace(settings, realtime=replace(settings.realtime, persona=""))

        harness.edit = nobody
        report = (await harness.post("/api/reload"))[1]
        assert [each["option"] for each in report["changed"]] == ["realtime.persona"]
        await harness.until(lambda: len(changes(harness)) == 3)
        await harness.post("/api/say", {"text": "Supper", "mode": "verbatim"})
        await harness.turns(4)
        assert voices(harness)[-1] == "alloy"


async def test_words_choose_nobody_where_none_of_them_names_a_persona(tmp_path: Path) -> None:
    said = [(6000, word(tmp_path, "alexa")), (400, QUESTION), (3000, b"")]

    def plain(settings: config.Config) -> config.Config:
        settings = two(settings)
        wake = config.Wake(word="alexa", follow_up_s=2)
        return replace(settings, audio=replace(settings.audio, wake=wake))

    async with Harness(tmp_path, said, reply=brief, change=plain) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/persona", {"name": "mycroft"})
        await harness.turns(1)
        assert voices(harness) == ["echo"]


async def test_a_turn_of_the_time_for_more_is_answered_by_whoever_answered_before(
    tmp_path: Path,
) -> None:
    said = [(1500, word(tmp_path, "hey mycroft")), (400, QUESTION), (3500, OTHER), (3000, b"")]

    def patient(settings: config.Config) -> config.Config:
        settings = two(settings)
        wake = replace(settings.audio.wake, follow_up_s=6)
        return replace(settings, audio=replace(settings.audio, wake=wake))

    async with Harness(tmp_path, said, reply=brief, change=patient) as harness:
        await harness.turns(2)
        assert voices(harness) == ["echo", "echo"]
        assert len(harness.simulator.sessions) == 1


async def test_a_word_that_another_room_answers_calls_nobody_here(tmp_path: Path) -> None:
    said = [(5000, word(tmp_path, "hey mycroft")), (400, QUESTION), (3000, b"")]
    async with Harness(tmp_path, said, reply=brief, change=two) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        late(harness, 0.5)
        await harness.until(lambda: harness.named("wake"))
        assert harness.app.controls.yield_to("bedroom", "hey_mycroft")
        await asyncio.sleep(10)
        assert (await harness.status())["persona"]["wanted"] == ""
        assert harness.statuses.count("listening") == 0
        await harness.post("/api/say", {"text": "Supper", "mode": "verbatim"})
        await harness.turns(2)
        assert voices(harness) == ["alloy", "alloy"]
        assert not changes(harness)


async def test_the_answer_to_a_programs_question_is_not_given_to_somebody_else(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, reply=brief, change=two) as harness:
        await harness.until_it_can_talk()
        body = {"question": "Shall I?", "timeout_s": 4}
        asking = asyncio.create_task(harness.post("/api/ask", body))
        await harness.until(lambda: "speaking" in harness.statuses)
        harness.app.assistant.persona_called("mycroft")
        assert not harness.app.assistant.conversation.holds_back
        status, closed = await asking
        assert (status, closed["outcome"]) == (200, "no_answer")
        await harness.until(lambda: changes(harness))
        assert changes(harness) == [("mycroft", "mycroft", None)], "but afterwards they answer"
        assert len(harness.simulator.sessions) == 2


async def test_where_words_choose_nobody_none_is_taken_back_either(tmp_path: Path) -> None:
    def plain(settings: config.Config) -> config.Config:
        return replace(two(settings), audio=settings.audio)

    async with Harness(tmp_path, reply=brief, change=plain) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/persona", {"name": "mycroft"})
        harness.app.assistant.persona_called("")
        harness.app.controls.yield_to("bedroom", "alexa")
        assert (await harness.status())["persona"]["wanted"] == "mycroft"


async def test_a_reload_that_gets_no_session_changes_what_it_can(tmp_path: Path) -> None:
    async with Harness(tmp_path, reply=brief, change=two) as harness:
        await harness.until_it_can_talk()
        await harness.post("/api/persona", {"name": "mycroft"})
        await harness.post("/api/say", {"text": "Dinner", "mode": "verbatim"})
        await harness.turns(1)
        other = config.Persona(voice="ash", instructions="You are somebody else.")
        harness.edit = lambda settings: replace(settings, personas={"mycroft": other})
        harness.simulator.fault("refuse", status=503)
        await harness.post("/api/reload")
        await harness.until(lambda: len(changes(harness)) == 2)
        name, wanted, reason = changes(harness)[1]
        assert (name, wanted) == ("mycroft", "mycroft")
        assert reason is not None
        assert "503" in reason
        (session,) = harness.simulator.sessions
        updates = [each for each in session.received if each["type"] == "session.update"]
        update = updates[-1]["session"]
        assert "You are somebody else." in update["instructions"]
        assert "output" not in update.get("audio", {}), "it would refuse another voice"
