"""The HTTP API of one daemon: its status, its events, and what it can be asked to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

Json = dict[str, Any]
EVENTS = (
    "status,mute,volume,uplink,connection,device,sound,timer,"
    "wake,yielded,speech,interruption,turn,tool,said,ignored,error"
)
"""Those that are followed: no transcripts, so that nobody's words get into a database."""
_ANSWER_S = 10.0
_SILENCE_S = 40.0  # the daemon sends a comment every 15 s
_SOUND_S = 460.0  # a sound file may take 7 minutes
_QUESTION_S = 600.0  # it waits for its turn, and then for the person
_BODY_MOST = 4 * 1024 * 1024
_LINE_MOST = 1024 * 1024
_REASON_MOST = 500
_TRIES = 5
_GROUPS = ("connection", "microphone", "speaker", "uplink")


class DaemonError(Exception):
    """The daemon cannot be used, or refused; the text says why."""


class UnreachableError(DaemonError):
    """No answer, or none of a daemon."""


class NotAllowedError(DaemonError):
    """No token, a wrong one, or one that may only read."""


class UnknownHostError(DaemonError):
    """The daemon does not know the name by which it was called."""


class RefusedError(DaemonError):
    """It is impossible now, or the request is not as it should be."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `id` to go on from, `name`, `data` as docs/http-api.md has it."""

    id: str
    name: str
    data: Json


@dataclass(slots=True)
class EventParser:
    """Makes events of the bytes of a stream, however they are cut."""

    _rest: bytes = b""
    _fields: dict[str, str] = field(default_factory=dict)

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are complete now. Raises UnreachableError if these are none."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LINE_MOST:
            raise UnreachableError("a line of its events is too long")
        events = []
        for line in lines:
            if line.strip():
                name, _, value = line.decode("utf-8", "replace").rstrip("\r").partition(":")
                self._fields[name] = value.removeprefix(" ")
            elif self._fields:
                fields, self._fields = self._fields, {}
                if "data" in fields:
                    data = _object(fields["data"])
                    events.append(Event(fields.get("id", ""), fields.get("event", ""), data))
        return events


def whole(status: Json) -> Json:
    """A status without parts that are not as expected, which a newer daemon may have.

    Raises UnreachableError if it is none.
    """
    daemon = status.get("daemon")
    if not isinstance(daemon, dict) or not isinstance(daemon.get("id"), str) or not daemon["id"]:
        raise UnreachableError("what answers is no rtaudio-daemon, or one without daemon.id")
    odd = {name for name in _GROUPS if not isinstance(status.get(name), dict)}
    return {name: each for name, each in status.items() if name not in odd}


class VoiceClient:
    """Talks to the daemon at `host` and `port`; `token` may be empty. Raises DaemonError."""

    def __init__(self, http: ClientSession, host: str, port: int, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = URL.build(scheme="http", host=host.strip("[]"), port=port)

    async def status(self) -> Json:
        """The whole status, with `daemon.id` in it."""
        return whole(await self._request("GET", "/api/status", None, _ANSWER_S))

    async def check_control(self) -> None:
        """Raise NotAllowedError if the token may only read; changes nothing."""
        try:
            await self.post("/api/volume", {})  # wrong, but looked at only with the right token
        except RefusedError:
            return

    async def post(self, path: str, body: Json, timeout_s: float = _ANSWER_S) -> Json:
        """Ask for something; the answer, mostly the new status."""
        return await self._request("POST", path, body, timeout_s)

    async def say(self, path: str, body: Json) -> Json:
        """Say or play something and wait for its end; `outcome`, `heard_ms` and `audible` of it.

        The daemon says one id once, so asking again after a lost connection repeats nothing.
        """
        body = {"id": uuid4().hex, **body, "wait": True}
        for remaining in reversed(range(_TRIES)):
            try:
                said = (await self.post(path, body, _SOUND_S)).get("said")
            except UnreachableError:
                if not remaining:
                    raise
                await asyncio.sleep(1)
                continue
            if isinstance(said, dict) and said.get("outcome"):
                return said
        raise UnreachableError("it did not say in time what became of the text")

    async def ask(self, body: Json) -> Json:
        """Ask people; `outcome`, `text`, `id` and `reason` of their answer."""
        return await self.post("/api/ask", body, _QUESTION_S)

    async def events(self, last_id: str) -> AsyncIterator[Event | None]:
        """Everything that happens after the event `last_id`; first None, once it listens.

        Ends when the daemon ends it. Raises DaemonError.
        """
        headers = {**self._headers, "Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        timeout = ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=_SILENCE_S)
        url = self.url.with_path("/api/events").with_query(types=EVENTS)
        try:
            async with self._http.get(url, headers=headers, timeout=timeout) as answer:
                await _check(answer)
                yield None
                parser = EventParser()
                async for chunk in answer.content.iter_any():
                    for event in parser.feed(chunk):
                        yield event
        except (ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(_why(error)) from error

    async def _request(self, method: str, path: str, body: Json | None, timeout_s: float) -> Json:
        timeout = ClientTimeout(total=timeout_s, sock_connect=_ANSWER_S)
        url, headers = self.url.with_path(path), self._headers
        try:
            async with self._http.request(
                method, url, json=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                await _check(answer)
                return _object(await _text(answer))
        except (ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(_why(error)) from error


async def _check(answer: ClientResponse) -> None:
    if answer.status == 200:
        return
    why = _reason(await _text(answer)) or f"HTTP {answer.status}"
    if answer.status in (401, 403):
        raise NotAllowedError(why)
    if answer.status == 421:
        raise UnknownHostError(why)
    if answer.status in (400, 404, 409, 413, 422, 503):
        raise RefusedError(why)
    raise UnreachableError(why)


async def _text(answer: ClientResponse) -> str:
    text = bytearray()
    async for chunk in answer.content.iter_any():
        text += chunk
        if len(text) > _BODY_MOST:
            raise UnreachableError("its answer is too long")
    return text.decode("utf-8", "replace")


def _object(text: str) -> Json:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UnreachableError("what answers is no rtaudio-daemon")
    return found


def _reason(text: str) -> str:
    """The daemon's own sentence."""
    try:
        error = _object(text).get("error")
    except UnreachableError:
        return ""
    return str(error.get("message", ""))[:_REASON_MOST] if isinstance(error, dict) else ""


def _why(error: BaseException) -> str:
    return str(error) or ("it does not answer" if isinstance(error, TimeoutError) else "it is away")
