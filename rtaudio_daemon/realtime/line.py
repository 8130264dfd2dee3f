"""One line to the service, from its greeting to its end: greet, configure, listen.

A line is used once; what was agreed on it (dialect, session) ends with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from rtaudio_daemon.errors import ServiceError
from rtaudio_daemon.realtime.codec import Dialect, Json, SessionFacts, describe_session, encode
from rtaudio_daemon.realtime.connection import Connection
from rtaudio_daemon.realtime.effective import advice, unlike
from rtaudio_daemon.realtime.profiles import Endpoint

_LOG = logging.getLogger(__name__)

GREETING_S = 10.0
"""How long session.created, and then session.updated, may take."""

_UPDATE_ID = "rtaudio_session"


class Line:
    """What is said on one open `connection`.

    `settings` returns the flat session settings, `read` decodes a message (None: skip it), and
    `on_event` gets this line and every event but the one that `greet` returns.
    """

    def __init__(
        self,
        connection: Connection,
        endpoint: Endpoint,
        *,
        settings: Callable[[], Json],
        read: Callable[[str], Json | None],
        on_event: Callable[[Line, Json], None],
    ) -> None:
        self.connection = connection
        self.dialect: Dialect = endpoint.dialect
        self.facts: SessionFacts | None = None
        """What the session said about itself."""
        self.refused: str | None = None
        """What the service did not take of our settings, in words."""
        self.answer: Json = {}
        """The answer to our settings."""
        self.greeted_at = 0.0
        self.expired = False
        """Whether the service said that the session has reached its end."""
        self._endpoint = endpoint
        self._settings = settings
        self._requested: Json = {}
        self._read = read
        self._on_event = on_event
        self._reader: asyncio.Task[None] | None = None
        self._writers: list[asyncio.Task[None]] = []

    @property
    def ending(self) -> str:
        """Why the connection ended, for people."""
        code, reason = self.connection.close_code, self.connection.close_reason
        return f"the service closed the connection ({code}{': ' if reason else ''}{reason})"

    @property
    def ended(self) -> asyncio.Task[None]:
        """Done as soon as the connection has ended (after `open`)."""
        assert self._reader is not None
        return self._reader

    async def open(self) -> None:
        """Connect, greet and listen from then on. Raises ServiceError, and is closed then."""
        try:
            await self.connection.open()
            self.answer = await self._greet()
        except BaseException:
            await self.connection.close()
            raise
        self.greeted_at = asyncio.get_running_loop().time()
        self._reader = asyncio.create_task(self._listen(), name="realtime-reader")

    def missed(self) -> Json:
        """What was changed in our settings since the greeting."""
        asked, wanted = self._requested, self._settings()
        return {key: wanted[key] for key in wanted if key not in asked or asked[key] != wanted[key]}

    def encode(self, event: Json) -> str:
        """A message (in house spelling) as it is written on this line."""
        commits_answers = self._endpoint.profile.commits_answers
        return encode(event, self.dialect, commits_answers=commits_answers)

    def start(self, *writers: Coroutine[Any, Any, None]) -> None:
        """Run `writers` for as long as the line is in use."""
        self._writers = [asyncio.create_task(each, name="realtime-writer") for each in writers]

    def retire(self) -> None:
        """Say nothing more on it."""
        for task in self._writers:
            task.cancel()

    async def close(self) -> None:
        """End it (waiting for at most a second for the goodbye)."""
        tasks = [*self._writers, *([self._reader] if self._reader else [])]
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await self.connection.close()

    # ------------------------------------------------------------------ private

    async def _listen(self) -> None:
        read, on_event = self._read, self._on_event
        async for raw in self.connection:
            event = read(raw)
            if event is not None:
                on_event(self, event)

    async def _greet(self) -> Json:
        """Wait for session.created and send our settings.

        Returns the answer to them: session.updated, or an error (the session goes on with the
        service's own settings then). Raises ServiceError when the service does not play its part.
        """
        requested = self._requested = self._settings()
        try:
            async with asyncio.timeout(GREETING_S):
                created = await self._wait_for("session.created")
            self._look_at(created)
            update = {"type": "session.update", "event_id": _UPDATE_ID, "session": requested}
            await self.connection.send(self.encode(update))
            self._on_event(self, created)
            async with asyncio.timeout(GREETING_S):
                answer = await self._wait_for("session.updated")
        except TimeoutError as error:
            awaited = "session.updated" if self.facts else "session.created"
            words = f"the service sent no {awaited} within {GREETING_S:.0f} s"
            raise ServiceError(words) from error
        if answer["type"] == "error":
            self._note_refusal(answer["error"])
        else:
            self._note_settings(answer, requested)
        return answer

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
                self._on_event(self, event)
                raise _refusal(event["error"])
            self._on_event(self, event)
        raise ServiceError(self.ending)

    def _look_at(self, created: Json) -> None:
        self.facts = describe_session(_object(created.get("session")))
        if self._endpoint.profile.detects_dialect:
            self.dialect = self.facts.dialect
        elif self.facts.dialect != self.dialect:
            _LOG.warning("%s", advice(self.facts.dialect, self._endpoint.profile.name))

    def _note_settings(self, updated: Json, requested: Json) -> None:
        session = _object(updated.get("session"))
        facts = describe_session(session)
        if facts.id is not None and facts.expires_at is not None:
            self.facts = facts
        if found := unlike(requested, session):
            self.refused = f"the service did not take all of our settings: {'; '.join(found)}"
            _LOG.warning("%s", self.refused)

    def _note_refusal(self, error: Json) -> None:
        assert self.facts is not None
        self.refused = f"the service refused our settings: {error.get('message')}"
        speaks = self.facts.dialect if self.facts.dialect != self.dialect else None
        if found := advice(speaks, self._endpoint.profile.name, error):
            self.refused += f" ({found})"
        _LOG.warning("%s; it goes on with its own", self.refused)


def _refusal(error: Json) -> ServiceError:
    return ServiceError(
        f"the service refused the session: {error.get('message')}",
        code=error.get("code"),
        type=error.get("type"),
    )


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
