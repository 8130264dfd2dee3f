"""The echo of the room, measured while the daemon runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.room_measurement import chirp
from tests.harness import Harness, samples

BEGIN, COMES_BACK = 100, 100 + 50 + 6  # frames of the microphone; a second is listened to before


def kitchen(gain: float) -> list[tuple[int, bytes]]:
    room = np.random.default_rng(1).normal(0, 20, 400 * 480)
    echo = samples(chirp()) * gain
    room[COMES_BACK * 480 : COMES_BACK * 480 + len(echo)] += echo
    return [(0, room.astype("<i2").tobytes())]


async def test_a_chirp_is_played_and_found_and_nobody_answers_it(tmp_path: Path) -> None:
    async with Harness(tmp_path, kitchen(0.3)) as harness:
        microphone_input = harness.app.assistant.microphone_input
        while microphone_input.frames < BEGIN:
            await asyncio.sleep(0.02)
        status, found = await harness.post("/api/measure_echo")
        assert status == 200
        assert found["delay_ms"] == pytest.approx(120, abs=60)
        assert found["echo_db"] == pytest.approx(20 * np.log10(0.3), abs=1)
        assert max(found["curve"]) == 0
        assert microphone_input.tap is None
        assert [each["status"] for each in harness.named("status")] == []


async def test_a_microphone_that_hears_nothing_of_it_says_so(tmp_path: Path) -> None:
    async with Harness(tmp_path, kitchen(0.0)) as harness:
        _, found = await harness.post("/api/measure_echo")
        assert (found["delay_ms"], found["curve"]) == (None, [])


async def test_nothing_is_measured_while_muted_or_twice_at_once(tmp_path: Path) -> None:
    async with Harness(tmp_path, kitchen(0.3)) as harness:
        first = asyncio.create_task(harness.post("/api/measure_echo"))
        while harness.app.assistant.microphone_input.tap is None:
            await asyncio.sleep(0.02)
        status, answer = await harness.post("/api/measure_echo")
        assert (status, "another measurement" in answer["error"]["message"]) == (409, True)
        await harness.post("/api/mute")
        status, answer = await first
        assert (status, "muted" in answer["error"]["message"]) == (409, True)
        status, answer = await harness.post("/api/measure_echo")
        assert (status, "unmute it first" in answer["error"]["message"]) == (409, True)


async def test_a_test_sound_is_played_without_a_word_to_the_service(tmp_path: Path) -> None:
    async with Harness(tmp_path, kitchen(0.0)) as harness:
        status, found = await harness.post("/api/test_sound")
        assert (status, found["said"]["outcome"]) == (200, "said")
        assert found["said"]["heard_ms"] > 100
