"""Sessions that follow one another in real time, while the microphone is open without a break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, find, samples, speech
from tests.strict import Dialect

pytestmark = [pytest.mark.slow, pytest.mark.real_time]
LIFE_S = 8.0
TURNS = 5
PAUSE_MS = 5_500
_PROBE = 4_800
QUESTION, ANSWER = speech("hello"), speech("stop")


def always_open(settings: config.Config) -> config.Config:
    gate = replace(settings.audio.gate, engine="always")
    return replace(settings, audio=replace(settings.audio, gate=gate, echo="off"))


def hiss(pcm: bytes) -> bytes:
    """`pcm` with a little noise, by which every moment of it can be told from every other."""
    noise = np.random.default_rng(1).normal(0.0, 12.0, len(pcm) // 2)
    return bytes(np.clip(samples(pcm) + noise, -32_768, 32_767).astype("<i2").tobytes())


def lost_ms(before: bytes, after: bytes, said: bytes) -> float:
    """What of `said` was neither heard at the end of one session nor at the beginning of the next.

    Negative for what both have heard.
    """
    end, start = said.rfind(before[-_PROBE:]) + _PROBE, said.find(after[:_PROBE])
    assert min(end - _PROBE, start) >= 0, "cannot tell where this belongs"
    return (start - end) / BYTES_PER_MS


def figures(state: dict[str, Any], gaps: list[float], lost: list[float] | None = None) -> str:
    spoken = f"{state['renewals']} renewals, {state['reconnects']} reconnects; gap in ms: {gaps}"
    return spoken if lost is None else f"{spoken}; lost in ms: {[round(each) for each in lost]}"


async def conversation(
    folder: Path, dialect: Dialect, said: bytes, change: Callable[[config.Config], config.Config]
) -> tuple[dict[str, Any], list[float], list[bytes]]:
    """Hold it; returns the connection's state, the gaps in ms, and what each session heard."""
    asked: list[Turn] = []

    def reply(turn: Turn) -> Reply:
        asked.append(turn)
        return Reply("Fine.", ANSWER)

    simulator = Simulator(api_key=KEY, reply=reply, lifetime_s=LIFE_S)
    async with Harness(
        folder, [(0, said)], dialect=dialect, simulator=simulator, change=change
    ) as harness:
        await harness.turns(TURNS)
        gaps = [e["gap_ms"] for e in harness.named("connection") if e.get("gap_ms") is not None]
        state = (await harness.status())["connection"]
        assert not harness.named("error")
    assert len(asked) == TURNS, "every question was answered, and none twice"
    heard = harness.heard().copy()
    for _ in range(TURNS):
        at, likeness = find(samples(ANSWER), heard)
        assert likeness > 0.99, "every answer was played whole"
        heard[at : at + len(ANSWER) // 2] = 0
    return state, gaps, [session.heard for session in simulator.sessions]


@pytest.mark.parametrize("dialect", ["ga", "preview"])
async def test_a_conversation_goes_on_over_sessions_of_some_seconds(
    tmp_path: Path, dialect: Dialect, capsys: pytest.CaptureFixture[str]
) -> None:
    said = b"".join([*(bytes(PAUSE_MS * 48) + QUESTION for _ in range(TURNS)), bytes(96_000)])
    state, gaps, sessions = await conversation(tmp_path, dialect, said, lambda each: each)
    with capsys.disabled():
        print(f"\n{dialect}: {figures(state, gaps)}")
    assert state["renewals"] >= TURNS - 1
    assert state["reconnects"] == 0
    found = [find(samples(QUESTION), samples(heard))[1] for heard in sessions if heard]
    whole = [likeness for likeness in found if likeness > 0.99]
    assert len(whole) == TURNS, "each question was heard from its first word to its last"


@pytest.mark.parametrize("dialect", ["ga", "preview"])
async def test_an_open_microphone_loses_nothing_between_the_sessions(
    tmp_path: Path, dialect: Dialect, capsys: pytest.CaptureFixture[str]
) -> None:
    pause = bytes(PAUSE_MS * 48)
    said = hiss(b"".join([*(pause + QUESTION for _ in range(TURNS)), pause]))
    state, gaps, sessions = await conversation(tmp_path, dialect, said, always_open)
    lost = [lost_ms(a, b, said) for a, b in pairwise(sessions[:-1])]
    with capsys.disabled():
        print(f"\n{dialect}, open microphone: {figures(state, gaps, lost)}")
    assert len(lost) >= TURNS - 1
    assert max(lost) <= 0
