"""Conversations in which the gate, not the service, ends the turns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.simulator.reply import Reply
from tests.house import House, find, samples, speech
from tests.strict import Dialect

ANSWER = speech("weather")


def by_the_gate(settings: config.Config) -> config.Config:
    session = settings.realtime.session
    session = replace(session, turn_detection=replace(session.turn_detection, type="none"))
    return replace(settings, realtime=replace(settings.realtime, session=session))


@pytest.mark.parametrize("dialect", ["ga", "preview"])
async def test_a_turn_is_handed_over_once_and_answered_aloud(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1000, speech("hello")), (0, bytes(48 * 1500))]
    async with House(
        tmp_path,
        said,
        dialect=dialect,
        reply=lambda _turn: Reply("Rain, then sun.", ANSWER),
        change=by_the_gate,
    ) as house:
        await house.turns(1)
        assert house.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        assert len(house.received("input_audio_buffer.commit")) == 1
        assert len(house.received("response.create")) == 1
        heard = house.simulator.sessions[-1].heard
        assert find(samples(speech("hello")), samples(heard))[1] > 0.99
    assert find(samples(ANSWER), house.heard())[1] > 0.999


async def test_speaking_over_the_answer_cancels_it_and_is_answered(tmp_path: Path) -> None:
    said = [(1000, speech("hello")), (3000, speech("hello")), (0, bytes(48 * 1500))]
    last = Reply("Fine.", speech("stop"))
    replies = iter([Reply("Rain, then sun.", ANSWER)])
    async with House(
        tmp_path, said, reply=lambda _turn: next(replies, last), change=by_the_gate
    ) as house:
        await house.turns(1)
        truncated = house.received("conversation.item.truncate")[0]
        assert truncated["audio_end_ms"] == house.named("interruption")[0]["audio_end_ms"]
        assert 1000 < truncated["audio_end_ms"] < 5000
        # Who pauses for longer than the turn's end says two turns; each is handed over.
        assert len(house.received("input_audio_buffer.commit")) >= 2
    assert find(samples(speech("stop")), house.heard())[1] > 0.99
