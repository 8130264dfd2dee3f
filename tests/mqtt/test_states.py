"""What is published of the daemon: its state, what happens, and how much of it a second."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rtaudio_daemon.controls import HA_STATES
from rtaudio_daemon.mqtt import states
from rtaudio_daemon.mqtt.waiting import EVENTS_MOST, Message, Waiting
from rtaudio_daemon.notifications import (
    ConnectionState,
    DeviceState,
    ErrorReported,
    Interruption,
    ModelStatus,
    MuteChanged,
    Notification,
    SpeechIgnored,
    SpeechNoticed,
    StatusChanged,
    TextSaid,
    TimerReported,
    ToolReported,
    Transcript,
    TurnFinished,
    WakeWordHeard,
    WakeWordYielded,
)
from tests.api.test_server import Person

NOW = Person().snapshot()


def test_the_state_is_the_one_of_the_daemon_and_json() -> None:
    found = states.state(NOW, 412)
    assert json.loads(json.dumps(found)) == {
        "status": "idle",
        "previous": "idle",
        "since": "1970-01-01T00:00:01.500Z",
        "ha_state": "idle",
        "muted": False,
        "volume": 1.0,
        "persona": "(nobody special)",
        "service": True,
        "uplink": False,
        "problem": False,
        "reason": "",
        "cost_today": 0.0,
        "first_sound_ms": 412,
    }


@pytest.mark.parametrize(
    ("status", "word"),
    [*zip(ModelStatus, ("idle", "listening", "processing", "responding"), strict=True)],
)
def test_every_status_has_a_word_of_home_assistant(status: ModelStatus, word: str) -> None:
    assert HA_STATES[status] == replace(NOW, status=status).ha_state == word


@pytest.mark.parametrize(
    ("state", "asleep", "served"),
    [
        (ConnectionState.RENEWING, False, True),
        (ConnectionState.CLOSED, True, True),
        (ConnectionState.CLOSED, False, False),
        (ConnectionState.CONNECTING, True, False),
    ],
)
def test_a_session_that_sleeps_is_there(state: ConnectionState, asleep: bool, served: bool) -> None:
    connection = replace(NOW.connection, state=state, asleep=asleep)
    assert states.state(replace(NOW, connection=connection), None)["service"] is served


def test_a_lost_or_deaf_device_is_a_problem_with_its_reason() -> None:
    microphone = replace(NOW.microphone, state=DeviceState.DEAF, reason="digital silence")
    speaker = replace(NOW.speaker, state=DeviceState.LOST, reason=None)
    found = states.state(replace(NOW, microphone=microphone, speaker=speaker), None)
    assert found["problem"] is True
    assert found["reason"] == (
        "the microphone is deaf: digital silence; the loudspeaker is lost: no reason"
    )
    none = replace(NOW.speaker, state=DeviceState.NONE, device="none")
    assert states.state(replace(NOW, speaker=none), None)["problem"] is False, "as configured"


def test_the_timers_go_without_the_words_of_reminders_and_without_what_always_changes() -> None:
    timer = {"id": "1", "name": "pasta", "ends_at": "b", "left_s": 300.0, "text": "private"}
    found = states.timers(replace(NOW, timers=[timer, {**timer, "ends_at": "a"}, {"id": "2"}]))
    assert found == {
        "next": "a",
        "timers": [
            {"id": "1", "name": "pasta", "ends_at": "b"},
            {"id": "1", "name": "pasta", "ends_at": "a"},
            {"id": "2"},
        ],
    }
    assert states.timers(replace(NOW, timers=[]))["next"] is None


def test_long_words_are_cut_for_the_state_and_whole_beside_it() -> None:
    found = states.words(Transcript("user", "ä" * 300, True, "item"))
    assert found == {"text": "ä" * 249 + "…", "whole": "ä" * 300}
    short = states.words(Transcript("user", "ä" * 250, True, "item"))
    assert short["text"] == short["whole"]


@pytest.mark.parametrize(
    ("notification", "event"),
    [
        (
            WakeWordHeard("okay_nabu", 0.93),
            {"event_type": "wake_word", "word": "okay_nabu", "score": 0.93},
        ),
        (Interruption("item", 700, 30), {"event_type": "interrupted", "heard_ms": 700}),
        (
            TurnFinished("r", "completed", {"first_sound_ms": 400, "speech_ms": 2000}),
            {"event_type": "answered", "first_sound_ms": 400},
        ),
        (TurnFinished("r", "cancelled"), None),
        (
            ToolReported("c", "volume", "built_in", "done", 12, arguments="secret"),
            {
                "event_type": "tool",
                "tool": "volume",
                "source": "built_in",
                "phase": "done",
                "took_ms": 12,
            },
        ),
        (ToolReported("c", "volume", "built_in", "started"), None),
        (
            TimerReported("1", "pasta", "ringing"),
            {"event_type": "timer_finished", "id": "1", "name": "pasta"},
        ),
        (TimerReported("1", "pasta", "set"), None),
        (
            TextSaid("a", "said", 900),
            {
                "event_type": "said",
                "id": "a",
                "outcome": "said",
                "heard_ms": 900,
                "audible": "unknown",
            },
        ),
        (SpeechIgnored(), {"event_type": "ignored"}),
        (
            WakeWordYielded("alexa", "bath"),
            {"event_type": "yielded", "word": "alexa", "to": "bath"},
        ),
        (
            ErrorReported("service", "lost", "it was lost"),
            {"event_type": "error", "source": "service", "code": "lost", "message": "it was lost"},
        ),
        (MuteChanged(True), None),
    ],
)
def test_what_happens_is_an_event(notification: Notification, event: dict[str, Any] | None) -> None:
    found = states.Events().of(notification)
    assert found == event
    assert event is None or event["event_type"] in states.EVENTS


def test_speech_that_two_detectors_notice_is_one_event() -> None:
    events, idle = states.Events(), StatusChanged(ModelStatus.IDLE, ModelStatus.LISTENING)
    heard: list[Notification] = [
        SpeechNoticed("started", "local"),
        SpeechNoticed("started", "service"),
        SpeechNoticed("stopped", "service"),
        SpeechNoticed("stopped", "local"),
        SpeechNoticed("started", "local"),
        idle,  # it was given up
        StatusChanged(ModelStatus.LISTENING, ModelStatus.IDLE),
        SpeechNoticed("started", "local"),
    ]
    found = [event["event_type"] for each in heard if (event := events.of(each))]
    assert found == ["speech_started", "speech_stopped", "speech_started", "speech_started"]


def drain(waiting: Waiting, until: float) -> list[tuple[float, str]]:
    """What is published until then, and when."""
    now, found = 0.0, []
    while (pause := waiting.pause_s(now)) is not None and now + pause <= until:
        now += pause
        if not pause:
            found.append((round(now, 3), waiting.take().payload))
    return found


def test_of_states_the_last_one_counts() -> None:
    waiting = Waiting()
    assert waiting.pause_s(0.0) is None
    for payload in "abc":
        waiting.put(Message("state", payload, retain=True))
    assert drain(waiting, 1.0) == [(0.0, "c")]
    waiting.put(Message("state", "c", retain=True))
    assert drain(waiting, 1.0) == [], "it is published already"
    waiting.put(Message("state", "d", retain=True))
    waiting.put(Message("state", "c", retain=True))
    assert drain(waiting, 1.0) == [], "it went back before anybody saw it"
    waiting.forget()
    waiting.put(Message("state", "c", retain=True))
    assert drain(waiting, 1.0) == [(0.0, "c")]


def test_four_messages_a_second_and_events_before_states() -> None:
    waiting = Waiting()
    waiting.put(Message("state", "state"))
    for number in range(7):
        waiting.add(Message("event", str(number)))
    found = drain(waiting, 60.0)
    assert [payload for _, payload in found] == ["0", "1", "2", "3", "4", "5", "6", "state"]
    assert [at for at, _ in found] == [0, 0, 0, 0, 0.25, 0.5, 0.75, 1.0]


def test_events_that_nobody_takes_are_bounded_and_go_with_the_connection() -> None:
    waiting = Waiting()
    for number in range(EVENTS_MOST + 10):
        waiting.add(Message("event", str(number)))
    assert waiting.dropped == 10
    assert drain(waiting, 0.0)[0] == (0.0, "10")
    waiting.clear()
    assert waiting.pause_s(0.0) is None
