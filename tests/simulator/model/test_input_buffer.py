"""The input buffer: turns are cut out of it, and it stays bounded."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.simulator.model.input_buffer import InputBuffer, SpeechEnd, SpeechStart
from rtaudio_daemon.simulator.protocol.rejection import Rejection
from rtaudio_daemon.simulator.protocol.session_config import TurnDetection
from tests.simulator.caller import EnergyHearing, loud, quiet


def buffer(**changes: Any) -> InputBuffer:
    settings = {
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
        "create_response": True,
        "interrupt_response": True,
    }
    made = InputBuffer()
    made.listen(TurnDetection(**{**settings, **changes}), EnergyHearing())
    return made


def test_hours_of_silence_take_no_memory() -> None:
    listening = buffer()
    for _ in range(100):
        assert not list(listening.append(quiet(1000)))
    assert listening.position_ms == 100_000
    assert len(listening._sound) <= 800 * 48


def test_the_next_turn_does_not_begin_inside_the_last_one() -> None:
    listening = buffer(prefix_padding_ms=2000)
    found = list(listening.append(loud(320) + quiet(256) + loud(320) + quiet(256)))
    assert [type(edge) for edge in found] == [SpeechStart, SpeechEnd, SpeechStart, SpeechEnd]
    assert isinstance(found[1], SpeechEnd)
    assert isinstance(found[2], SpeechStart)
    assert found[2].start_ms == found[1].end_ms


def test_a_commit_in_the_middle_of_speech_takes_it_from_its_start() -> None:
    listening = buffer(prefix_padding_ms=96)
    assert list(listening.append(quiet(960) + loud(320))) == [SpeechStart(960 - 96)]
    assert listening.commit() == quiet(96) + loud(320)
    assert not listening.speaking


def test_with_turn_detection_on_silence_cannot_be_committed() -> None:
    listening = buffer()
    list(listening.append(quiet(5000)))
    with pytest.raises(Rejection, match=r"only has 0\.00ms"):
        listening.commit()


def test_the_buffer_of_push_to_talk_is_bounded() -> None:
    pressed = InputBuffer()
    for _ in range(61):
        list(pressed.append(loud(10_000)))
    assert pressed.dropped_bytes == 10_000 * 48
    assert len(pressed.commit()) == 600_000 * 48
