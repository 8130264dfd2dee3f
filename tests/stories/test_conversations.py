"""Whole conversations: a person, the daemon, a service, and somebody who watches the events."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, find, last_sound, samples, speech
from tests.strict import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")


def answer_with_weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


@both_dialects
async def test_a_spoken_turn_is_answered_aloud_and_the_status_is_true_to_the_sound(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1000, speech("hello"))]
    async with Harness(tmp_path, said, dialect=dialect, reply=answer_with_weather) as harness:
        await harness.turns(1)
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        spoken_s = harness.time_of("idle") - harness.time_of("speaking")
    at, likeness = find(samples(ANSWER), harness.heard())
    assert likeness > 0.999, "whole, in order and without gaps"
    assert spoken_s == pytest.approx(len(ANSWER) / BYTES_PER_MS / 1000, abs=0.1)
    assert not harness.heard()[at + len(ANSWER) // 2 :].any(), "and nothing after it"


@both_dialects
async def test_the_service_hears_what_was_said_from_its_first_word(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with Harness(tmp_path, [(1000, speech("hello"))], dialect=dialect) as harness:
        await harness.turns(1)
        heard = harness.simulator.sessions[-1].heard
    said = samples(speech("hello"))
    _, likeness = find(said, samples(heard))
    assert likeness > 0.99
    uplink = harness.named("uplink")
    assert [event["open"] for event in uplink] == [True, False]
    assert uplink[-1]["bytes"] == len(heard)
    # What left the house is the speech with the silence that ends a turn, not the evening.
    assert len(heard) / BYTES_PER_MS < 2545 + 320 + 1200


@both_dialects
async def test_speaking_over_the_answer_silences_it_where_the_service_is_told_it_was(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1000, speech("hello")), (2500, speech("stop"))]
    replies = iter([Reply("Rain, then sun.", ANSWER), Reply("Fine.", speech("stop"))])

    async with Harness(
        tmp_path, said, dialect=dialect, reply=lambda _turn: next(replies)
    ) as harness:
        await harness.turns(1)
        interruption = harness.named("interruption")[0]
        truncated = harness.received("conversation.item.truncate")
        assert harness.statuses[:6] == [
            "idle", "listening", "thinking", "speaking", "listening", "thinking",
        ]  # fmt: skip
        assert harness.received("response.cancel") == [], "the service interrupts by itself"
    assert [message["audio_end_ms"] for message in truncated] == [interruption["audio_end_ms"]]
    second_at, likeness = find(samples(speech("stop")), harness.heard())
    assert likeness > 0.999, "the second answer is heard whole"
    before = harness.heard()[:second_at]
    start, _ = find(samples(ANSWER)[:12000], before)
    heard_ms = (last_sound(before) - start) / 24
    assert abs(heard_ms - interruption["audio_end_ms"]) < 60
    assert 500 < interruption["audio_end_ms"] < 4500


async def test_late_sound_of_an_interrupted_answer_is_not_heard(tmp_path: Path) -> None:
    said = [(1000, speech("hello")), (2500, speech("stop"))]
    simulator = Simulator(api_key=KEY, reply=answer_with_weather, pacing="realtime", late_deltas=3)
    async with Harness(tmp_path, said, simulator=simulator) as harness:
        await harness.turns(1)
        (truncate,) = harness.received("conversation.item.truncate")
        done = [
            event["response"]["status"]
            for event in harness.simulator.sessions[-1].sent
            if event["type"] == "response.done"
        ]
    assert done == ["cancelled", "completed"]
    second_at, likeness = find(samples(ANSWER), harness.heard())
    assert likeness > 0.999
    before = harness.heard()[:second_at]
    start, _ = find(samples(ANSWER)[:12000], before)
    assert abs((last_sound(before) - start) / 24 - truncate["audio_end_ms"]) < 60


@both_dialects
async def test_where_the_service_does_not_interrupt_the_daemon_cancels_and_truncates(
    tmp_path: Path, dialect: Dialect
) -> None:
    def alone(settings: config.Config) -> config.Config:
        session = settings.realtime.session
        detection = replace(session.turn_detection, interrupt_response=False)
        session = replace(session, turn_detection=detection)
        return replace(settings, realtime=replace(settings.realtime, session=session))

    said = [(1000, speech("hello")), (2500, speech("stop"))]
    simulator = Simulator(api_key=KEY, reply=answer_with_weather, pacing="realtime")
    async with Harness(
        tmp_path, said, dialect=dialect, simulator=simulator, change=alone
    ) as harness:
        await harness.turns(1)
        assert len(harness.received("response.cancel")) == 1
        assert len(harness.received("conversation.item.truncate")) == 1
    assert find(samples(ANSWER), harness.heard())[1] > 0.999, "the next answer is whole"


@both_dialects
async def test_a_prompt_over_http_is_answered_aloud(tmp_path: Path, dialect: Dialect) -> None:
    async with Harness(tmp_path, dialect=dialect, reply=answer_with_weather) as harness:
        await harness.until(lambda: harness.named("connection"))
        status, state = await harness.post("/api/say", {"text": "Will it rain?"})
        assert (status, state["status"]) == (200, "thinking")
        await harness.turns(1)
        assert harness.statuses == ["idle", "thinking", "speaking", "idle"]
        (item,) = harness.received("conversation.item.create")
        assert item["item"]["content"][0]["text"] == "Will it rain?"
        (words,) = harness.named("transcript")
        assert (words["role"], words["text"]) == ("assistant", "Rain, then sun.")
    assert find(samples(ANSWER), harness.heard())[1] > 0.999


@both_dialects
async def test_an_announcement_is_spoken_and_leaves_no_trace_in_the_conversation(
    tmp_path: Path, dialect: Dialect
) -> None:
    asked: list[Turn] = []

    def speak(turn: Turn) -> Reply:
        asked.append(turn)
        return Reply(turn.text, ANSWER)

    async with Harness(tmp_path, dialect=dialect, reply=speak) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Dinner is ready.", "mode": "verbatim"})
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await harness.post("/api/interrupt")
        await harness.turns(1)
        assert [(turn.text, turn.say) for turn in asked] == [("Dinner is ready.", True)]
        assert harness.received("conversation.item.create") == []
        assert harness.received("conversation.item.truncate") == []
        (interruption,) = harness.named("interruption")
        assert all(words["cut"] for words in harness.named("transcript"))
        assert "Dinner is ready." not in [words["text"] for words in harness.named("transcript")]
    assert last_sound(harness.heard()) < len(ANSWER) // 2, interruption


async def test_words_that_nobody_heard_are_not_published(tmp_path: Path) -> None:
    def speak(turn: Turn) -> Reply:
        return Reply(turn.text, ANSWER)

    async with Harness(tmp_path, reply=speak) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "The first one.", "mode": "verbatim"})
        await harness.post("/api/say", {"text": "The second one.", "mode": "verbatim"})
        await harness.until(lambda: len(harness.received("response.create")) == 2)
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await harness.post("/api/interrupt")
        await harness.until(lambda: harness.statuses[-1] == "idle")
        await harness.post("/api/say", {"text": "The third one.", "mode": "verbatim"})
        await harness.until(lambda: harness.named("transcript"))
        await harness.until(lambda: harness.statuses[-1] == "idle")
        words = [(each["text"], each["cut"]) for each in harness.named("transcript")]
    assert words[-1] == ("The third one.", False)
    assert "The second one." not in [text for text, _ in words]
    assert all(is_cut for _, is_cut in words[:-1])


async def test_muting_in_mid_speech_sends_nothing_more_and_is_not_answered(
    tmp_path: Path,
) -> None:
    said = [(1000, speech("weather")), (3000, speech("hello"))]
    async with Harness(tmp_path, said, reply=answer_with_weather) as harness:
        await harness.until(lambda: harness.statuses[-1] == "listening")
        status, state = await harness.post("/api/mute")
        assert (status, state["muted"], state["status"]) == (200, True, "idle")
        sent = state["uplink"]["bytes"]
        assert state["uplink"]["open"] is False
        await asyncio.sleep(8)
        state = await harness.status()
        assert (state["uplink"]["bytes"], state["status"]) == (sent, "idle")
        assert harness.received("input_audio_buffer.clear")
        await harness.post("/api/mute")
        await harness.post("/api/unmute")
        await harness.turns(1)
        assert [event["muted"] for event in harness.named("mute")] == [True, False]
        first, second = ["idle", "listening", "idle"], ["listening", "thinking", "speaking", "idle"]
        crossed = ["listening", "idle"]  # the service heard it before it had forgotten it
        assert harness.statuses in ([*first, *second], [*first, *crossed, *second])


@both_dialects
async def test_a_service_that_dies_and_returns_is_survived(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1000, speech("hello")), (20000, speech("hello"))]
    async with Harness(tmp_path, said, dialect=dialect, reply=answer_with_weather) as harness:
        await harness.until(lambda: harness.statuses[-1] == "thinking")
        await harness.simulator.drop_connections()
        await harness.simulator.stop()
        await harness.until(lambda: harness.statuses[-1] == "idle")
        lost = [event for event in harness.named("connection") if event["state"] != "open"]
        assert lost[-1]["reason"]
        status, refusal = await harness.post("/api/say", {"text": "hello"})
        assert (status, refusal["error"]["code"]) == (503, "not_connected")
        await asyncio.sleep(3)
        await harness.simulator.start()
        await harness.turns(1)
        connection = (await harness.status())["connection"]
        assert connection["state"] == "open"
        assert connection["reconnects"] == 1
        # The configuration was sent again, and nothing refers to items of the old session.
        updates = harness.received("session.update")
        assert len(updates) == 2
        assert updates[0]["session"] == updates[1]["session"]


@both_dialects
async def test_what_cannot_be_understood_is_skipped_and_the_talk_goes_on(
    tmp_path: Path, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    said = [(3000, speech("hello"))]
    async with Harness(tmp_path, said, dialect=dialect, reply=answer_with_weather) as harness:
        await harness.until(lambda: harness.named("connection"))
        simulator = harness.simulator
        simulator.fault("malformed", text="{not json", on="response.output_item.added")
        simulator.fault("malformed", text='["a list"]', on="response.content_part.added")
        for event in (
            {"type": "response.invented", "x": 1},
            {"type": "response.done"},
            {"type": "response.audio.delta", "delta": 7},
        ):
            simulator.fault("unknown_event", event=event, on="input_audio_buffer.committed")
        await harness.turns(1)
        counters = harness.app.assistant.driver.counters
    assert counters.malformed == 3, "two messages, and sound that is none"
    assert counters.unknown == 1
    told = [one for one in caplog.records if "malformed message" in one.getMessage()]
    assert [one.levelname for one in told][:1] == ["WARNING"], "the first is told"
    assert "WARNING" not in [one.levelname for one in told][1:], "the others are not"


async def test_a_wrong_key_is_told_in_the_status_and_tried_again_slowly(tmp_path: Path) -> None:
    async with Harness(tmp_path, simulator=Simulator(api_key="another-key")) as harness:
        await harness.until(lambda: harness.named("connection"))
        status = await harness.status()
        assert status["connection"]["state"] != "open"
        assert "401" in status["connection"]["last_error"]
        assert KEY not in str(status)


async def test_a_failed_answer_ends_thinking_with_an_error_event(tmp_path: Path) -> None:
    def fail(_turn: Turn) -> Reply:
        raise RuntimeError("the model is ill")

    async with Harness(tmp_path, [(1000, speech("hello"))], reply=fail) as harness:
        await harness.until(lambda: harness.named("error"))
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert harness.statuses == ["idle", "listening", "thinking", "idle"]


async def test_the_loudspeaker_hears_the_volume(tmp_path: Path) -> None:
    def quiet(settings: config.Config) -> config.Config:
        output = replace(settings.audio.output, volume=0.25)
        return replace(settings, audio=replace(settings.audio, output=output))

    async with Harness(
        tmp_path, [(1000, speech("hello"))], reply=answer_with_weather, change=quiet
    ) as harness:
        await harness.turns(1)
    at, _ = find(samples(ANSWER), harness.heard())
    played = harness.heard()[at : at + len(ANSWER) // 2]
    ratio = float(np.linalg.norm(played) / np.linalg.norm(samples(ANSWER)))
    assert ratio == pytest.approx(0.25, abs=0.01)


async def test_going_down_in_mid_answer_is_told_to_the_subscribers(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(1000, speech("hello"))], reply=answer_with_weather) as harness:
        await harness.until(lambda: harness.statuses[-1] == "speaking")
    assert harness.events[-1][0] == "shutdown"
