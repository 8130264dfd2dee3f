"""Who has the floor, seen from the wire alone."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.events import ModelStatus
from rtaudio_daemon.realtime.floor import Floor

IDLE, LISTENING, THINKING, SPEAKING = ModelStatus

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
COMMITTED = "input_audio_buffer.committed"
CLEARED = "input_audio_buffer.cleared"
CREATED: tuple[str, dict[str, Any]] = ("response.created", {"response": {"id": "r1"}})
SOUND = ("response.audio.delta", {"response_id": "r1"})
DONE: tuple[str, dict[str, Any]] = ("response.done", {"response": {"id": "r1"}})
NEXT: tuple[str, dict[str, Any]] = ("response.created", {"response": {"id": "r2"}})
CALL = ("response.done", {"response": {"id": "r1", "output": [{"type": "function_call"}]}})


@pytest.mark.parametrize(
    ("story", "statuses"),
    [
        ([STARTED, STOPPED, COMMITTED, CREATED, SOUND, DONE], "LTTTSS"),
        ([STARTED, STOPPED, CREATED, DONE], "LTTI"),
        ([CREATED, SOUND, STARTED, SOUND, DONE, STOPPED, NEXT], "TSLLLTT"),
        ([CREATED, SOUND, STARTED, STOPPED, SOUND, DONE], "TSLTTT"),
        ([CREATED, CALL, NEXT], "TTT"),
        ([STARTED, CLEARED, CLEARED], "LII"),
        ([CREATED, STARTED, NEXT], "TLL"),
        ([CREATED, SOUND, NEXT], "TSS"),
        (["rate_limits.updated", ("response.created", {}), ("response.done", {})], "ITI"),
        ([SOUND, ("response.audio.delta", {})], "SS"),
    ],
)
def test_the_status_follows_the_events(story: list[Any], statuses: str) -> None:
    floor, status = Floor(), IDLE
    seen = ""
    for step in story:
        name, event = (step, {}) if isinstance(step, str) else step
        status = floor.heard(name, event, status)
        seen += status.value[0].upper()
    assert seen == statuses


def test_only_playback_ends_speaking() -> None:
    assert Floor().played(SPEAKING) is IDLE
    assert Floor().played(LISTENING) is LISTENING


def test_the_answer_under_way_is_known_until_it_is_done() -> None:
    floor = Floor()
    floor.heard(*CREATED, IDLE)
    assert floor.response_id == "r1"
    floor.heard("response.done", {"response": {"id": "other"}}, THINKING)
    assert floor.response_id == "r1"
    floor.heard(*DONE, THINKING)
    assert floor.response_id is None


def test_an_answer_that_speech_does_not_interrupt_is_heard_to_its_end() -> None:
    for interrupts in (True, False):
        floor = Floor(interrupts=interrupts)
        floor.heard(*CREATED, IDLE)
        floor.heard(STARTED, {}, SPEAKING)
        assert floor.late({"response_id": "r1"}) is interrupts


def test_a_turn_that_the_service_does_not_answer_by_itself_is_over_with_its_end() -> None:
    floor = Floor(replies=False)
    floor.heard(STARTED, {}, IDLE)
    assert floor.listening
    assert floor.heard(STOPPED, {}, LISTENING) is IDLE
    assert floor.heard(COMMITTED, {}, THINKING) is THINKING


def test_thinking_is_given_up_unless_an_answer_is_under_way() -> None:
    floor = Floor()
    assert floor.gave_up(THINKING) is IDLE
    assert floor.gave_up(SPEAKING) is SPEAKING
    floor.heard(*CREATED, IDLE)
    assert floor.gave_up(THINKING) is THINKING
