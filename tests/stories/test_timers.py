"""Timers that ring: over what, for how long, and what stops them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.earcons import ring
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from tests.harness import Harness, Samples, find, samples, speech

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
Change = Callable[[config.Config], config.Config]
VOLUME = config.Timers().volume
ANSWER = speech("weather")


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def with_audio(**audio: Any) -> Change:
    return lambda settings: replace(settings, audio=replace(settings.audio, **audio))


async def timer(harness: Harness, seconds: float = 5, **more: Any) -> str:
    body = {"kind": "timer", "seconds": seconds, "name": "pasta", **more}
    status, answered = await harness.post("/api/timers", body)
    assert status == 200, answered
    return str(answered["timer"]["id"])


def phases(harness: Harness) -> list[str]:
    return [data["phase"] for data in harness.named("timer")]


def when(harness: Harness, phase: str) -> float:
    """When the subscriber heard of this phase first, in virtual seconds."""
    return next(
        time
        for time, (name, data) in zip(harness.times, harness.events, strict=True)
        if name == "timer" and data["phase"] == phase
    )


def rings(heard: Samples, volume: float = VOLUME) -> list[float]:
    """Where (s) it rings at this volume in what was heard."""
    sound = samples(ring(volume))
    found, offset = [], 0
    while offset + len(sound) <= len(heard):
        at, alike = find(sound, heard[offset : offset + 3 * len(sound)])
        if alike > 0.98:
            there = heard[offset + at :][: len(sound)]
            assert np.abs(there).max() == pytest.approx(np.abs(sound).max(), abs=400)
            found.append((offset + at) / 24_000)
            offset += at + len(sound)
        else:
            offset += 2 * len(sound)
    return found


async def test_it_rings_with_pauses_without_session_while_muted_and_at_volume_zero(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, [(0, bytes(48))]) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")
        await harness.post("/api/volume", {"level": 0})
        harness.simulator.fault("refuse", status=503, times=100)
        harness.simulator.fault("drop")
        await timer(harness, 10)
        await harness.until(lambda: "ringing" in phases(harness))
        await asyncio.sleep(6)
        assert (await harness.status())["timers"][0]["state"] == "ringing"
        assert harness.statuses[-1] == "idle", "the four words stay"
        assert (await harness.post("/api/timers/dismiss"))[0] == 200
        assert (await harness.post("/api/timers/dismiss"))[0] == 200
        await asyncio.sleep(5)
        assert (await harness.status())["timers"] == []
    assert phases(harness) == ["set", "ringing", "dismissed"]
    assert when(harness, "ringing") - when(harness, "set") == pytest.approx(10, abs=0.05)
    found = rings(harness.heard())
    assert np.diff(found) == pytest.approx([2.5, 2.5], abs=0.1)


@pytest.mark.parametrize("echo", ["half_duplex", "cancel"])
async def test_a_word_in_a_pause_stops_it_and_goes_on_to_the_model(
    tmp_path: Path, echo: str
) -> None:
    # It rings at 5 s for a second; "stop" is said in the pause after the second time.
    said = [(9000, speech("stop")), (9000, b"")]
    async with Harness(tmp_path, said, reply=answer, change=with_audio(echo=echo)) as harness:
        await harness.until(lambda: harness.named("connection"))
        await timer(harness, 5)
        await harness.until(lambda: "dismissed" in phases(harness))
        await harness.turns(1)
        await asyncio.sleep(3)
    assert phases(harness) == ["set", "ringing", "dismissed"]
    assert len(rings(harness.heard())) == 2


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ('{"seconds": 300}', "timer"),
        ('{"at": "06:30"}', "alarm"),
        ('{"seconds": 300, "text": "Call Ada"}', "reminder"),
    ],
)
async def test_a_model_that_says_no_kind_is_understood(
    tmp_path: Path, arguments: str, kind: str
) -> None:
    def reply(turn: Turn) -> Reply:
        return Reply("Done.", ANSWER) if turn.function_output else Reply(calls=(call,))

    call = Call("timer_set", arguments)
    async with Harness(tmp_path, reply=reply) as harness:
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("timer"))
        async with harness.http.get("/api/timers") as answer:
            (timer,) = (await answer.json())["timers"]
        assert timer["kind"] == kind
