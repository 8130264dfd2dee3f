"""The states table: each state with its words in every language, its colour, and its statuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rtaudio_daemon.cli.status_lines import status_lines
from rtaudio_daemon.language import chosen, languages, words
from rtaudio_daemon.status_words import COLOURS, State, colour, conditions, headline, line

WELL: dict[str, Any] = {
    "status": "idle",
    "connection": {"state": "open", "last_error": None, "asleep": False},
    "microphone": {"state": "ok", "device": "desk", "reason": None},
    "speaker": {"state": "ok", "device": "desk", "reason": None},
    "sound": {"listen": "open", "engine": "silero", "echo": "cancel", "notes": []},
    "muted": False,
    "usage": {"daily_limit": None, "cost_today": 0.0, "responses": 0},
}


def but(**changes: Any) -> dict[str, Any]:
    """A status that is well but for what is given."""
    found = {name: dict(each) if isinstance(each, dict) else each for name, each in WELL.items()}
    for name, each in changes.items():
        found[name] = {**found[name], **each} if isinstance(each, dict) else each
    return found


NONE = "PortAudio finds no sound device"
CLOSED = {"state": "closed", "last_error": "no route"}
TABLE: list[tuple[dict[str, Any], State, str, str]] = [
    (WELL, State.IDLE, "calm", "idle: Speak whenever you like"),
    (but(sound={"listen": "wake_word"}), State.IDLE, "calm", "idle: Say the wake word to begin"),
    (but(sound={"listen": "push_to_talk"}), State.IDLE, "calm", "idle: Hold the button to talk"),
    (but(sound={"engine": "never"}), State.IDLE, "calm", "idle: Hold the button to talk"),
    (
        but(status="listening"),
        State.LISTENING,
        "listening",
        "listening: Somebody is speaking, or a question waits for an answer",
    ),
    (but(status="thinking"), State.THINKING, "thinking", "thinking: Preparing an answer"),
    (
        but(status="speaking", muted=True),
        State.SPEAKING,
        "speaking",
        "speaking: Speaking the answer; speak to interrupt it. The microphone is closed",
    ),
    (
        but(connection={"state": "closed", "asleep": True}),
        State.ASLEEP,
        "rest",
        "asleep: The session opens when somebody speaks",
    ),
    (
        but(connection={"state": "renewing"}),
        State.RENEWING,
        "calm",
        "renewing: The next session is taking over; the conversation goes on",
    ),
    (
        but(connection={"state": "connecting"}),
        State.CONNECTING,
        "thinking",
        "connecting: Connecting to the service",
    ),
    (
        but(connection={"state": "closed"}),
        State.CONNECTING,
        "thinking",
        "connecting: Connecting to the service",
    ),
    (
        but(connection={"state": "closing"}),
        State.CLOSING,
        "thinking",
        "closing: The session is closing",
    ),
    (but(muted=True), State.MUTED, "rest", "muted: The microphone is closed"),
    (
        but(microphone={"state": "deaf", "reason": "it delivers digital silence."}, muted=True),
        State.MICROPHONE_DEAF,
        "bad",
        "microphone deaf: The microphone delivers no usable sound: it delivers digital silence. "
        "The microphone is closed",
    ),
    (
        but(microphone={"state": "deaf", "reason": "it delivers silence; is it muted?"}),
        State.MICROPHONE_DEAF,
        "bad",
        "microphone deaf: The microphone delivers no usable sound: "
        "it delivers silence; is it muted?",
    ),
    (
        but(microphone={"state": "lost", "reason": "the plug is out"}),
        State.MICROPHONE_LOST,
        "bad",
        "microphone lost: The microphone is lost, and the daemon is looking for it: "
        "the plug is out",
    ),
    (
        but(microphone={"state": "none", "device": "none"}),
        State.NO_MICROPHONE,
        "bad",
        "no microphone: There is no microphone",
    ),
    (
        but(speaker={"state": "lost"}),
        State.LOUDSPEAKER_LOST,
        "bad",
        "loudspeaker lost: The loudspeaker is lost, and the daemon is looking for it",
    ),
    (
        but(speaker={"state": "none", "device": "default"}),
        State.NO_LOUDSPEAKER,
        "bad",
        "no loudspeaker: There is no loudspeaker",
    ),
    (
        but(speaker={"state": "none", "device": "none"}),
        State.IDLE,
        "calm",
        "idle: Speak whenever you like",
    ),
    (
        but(
            microphone={"state": "none", "reason": NONE}, speaker={"state": "none", "reason": NONE}
        ),
        State.NO_MICROPHONE,
        "bad",
        f"no microphone: There is no microphone: {NONE}. There is no loudspeaker",
    ),
    (
        but(connection=CLOSED),
        State.NO_CONNECTION,
        "bad",
        "no connection: The service cannot be reached: no route",
    ),
    (
        but(connection={"state": "connecting", "last_error": "no route"}, usage={"daily_limit": 2}),
        State.NO_CONNECTION,
        "bad",
        "no connection: The service cannot be reached: no route",
    ),
    (
        but(connection={"state": "closed"}, usage={"daily_limit": 2.0, "cost_today": 2.1}),
        State.OVER_BUDGET,
        "bad",
        "over budget: Today's budget is used up, so there is no session",
    ),
    ({}, State.UNKNOWN, "none", "not yet known: Waiting for the daemon"),
]


@pytest.mark.parametrize(("status", "state", "hue", "words_of_it"), TABLE)
def test_every_state_has_its_words_and_its_colour(
    status: dict[str, Any], state: State, hue: str, words_of_it: str
) -> None:
    found = conditions(status)
    assert (found[0].state, colour(found)) == (state, hue)
    assert line(status, words()) == words_of_it
    assert headline(found, words("de")) == words("de")[f"state.{state}"]
    assert status_lines(status)[0].startswith(f"{words()[f'state.{state}']}: ")


def test_the_table_names_every_state() -> None:
    assert {state for _, state, _, _ in TABLE} | {State.GONE} == set(State) == set(COLOURS)


def test_every_language_has_the_same_keys_and_the_same_places_for_values() -> None:
    assert languages()[:2] == ("en", "de")
    for code in languages():
        found = words(code)
        assert set(found) == set(words())
        for key, text in found.items():
            assert text.strip(), (code, key)
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", words()[key])), key
    for state in State:
        assert f"state.{state}" in words()


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, en;q=0.4, de;q=0.5", "de"),
        ("DE;q=0.1,en;q=0.2", "en"),
        ("de;q=x", "de"),
        ("en;q=0.5,de;q=x", "en"),
        ("de;v=1", "de"),
        ("../etc,xx", "en"),
    ],
)
def test_the_language_is_what_the_browser_likes_best(wanted: str, code: str) -> None:
    assert chosen(wanted) == code


def test_the_status_is_a_few_lines_for_people() -> None:
    status = but(
        speaker={"reason": "the default is used\x1b[31m"},
        muted=True,
        sound={"notes": ["audio.echo is cancel, but a package is missing"]},
        usage={"daily_limit": 2.0, "cost_today": 0.1234, "responses": 7},
    )
    timer = {"kind": "timer", "name": "pasta", "text": "", "at": None, "state": "running"}
    status |= {
        "volume": 0.8,
        "uplink": {"open": True, "bytes": 1_234_567},
        "timers": [{**timer, "left_s": 61.2}, {**timer, "name": "", "state": "ringing"}],
        "version": "0.1.0",
        "uptime_s": 90_061.0,
    }
    assert status_lines(status) == [
        "muted: The microphone is closed.",
        "microphone   desk",
        r"loudspeaker  desk (the default is used\x1b[31m)",
        "volume       80 %",
        "sound        sound is sent to the service now; 1.2 MB sent since the start",
        "cost         0.123 of 2 today, 7 answers since the start",
        "timer        pasta: 00:01:02 left",
        "timer        without a name: rings",
        "daemon       version 0.1.0, up for 1 d 01:01:01",
        "not as configured: audio.echo is cancel, but a package is missing",
    ]
    assert status_lines(status, coloured=True)[0].startswith("\x1b[1;35mmuted\x1b[0m: ")
