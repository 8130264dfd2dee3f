"""One line to the service, from its greeting to its end: greet, configure, listen.

A line is used once; what was agreed on it (dialect, session) ends with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from rtaudio_daemon.errors import ServiceError
from rtaudio_daemon.realtime.codec import Dialect, Json, SessionFacts, describe_session, encode
from rtaudio_daemon.realtime.connection import Connection
from rtaudio_daemon.realtime.profiles import Endpoint

_LOG = logging.getLogger(__name__)

GREETING_S = 10.0
"""How long session.created, and then session.updated, may take."""

_UPDATE_ID = "rtaudio_session"
_DIALECT_CODES = {"unknown_parameter", "missing_required_parameter"}


class Line:
    """What is said on one open `connection`.

    `settings` returns the flat session settings, `read` decodes a message (None: skip it), and
    `on_event` gets every event but the one that `greet` returns.
    """

    def __init__(
        self,
        connection: Connection,
        endpoint: Endpoint,
        *,
        settings: Callable[[], Json],
        read: Callable[[str], Json | None],
        on_event: Callable[[Json], None],
    ) -> None:
        self.connection = connection
        self.dialect: Dialect = endpoint.dialect
        self.facts: SessionFacts | None = None
        """What the session said about itself."""
        self.refused: str | None = None
        """The service's words when it did not take our settings."""
        self._endpoint = endpoint
        self._settings = settings
        self._read = read
        self._on_event = on_event

    @property
    def ending(self) -> str:
        """Why the connection ended, for people."""
        code, reason = self.connection.close_code, self.connection.close_reason
        return f"the service closed the connection ({code}{': ' if reason else ''}{reason})"

    async def greet(self) -> Json:
        """Wait for session.created and send our settings.

        Returns the answer to them: session.updated, or an error (the session goes on with the
        service's own settings then). Raises ServiceError when the service does not play its part.
        """
        try:
            async with asyncio.timeout(GREETING_S):
                created = await self._wait_for("session.created")
            self._look_at(created)
            update = {"type": "session.update", "event_id": _UPDATE_ID}
            update["session"] = self._settings()  # type: ignore[assignment]
            await self.connection.send(encode(update, self.dialect))
            self._on_event(created)
            async with asyncio.timeout(GREETING_S):
                answer = await self._wait_for("session.updated")
        except TimeoutError as error:
            awaited = "session.updated" if self.facts else "session.created"
            words = f"the service sent no {awaited} within {GREETING_S:.0f} s"
            raise ServiceError(words) from error
        if answer["type"] == "error":
            self._note_refusal(answer["error"])
        else:
            self._note_settings(answer)
        return answer

    async def listen(self) -> None:
        """Pass on every event until the connection ends."""
        read, on_event = self._read, self._on_event
        async for raw in self.connection:
            event = read(raw)
            if event is not None:
                on_event(event)

    async def _wait_for(self, name: str) -> Json:
        """The event `name`, or the error that answers our settings."""
        async for raw in self.connection:
            event = self._read(raw)
            if event is None:
                continue
            if event["type"] == name:
                return event
            if event["type"] == "error" and event["error"].get("event_id") in (None, _UPDATE_ID):
                if self.facts is not None:
                    return event
                self._on_event(event)
                raise _refusal(event["error"])
            self._on_event(event)
        raise ServiceError(self.ending)

    def _look_at(self, created: Json) -> None:
        self.facts = describe_session(_object(created.get("session")))
        if self.facts.dialect == self.dialect:
            return
        if self._endpoint.profile.detects_dialect:
            self.dialect = self.facts.dialect
            return
        _LOG.warning(
            "the service greets in the %s dialect, but profile %s speaks %s: if it refuses our "
            "settings, choose another profile or api_version",
            self.facts.dialect,
            self._endpoint.profile.name,
            self.dialect,
        )

    def _note_settings(self, updated: Json) -> None:
        facts = describe_session(_object(updated.get("session")))
        if facts.id is not None and facts.expires_at is not None:
            self.facts = facts

    def _note_refusal(self, error: Json) -> None:
        self.refused = f"the service refused our settings: {error.get('message')}"
        if error.get("code") in _DIALECT_CODES:
            self.refused += " (is realtime.profile the right one for this service?)"
        _LOG.warning("%s; it goes on with its own", self.refused)


def _refusal(error: Json) -> ServiceError:
    return ServiceError(
        f"the service refused the session: {error.get('message')}",
        code=error.get("code"),
        type=error.get("type"),
    )


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
