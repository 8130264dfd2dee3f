"""Turns that are nobody's: the house's own echo, or a noise, over an answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, SAMPLE_RATE
from rtaudio_daemon.simulator.model.reply import Reply
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, Samples, find, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")
Change = Callable[[config.Config], config.Config]


def burst(ms: int) -> bytes:
    """The first sound of a word, and no more of it."""
    word = speech("stop")
    onset = int(np.flatnonzero(np.abs(samples(word)) > 600)[0])
    return word[2 * onset : 2 * onset + ms * BYTES_PER_MS]


def settings(*, echo: str, **detection: str | int) -> Change:
    def change(whole: config.Config) -> config.Config:
        session = whole.realtime.session
        turn_detection = replace(session.turn_detection, **detection)  # type: ignore[arg-type]
        session = replace(session, turn_detection=turn_detection)
        return replace(
            whole,
            realtime=replace(whole.realtime, session=session),
            audio=replace(whole.audio, echo=echo),
        )

    return change


def transcribed(*, echo: str, silence_duration_ms: int = 500) -> Change:
    def change(whole: config.Config) -> config.Config:
        session = whole.realtime.session
        session = replace(session, transcription=config.Transcription(model="whisper-1"))
        return settings(echo=echo, silence_duration_ms=silence_duration_ms)(
            replace(whole, realtime=replace(whole.realtime, session=session))
        )

    return change


def user_items(harness: Harness) -> list[Any]:
    """The items of the user that the service still holds."""
    return [item for item in harness.simulator.sessions[-1].items if item.data["role"] == "user"]


@contextlib.asynccontextmanager
async def answering(folder: Path, dialect: Dialect, change: Change) -> AsyncIterator[Harness]:
    """A house that answers a written question, and three seconds later there is a noise."""
    said = [(3000, burst(220)), (9000, b"")]
    simulator = Simulator(
        api_key=KEY, reply=lambda _turn: Reply("Rain, then sun.", ANSWER), think_s=0.3
    )
    async with Harness(
        folder, said, dialect=dialect, simulator=simulator, change=change
    ) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.until(lambda: "listening" in harness.statuses)
        yield harness


@both_dialects
@pytest.mark.parametrize("echo", ["half_duplex", "cancel"])
@pytest.mark.parametrize("turn_detection", ["server_vad", "none"])
async def test_a_noise_over_an_answer_that_nobody_goes_on_from_is_no_turn(
    tmp_path: Path, dialect: Dialect, echo: str, turn_detection: str
) -> None:
    change = settings(echo=echo, type=turn_detection)
    async with answering(tmp_path, dialect, change) as harness:
        await asyncio.sleep(9)
        assert harness.received("input_audio_buffer.clear")
        assert committed(harness) == []
        assert responses(harness) == ["completed"]
        assert harness.received("conversation.item.truncate") == []
        assert not harness.named("interruption")
        paused = ["speaking", "listening", "thinking", "speaking"]
        assert harness.statuses == ["idle", "thinking", *paused, "idle"]
    assert joined(harness.heard(), samples(ANSWER))


@both_dialects
async def test_a_turn_without_a_word_is_undone_and_the_answer_plays_on(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(3000, speech("stop")[: 700 * BYTES_PER_MS]), (9000, b"")]
    simulator = Simulator(
        api_key=KEY,
        reply=lambda _turn: Reply("Rain, then sun.", ANSWER, delay_s=1.0),
        understand=lambda _pcm: "",
    )
    change = transcribed(echo="half_duplex")
    async with Harness(
        tmp_path, said, dialect=dialect, simulator=simulator, change=change
    ) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?", "id": "rain"})
        await harness.until(lambda: said_by_us(harness))
        assert len(committed(harness)) == 1
        assert deleted(harness) == committed(harness)
        cut, whole = harness.named("transcript")
        assert (cut["role"], cut["cut"]) == ("assistant", True)
        assert (whole["text"], whole["cut"]) == ("Rain, then sun.", False)
        assert whole["item_id"] == cut["item_id"]
        await harness.until(lambda: len(harness.named("said")) == 2)
        assert [each["outcome"] for each in harness.named("said")] == ["interrupted", "said"]
        _, again = await harness.post("/api/say", {"text": "Will it rain?", "id": "rain"})
        assert again["said"]["outcome"] == "said"
        await harness.until(lambda: harness.statuses[-1] == "idle")
    assert joined(harness.heard(), samples(ANSWER))


@both_dialects
async def test_without_resume_such_a_noise_ends_the_answer(
    tmp_path: Path, dialect: Dialect
) -> None:
    def change(whole: config.Config) -> config.Config:
        whole = settings(echo="half_duplex")(whole)
        gate = replace(whole.audio.gate, resume=False)
        return replace(whole, audio=replace(whole.audio, gate=gate))

    async with answering(tmp_path, dialect, change) as harness:
        await asyncio.sleep(9)
        assert committed(harness) == []
        assert len(harness.named("interruption")) == 1
        assert harness.statuses == ["idle", "thinking", "speaking", "listening", "idle"]


@both_dialects
async def test_what_the_service_makes_of_such_a_noise_in_a_hurry_is_deleted_and_not_answered(
    tmp_path: Path, dialect: Dialect
) -> None:
    change = settings(echo="half_duplex", silence_duration_ms=150)
    async with answering(tmp_path, dialect, change) as harness:
        await asyncio.sleep(9)
        assert len(committed(harness)) == 1
        assert deleted(harness) == committed(harness)
        assert [item.words for item in user_items(harness)] == ["Will it rain?"]
        assert responses(harness) == ["completed", "cancelled"]
        assert harness.statuses[-1] == "idle"
        (cut,) = harness.received("conversation.item.truncate")
        (rest,) = said_by_us(harness)
        assert "Rain, then sun.".endswith(rest), "what the model knows that it said"
        assert cut["audio_end_ms"] == harness.named("interruption")[0]["audio_end_ms"]
    assert joined(harness.heard(), samples(ANSWER))


def said_by_us(harness: Harness) -> list[str]:
    """Items of the assistant that we created."""
    items = [each["item"] for each in harness.received("conversation.item.create")]
    return [each["content"][0]["text"] for each in items if each["role"] == "assistant"]


def joined(heard: Samples, answer: Samples) -> bool:
    """Whether the answer was heard once, with a pause: put together it is what was sent.

    Where it paused, 10 ms fade out and the same 10 ms fade in later.
    """
    ms = SAMPLE_RATE // 1000
    sounding = np.flatnonzero(np.abs(heard) > 0)
    begins, first = find(answer[: 500 * ms], heard)[0], 500 * ms
    assert sounding.size
    # The first sample that is not as it was sent is where it fades out.
    much = min(len(answer), len(heard) - begins)
    stops = int(np.flatnonzero(heard[begins : begins + much] != answer[:much])[0])
    assert stops > first
    rest = heard[begins + stops + 10 * ms :]
    again = find(answer[stops + 10 * ms : stops + 500 * ms], rest)[0] - 10 * ms
    fades = heard[begins + stops : begins + stops + 10 * ms].astype(int)
    fades = fades + rest[again : again + 10 * ms]
    whole = rest[again + 10 * ms :][: len(answer) - stops - 10 * ms]
    exact = np.array_equal(whole, answer[stops + 10 * ms :])
    return bool(exact and np.abs(fades - answer[stops : stops + 10 * ms]).max() <= 2)


@both_dialects
async def test_a_person_who_goes_on_speaking_is_answered(tmp_path: Path, dialect: Dialect) -> None:
    said = [(3000, speech("stop"))]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain, then sun.", ANSWER))
    async with Harness(tmp_path, said, dialect=dialect, simulator=simulator) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.turns(1)
        assert harness.received("input_audio_buffer.clear") == []
        assert len(committed(harness)) == 1
        assert deleted(harness) == []
        assert responses(harness) == ["completed", "completed"]


def committed(harness: Harness) -> list[str]:
    """The items that the service made of what it heard."""
    sent = harness.simulator.sessions[-1].sent
    return [one["item_id"] for one in sent if one["type"] == "input_audio_buffer.committed"]


def deleted(harness: Harness) -> list[str]:
    return [one["item_id"] for one in harness.received("conversation.item.delete")]


def responses(harness: Harness) -> list[str]:
    """How each answer ended."""
    sent = harness.simulator.sessions[-1].sent
    return [one["response"]["status"] for one in sent if one["type"] == "response.done"]


async def test_a_daemon_that_hears_itself_with_echo_off_says_so_and_goes_over_to_half_duplex(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The beginnings of two answers, each about 80 ms after they are played.
    said = [(200, ANSWER[: 1000 * BYTES_PER_MS]), (740, ANSWER), (5000, b"")]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain, then sun.", ANSWER))
    change = settings(echo="off")
    async with Harness(tmp_path, said, simulator=simulator, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.until(lambda: harness.named("sound"))
        (sound,) = harness.named("sound")
        assert sound["echo"] == "half_duplex"
        assert "set audio.echo: auto" in sound["notes"][0]
        assert caplog.messages.count(sound["notes"][0]) == 1
        await asyncio.sleep(12)
        assert (await harness.status())["sound"]["echo"] == "half_duplex"
        assert responses(harness) == ["completed", "completed"], "the second answer is heard whole"


def said_by_user(harness: Harness) -> list[str]:
    return [each["text"] for each in harness.named("transcript") if each["role"] == "user"]


async def test_who_speaks_over_answers_is_not_taken_for_their_echo(tmp_path: Path) -> None:
    said = [(3000, speech("hello")), (2500, speech("hello")), (8000, b"")]
    simulator = Simulator(
        api_key=KEY,
        reply=lambda _turn: Reply("It will rain until noon. Then the sun will shine.", ANSWER),
        understand=lambda _pcm: "will it rain in Rome",
    )
    async with Harness(
        tmp_path, said, simulator=simulator, change=transcribed(echo="off")
    ) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.turns(1)
        assert said_by_user(harness) == ["will it rain in Rome"] * 2
        assert not harness.named("sound")


@pytest.mark.parametrize(
    ("echo", "remedy"),
    [
        ("off", "set audio.echo: auto, or use headphones"),
        ("cancel", "turn the volume down, or move the two apart"),
        ("half_duplex", "or set audio.gate.barge_in: false"),
    ],
)
async def test_a_daemon_whose_own_words_come_back_as_the_users_goes_over_to_half_duplex(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, echo: str, remedy: str
) -> None:
    # An echo that no comparison of sounds recognizes, over two answers; "hello" is one turn.
    said = [(3000, speech("hello")), (2500, speech("hello")), (8000, b"")]
    simulator = Simulator(
        api_key=KEY,
        reply=lambda _turn: Reply("It will rain until noon. Then the sun will shine.", ANSWER),
        understand=lambda _pcm: "it will rain until",
    )
    async with Harness(
        tmp_path, said, simulator=simulator, change=transcribed(echo=echo, silence_duration_ms=800)
    ) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.until(lambda: said_by_user(harness))
        assert not harness.named("sound"), "once may be chance"
        await harness.until(lambda: harness.named("sound"))
        (sound,) = harness.named("sound")
        assert sound["echo"] == "half_duplex"
        (note,) = sound["notes"]
        assert remedy in note
        await asyncio.sleep(8)
        assert caplog.messages.count(note) == 1
        assert (await harness.status())["sound"]["notes"] == [note]
        assert len(harness.named("sound")) == 1
