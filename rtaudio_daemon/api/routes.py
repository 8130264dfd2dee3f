"""All routes of the HTTP API, with their bodies and answers.

The router and the OpenAPI document are built from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import answer_schemas, body_schemas
from .schema_parts import NOTHING, Schema

PUBLIC_PATHS = frozenset({"/", "/health"})
"""Paths that need no token: the page, which contains no data, and the liveness check."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. `body`, `gives`: schemas of request and response."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    name: str
    summary: str
    gives: Schema | None = None
    body: Schema | None = None
    media: str = "application/json"
    fails: tuple[int, ...] = ()

    @property
    def public(self) -> bool:
        """Whether it needs no token."""
        return self.path in PUBLIC_PATHS


def _post(path: str, name: str, summary: str, body: Schema = NOTHING, *fails: int) -> Route:
    return Route("POST", path, name, summary, answer_schemas.STATUS, body, fails=fails)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "page", "The page", media="text/html"),
    Route("GET", "/health", "health", "Liveness", answer_schemas.HEALTH),
    Route(
        "GET",
        "/ready",
        "ready",
        "Whether a conversation is possible",
        answer_schemas.READY,
        fails=(503,),
    ),
    Route("GET", "/metrics", "metrics", "Prometheus metrics", media="text/plain"),
    Route("GET", "/openapi.json", "openapi", "This document", {"type": "object"}),
    Route("GET", "/asyncapi.json", "asyncapi", "The events as AsyncAPI", {"type": "object"}),
    Route("GET", "/api/status", "status", "The whole status", answer_schemas.STATUS),
    Route(
        "GET",
        "/api/events",
        "events",
        "Server-Sent Events; see /asyncapi.json",
        media="text/event-stream",
        fails=(503,),
    ),
    Route(
        "GET",
        "/api/report/events",
        "report_events",
        "What happened in the last hour, without words",
        answer_schemas.RECORDED,
    ),
    Route(
        "GET",
        "/api/devices",
        "devices",
        "Microphones and loudspeakers",
        answer_schemas.DEVICES,
        fails=(503,),
    ),
    Route(
        "POST",
        "/api/say",
        "say",
        "Speak a text verbatim, or let the model answer it",
        answer_schemas.SAY_ANSWER,
        body_schemas.SAY,
        fails=(409, 503),
    ),
    Route(
        "POST",
        "/api/ask",
        "ask",
        "Ask people something, and wait for their answer",
        answer_schemas.ASKED,
        body_schemas.ASK,
        fails=(409, 503),
    ),
    Route(
        "POST",
        "/api/start_conversation",
        "start_conversation",
        "Speak a text verbatim, and listen without a wake word",
        answer_schemas.SAY_ANSWER,
        body_schemas.START_CONVERSATION,
        fails=(409, 503),
    ),
    Route(
        "POST",
        "/api/broadcast",
        "broadcast",
        "Speak a text here and in all other rooms",
        answer_schemas.BROADCAST_ANSWER,
        body_schemas.BROADCAST,
        fails=(409, 503),
    ),
    Route(
        "POST",
        "/api/play",
        "play",
        "Play a sound file",
        answer_schemas.SAY_ANSWER,
        body_schemas.PLAY,
        fails=(404, 409),
    ),
    Route(
        "POST",
        "/api/test_sound",
        "test_sound",
        "Play a short sound, and say whether the microphone heard it",
        answer_schemas.SAY_ANSWER,
        NOTHING,
        fails=(409,),
    ),
    Route(
        "POST",
        "/api/measure_echo",
        "measure_echo",
        "Play a chirp, and say how late and how loud the room sends it back",
        answer_schemas.ECHO,
        NOTHING,
        fails=(409,),
    ),
    Route("GET", "/api/wake", "wake", "The wake words that were taught here", answer_schemas.WAKE),
    Route(
        "POST",
        "/api/wake/teach",
        "wake_teach",
        "Teach a wake word: hear it once, or test it",
        answer_schemas.TAUGHT,
        body_schemas.TEACH,
        fails=(404, 409, 503),
    ),
    Route(
        "DELETE",
        "/api/wake/words/{id}",
        "wake_forget",
        "Forget a wake word that was taught",
        answer_schemas.WAKE,
        NOTHING,
        fails=(404,),
    ),
    _post("/api/interrupt", "interrupt", "Stop speaking"),
    _post("/api/mute", "mute", "Stop listening, or listen again", body_schemas.MUTE),
    _post("/api/unmute", "unmute", "Listen again"),
    _post("/api/listen/start", "listen_start", "Push to talk: start", NOTHING, 409, 503),
    _post("/api/listen/stop", "listen_stop", "Push to talk: stop, and answer"),
    _post("/api/volume", "volume", "Set the volume", body_schemas.VOLUME),
    _post("/api/persona", "persona", "Choose who answers", body_schemas.PERSONA, 404),
    Route("GET", "/api/timers", "timers", "Timers, alarms and reminders", answer_schemas.TIMERS),
    Route(
        "POST",
        "/api/timers",
        "timer_set",
        "Set a timer, an alarm or a reminder",
        answer_schemas.TIMER_ANSWER,
        body_schemas.TIMER_SET,
        fails=(409,),
    ),
    Route(
        "PATCH",
        "/api/timers/{id}",
        "timer_change",
        "Change one of them; its name will do as the id",
        answer_schemas.TIMER_ANSWER,
        body_schemas.TIMER_CHANGE,
        fails=(404, 409),
    ),
    Route(
        "DELETE",
        "/api/timers/{id}",
        "timer_cancel",
        "Remove one of them; its name will do as the id",
        answer_schemas.TIMER_ANSWER,
        NOTHING,
        fails=(404, 409),
    ),
    _post("/api/timers/dismiss", "timers_dismiss", "Stop what rings, if anything does"),
    _post(
        "/api/timers/snooze",
        "timers_snooze",
        "Let what rings, or has just stopped, ring again later",
        body_schemas.SNOOZE,
        409,
    ),
    Route("GET", "/api/tools", "tools", "What the model may call, by source", answer_schemas.TOOLS),
    Route(
        "POST",
        "/api/tools/{id}",
        "tool_call",
        "Call the tool of this name by hand; what is denied stays denied",
        answer_schemas.TOOL_OUTPUT,
        body_schemas.TOOL_CALL,
        fails=(409,),
    ),
    Route("GET", "/api/notes", "notes", "What people asked to be remembered", answer_schemas.NOTES),
    Route(
        "DELETE",
        "/api/notes/{id}",
        "note_forget",
        "Remove a note for good",
        answer_schemas.NOTES,
        NOTHING,
        fails=(404, 409),
    ),
    Route(
        "GET",
        "/api/actions",
        "actions",
        "What became of the last calls of tools",
        answer_schemas.ACTIONS,
    ),
    Route(
        "DELETE",
        "/api/actions",
        "actions_forget",
        "Forget the last calls of tools",
        answer_schemas.ACTIONS,
        NOTHING,
        fails=(409,),
    ),
    Route(
        "GET",
        "/api/settings",
        "settings_list",
        "What may be chosen",
        answer_schemas.SETTINGS,
        fails=(422,),
    ),
    Route(
        "POST",
        "/api/settings",
        "settings_choose",
        "Lay these over the configuration, until it is undone",
        answer_schemas.SETTINGS,
        body_schemas.SETTINGS_CHOICE,
        fails=(409, 422),
    ),
    Route(
        "DELETE",
        "/api/settings",
        "settings_reset",
        "Back to the configuration",
        answer_schemas.SETTINGS,
        NOTHING,
        fails=(409, 422),
    ),
    Route(
        "POST",
        "/api/reload",
        "reload",
        "Reload the configuration",
        answer_schemas.REPORT,
        NOTHING,
        fails=(422,),
    ),
)
