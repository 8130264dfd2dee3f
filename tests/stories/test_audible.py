"""Whether what a program says is heard, as far as the microphone can prove it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.daemon.test_reload import with_
from tests.harness import Harness, samples, speech

ANSWER = speech("weather")
FIRST, EVERY = 100, 350  # frames of the microphone: when answers come back
EARLY = 15  # frames; so much before a text is asked for
SEEMS_OFF = "it seems to be off"
UNINTERRUPTED = with_(audio__gate__engine="never")  # these echoes begin and end as no real ones


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def heard(echoes: Sequence[bool], sound: bytes = ANSWER) -> list[tuple[int, bytes]]:
    """A microphone with some noise, to which answers come back at their times, or do not."""
    random = np.random.default_rng(1)
    room = random.normal(0, 20, (FIRST + EVERY * (len(echoes) + 1)) * 480)
    for number, there in enumerate(echoes):
        at = (FIRST + EVERY * number) * 480
        room[at : at + len(sound) // 2] += 0.1 * samples(sound) * there
    return [(0, room.astype("<i2").tobytes())]


async def say(harness: Harness, number: int) -> dict[str, Any]:
    """Say a text at its time; its receipt."""
    microphone = harness.app.assistant.microphone_input
    while microphone.frames < FIRST + EVERY * number - EARLY:
        await asyncio.sleep(0.02)
    status, body = await harness.post("/api/say", {"text": "x", "mode": "verbatim", "wait": True})
    assert (status, body["said"]["outcome"]) == (200, "said")
    return dict(body["said"])


async def test_a_loudspeaker_that_is_switched_off_is_noticed_until_it_is_on_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    echoes = [True, True, False, False, False, True]
    async with Harness(tmp_path, heard(echoes), reply=answer, change=UNINTERRUPTED) as harness:
        found = [(await say(harness, number))["audible"] for number in range(5)]
        state = await harness.status()
        assert state["speaker"]["state"] == "ok"
        assert state["speaker"]["reason"].startswith(SEEMS_OFF)
        assert f"speaker: {SEEMS_OFF}" in harness.app._health.words()
        (report,) = [each for each in harness.named("device") if each["code"] == "unheard"]
        assert (report["direction"], report["state"]) == ("speaker", "ok")
        assert [each.levelname for each in caplog.records if SEEMS_OFF in each.message] == [
            "WARNING"
        ]
        found.append((await say(harness, 5))["audible"])
        assert (await harness.status())["speaker"]["reason"] is None
        assert harness.named("device")[-1]["code"] is None
        assert SEEMS_OFF not in harness.app._health.words()
        async with harness.http.get("/metrics") as metrics:
            text = await metrics.text()
        assert [each["audible"] for each in harness.named("said")] == found
    assert found == ["yes", "yes", "no", "no", "no", "yes"]
    assert 'rtaudio_said_total{audible="no",outcome="said"} 3.0' in text


@pytest.mark.parametrize(
    ("options", "echoes", "expected"),
    [
        ({}, [True, False, False], ["yes", "unknown", "unknown"]),
        ({"audio__echo": "off"}, [True, True, False], ["yes", "yes", "unknown"]),
        ({"audio__echo": "system"}, [True, True, False], ["yes", "yes", "unknown"]),
        ({"audio__output__volume": 0.0}, [False], ["no"]),
        ({"audio__output__volume": 0.05}, [False], ["unknown"]),
        ({"audio__input__device": "none"}, [], ["unknown"]),
    ],
    ids=["heard once", "headphones", "cancelled outside", "volume 0", "soft", "no microphone"],
)
async def test_nothing_is_denied_that_is_not_certain(
    tmp_path: Path, options: dict[str, Any], echoes: list[bool], expected: list[str]
) -> None:
    change = with_(audio__gate__engine="never", **options)
    async with Harness(tmp_path, heard(echoes), reply=answer, change=change) as harness:
        numbers = range(len(expected)) if echoes else [-1]
        found = [(await say(harness, number))["audible"] for number in numbers]
        assert found == expected
        assert not [each for each in harness.named("device") if each["code"] == "unheard"]


async def test_another_device_is_another_way_of_the_sound(tmp_path: Path) -> None:
    echoes = [True, True, False]
    async with Harness(tmp_path, heard(echoes), reply=answer, change=UNINTERRUPTED) as harness:
        assert [(await say(harness, number))["audible"] for number in (0, 1)] == ["yes", "yes"]
        harness.lose_microphone()
        harness.find_microphone()
        assert (await say(harness, 2))["audible"] == "unknown"


async def test_what_is_said_while_muted_is_not_known_to_be_heard(tmp_path: Path) -> None:
    async with Harness(tmp_path, heard([True]), reply=answer, change=UNINTERRUPTED) as harness:
        await harness.post("/api/mute")
        assert (await say(harness, -1))["audible"] == "unknown"


async def test_texts_that_are_played_in_one_go_are_judged_as_one(tmp_path: Path) -> None:
    said = heard([True], ANSWER + ANSWER)
    async with Harness(tmp_path, said, reply=answer, change=UNINTERRUPTED) as harness:
        text = {"text": "x", "mode": "verbatim"}
        first = asyncio.create_task(say(harness, 0))
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await harness.post("/api/say", text)
        await first
        await harness.until(lambda: len(harness.named("said")) == 2)
        assert [each["audible"] for each in harness.named("said")] == ["yes", "yes"]
