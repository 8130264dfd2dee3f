"""What can be asked at the window: every route once, with what it takes and gives.

The server builds its router from this table, and the OpenAPI document is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import schemas
from .schemas import Schema

PUBLIC_PATHS = frozenset({"/", "/health"})
"""What answers without a token: the page, which holds nothing, and a sign of life."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. `body`: what a POST takes; `gives`: schema of the answer."""

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    gives: Schema | None = None
    body: Schema | None = None
    media: str = "application/json"
    fails: tuple[int, ...] = ()

    @property
    def public(self) -> bool:
        """Whether it answers without a token."""
        return self.path in PUBLIC_PATHS


def _post(path: str, name: str, summary: str, body: Schema = schemas.NOTHING, *fails: int) -> Route:
    return Route("POST", path, name, summary, schemas.STATUS, body, fails=fails)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "page", "The page", media="text/html"),
    Route("GET", "/health", "health", "Alive", schemas.HEALTH),
    Route("GET", "/ready", "ready", "Able to hold a conversation", schemas.READY, fails=(503,)),
    Route("GET", "/metrics", "metrics", "Prometheus metrics", media="text/plain"),
    Route("GET", "/openapi.json", "openapi", "This document", {"type": "object"}),
    Route("GET", "/asyncapi.json", "asyncapi", "The events, described", {"type": "object"}),
    Route("GET", "/api/status", "status", "The whole state", schemas.STATUS),
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
        "/api/devices",
        "devices",
        "Microphones and loudspeakers",
        schemas.DEVICES,
        fails=(503,),
    ),
    _post(
        "/api/say",
        "say",
        "Speak words as they stand, or let them be answered",
        schemas.SAY,
        409,
        503,
    ),
    _post("/api/interrupt", "interrupt", "Be silent now"),
    _post("/api/mute", "mute", "Stop listening"),
    _post("/api/unmute", "unmute", "Listen again"),
    _post("/api/listen/start", "listen_start", "Push to talk: begin", schemas.NOTHING, 409, 503),
    _post("/api/listen/stop", "listen_stop", "Push to talk: end, and let it be answered"),
    _post("/api/volume", "volume", "How loud to speak", schemas.VOLUME),
    Route(
        "POST",
        "/api/reload",
        "reload",
        "Read the configuration again",
        schemas.REPORT,
        schemas.NOTHING,
        fails=(422,),
    ),
)
