"""HTTP client for Home Assistant: one session, and one assessment of the connection.

The token is sent only to the configured address, and is never shown. After Home Assistant has
refused it, nothing is sent for fifteen minutes, because Home Assistant bans addresses that keep
trying.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from ....config import HomeAssistant
from ....protocol.bounds import error_message_of, is_too_deep, printable
from ....proxies import tunnel_of
from ...tool import Json, SourceState, ToolError
from ..http_requests import SharedSession
from ..kept_link import REFUSED_S
from .states import State, state_of, states_of

_LOG = logging.getLogger(__name__)
AWAY_S = 5.0
"""How many seconds calls fail at once after the home was unreachable."""
_PROVED_S = 5.0  # how long a token that was accepted counts as valid
_CONNECT_S = 2.0
_READ_S = 5.0
_STARTING_S = 60.0  # after it was away; its web server starts before everything else
_MOST_BYTES = 8 << 20
_ROOT = "/api/"
_AGENT = "conversation.home_assistant"
_USER = "make a new long-lived token in the profile of its user, and reload"


class HomeError(ToolError):
    """Home Assistant did not do it: why, in words for the model. `status`: of HTTP, or 0."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    value: Any
    """JSON, or text if it is not JSON."""

    @property
    def words(self) -> str:
        """Return the error message in it; "" if there is none."""
        message = self.value.get("message") if isinstance(self.value, dict) else None
        return error_message_of(message)


class HomeClient:
    """A client for one Home Assistant. Methods raise HomeError; times are those of the loop.

    `state` and `note` describe the connection; `changed` is called when they change.
    """

    def __init__(self, settings: HomeAssistant) -> None:
        self.state = SourceState.STARTING
        self.note = ""
        self.changed: Callable[[], None] = lambda: None
        self.url = settings.url.rstrip("/")
        self._token = settings.token
        self._device_id = settings.device_id
        self._place = self.url.partition("://")[2]
        self._proxy = tunnel_of(self.url)
        self._sessions = SharedSession()
        self._alone = asyncio.Lock()
        self._proved_at = -_PROVED_S
        self._failed_at = self._unreachable_at = -_STARTING_S

    # ------------------------------------------------------------------ requests

    async def ping(self) -> None:
        """Check that Home Assistant is reachable and accepts the token."""
        await self._ask("GET", _ROOT, anyhow=True)

    async def language(self) -> str:
        """Return the language of the home, such as de."""
        answer = await self._ask("GET", "/api/config")
        found = answer.value.get("language") if isinstance(answer.value, dict) else None
        return printable(found[:16]) if isinstance(found, str) else ""

    async def get_states(self) -> dict[str, State]:
        """Return the states of everything that the user may see, by entity id."""
        return states_of((await self._ask("GET", "/api/states")).value)

    async def get_state(self, entity: str) -> State | None:
        """Return one state; None if there is no such entity id."""
        answer = await self._ask("GET", f"/api/states/{quote(entity, safe='.')}")
        return None if answer.status == 404 else state_of(answer.value)

    async def act(self, action: str, data: Json, *, response: bool = False) -> Any:
        """Perform an action (such as light.turn_on); return the answer of Home Assistant.

        That is the list of states that changed meanwhile or, with `response`, the data that the
        action itself returns.
        """
        if not self._is_proved():
            await self.ping()
        domain, _, service = action.partition(".")
        path = f"/api/services/{quote(domain, safe='')}/{quote(service, safe='')}"
        path += "?return_response" if response else ""
        answer = await self._ask("POST", path, data, limit_s=None, acting=True)
        if answer.status == 401:
            raise HomeError("Home Assistant does not allow this to its user", 401)
        if answer.status >= 400:
            why = answer.words or "check its name, its target and its data"
            raise HomeError(f"Home Assistant did not carry out {action}: {why}", answer.status)
        return answer.value

    async def converse(self, text: str, language: str) -> Json:
        """Pass a sentence to Home Assistant's own agent; return its response."""
        if not self._is_proved():
            await self.ping()
        body = {"text": text, "agent_id": _AGENT, **self._spoken(language)}
        path = "/api/conversation/process"
        answer = await self._ask("POST", path, body, limit_s=None, acting=True)
        found = answer.value.get("response") if isinstance(answer.value, dict) else None
        if answer.status >= 400 or not isinstance(found, dict):
            why = answer.words or "it has no conversation agent"
            raise HomeError(f"Home Assistant does not answer: {why}", answer.status)
        return found

    async def recognize(self, text: str, language: str) -> Any:
        """Return how Home Assistant's own agent understands a sentence, without performing it.

        None if it does not understand it, or does not say.
        """
        found = await self._command(
            "conversation/agent/homeassistant/debug", sentences=[text], **self._spoken(language)
        )
        results = found.get("results") if isinstance(found, dict) else None
        return results[0] if isinstance(results, list) and len(results) == 1 else None

    async def things_in(self, target: Json) -> list[str] | None:
        """Return the entity ids in `target`: area_id, device_id, floor_id, label_id.

        None if Home Assistant does not say.
        """
        found = await self._command("extract_from_target", target=target)
        named = found.get("referenced_entities") if isinstance(found, dict) else None
        return (
            [each for each in named if isinstance(each, str)] if isinstance(named, list) else None
        )

    def _spoken(self, language: str) -> Json:
        """Return what Home Assistant should know of a sentence: language, and where it was said."""
        given = {"language": language, "device_id": self._device_id}
        return {key: value for key, value in given.items() if value}

    def refuse(self) -> None:
        """Note that the token was refused elsewhere."""
        self._refused(f"Home Assistant refuses the token: {_USER}", 401)

    def forgive(self) -> None:
        """Try again at once, even after a refusal: somebody may have resolved the problem."""
        self._failed_at = -REFUSED_S

    async def close(self) -> None:
        """Close the session once no request is under way."""
        await self._sessions.close()

    # ------------------------------------------------------------------- one request

    async def _ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        limit_s: float | None = _READ_S,
        anyhow: bool = False,
        acting: bool = False,
    ) -> _Answer:
        """Send a request. `anyhow`: even if the home was unreachable a moment ago.

        `acting`: a refusal concerns the action and not the token. Until the token has recently been
        accepted, requests are sent one after the other, so that a bad token is used only once.
        """
        self._raise_if_refused()
        if not anyhow:
            self._raise_if_away(being_tried=self._alone.locked())
        if self._is_proved():
            return await self._send(method, path, body, limit_s, acting)
        async with self._alone:
            self._raise_if_refused()
            if not anyhow:
                self._raise_if_away()
            return await self._send(method, path, body, limit_s, acting)

    async def _send(
        self, method: str, path: str, body: Json | None, limit_s: float | None, acting: bool
    ) -> _Answer:
        try:
            answer = await self._exchange(method, path, body, limit_s)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            self._unreachable_at = _now()
            raise self._away(self._words(error)) from None
        self._judge(answer, path, acting)
        return answer

    async def _exchange(
        self, method: str, path: str, body: Json | None, limit_s: float | None
    ) -> _Answer:
        async with (
            self._sessions.use() as session,
            session.request(
                method,
                self.url + path,
                json=body,
                headers={
                    "Authorization": f"Bearer {self._token.reveal()}",
                    "Accept-Encoding": "identity",
                },
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(total=limit_s, connect=_CONNECT_S),
            ) as answer,
        ):
            where = answer.headers.get("Location", "") if 300 <= answer.status < 400 else ""
            return _Answer(answer.status, where or _decoded(await _read(answer)))

    async def _command(self, kind: str, **data: Any) -> Any:
        """Return the result of a command over a WebSocket; None if it fails there."""
        if not self._is_proved():
            await self.ping()
        try:
            async with (
                asyncio.timeout(_READ_S),
                self._sessions.use() as session,
                session.ws_connect(
                    f"{self.url}/api/websocket", proxy=self._proxy, max_msg_size=_MOST_BYTES
                ) as socket,
            ):
                for message in (
                    {"type": "auth", "access_token": self._token.reveal()},
                    {"id": 1, "type": kind, **data},
                ):
                    await socket.receive_json()
                    await socket.send_json(message)
                answer = _decoded((await socket.receive_str()).encode())
        except (aiohttp.ClientError, OSError, ValueError, TypeError) as error:
            _LOG.debug("home_assistant: no answer to %s: %s", kind, type(error).__name__)
            return None
        return answer.get("result") if isinstance(answer, dict) else None

    # ------------------------------------------------------------------- the connection

    def _judge(self, answer: _Answer, path: str, acting: bool) -> None:
        """Update the state of the connection. Raises HomeError if the answer is not usable."""
        status, is_json = answer.status, isinstance(answer.value, dict | list)
        if status in (401, 404) and acting and self._is_proved():
            return  # the refusal concerns this action only
        if status == 401:
            raise self._refused(f"Home Assistant refuses the token: {_USER}", status)
        if status == 403 and not is_json:
            why = "Home Assistant has banned this address: remove it from its ip_bans.yaml"
            raise self._refused(f"{why}, restart it, and reload", status)
        if 300 <= status < 400:
            parts = urlsplit(answer.value if isinstance(answer.value, str) else "")
            to = printable(f"{parts.scheme}://{parts.netloc}"[:128]) if parts.netloc else path
            raise self._away(f"it sends us on to {to}: write that as home_assistant.url", status)
        if status in (502, 503, 504) or (status == 404 and not is_json):
            raise self._starting(status)
        if (status < 400 and not is_json) or (status == 404 and path == _ROOT):
            raise self._away("what answers there is no Home Assistant", status)
        self._proved_at = _now()
        self._turn(SourceState.OK, "")

    def _refused(self, note: str, status: int) -> HomeError:
        self._failed_at, self._proved_at = _now(), -_PROVED_S
        self._turn(SourceState.REFUSED, f"{note}; it is tried again in 15 minutes at the earliest")
        return HomeError(note, status)

    def _away(self, why: str, status: int = 0) -> HomeError:
        self._failed_at, self._proved_at = _now(), -_PROVED_S
        self._turn(SourceState.UNREACHABLE, f"no Home Assistant at {self._place}: {why}")
        return HomeError(f"Home Assistant is away: {why}", status)

    def _starting(self, status: int) -> HomeError:
        if _now() - self._unreachable_at > _STARTING_S:
            return self._away("nothing of Home Assistant is at this address", status)
        self._failed_at = _now()
        self._turn(SourceState.STARTING, "Home Assistant is starting")
        return HomeError("Home Assistant is starting; it takes a moment", status)

    def _turn(self, state: SourceState, note: str) -> None:
        if (state, note) == (self.state, self.note):
            return
        known = state is self.state
        self.state, self.note = state, note
        if not known:  # log one line per outage
            bad = state in (SourceState.UNREACHABLE, SourceState.REFUSED)
            _LOG.log(logging.WARNING if bad else logging.INFO, "home_assistant: %s", note or state)
        self.changed()

    def _is_proved(self) -> bool:
        return self.state is SourceState.OK and _now() - self._proved_at < _PROVED_S

    def _raise_if_refused(self) -> None:
        if self.state is SourceState.REFUSED and _now() - self._failed_at < REFUSED_S:
            raise HomeError(self.note)

    def _raise_if_away(self, *, being_tried: bool = False) -> None:
        away = self.state is SourceState.UNREACHABLE
        lately = _now() - self._failed_at < AWAY_S
        if (away and (lately or being_tried)) or (self.state is SourceState.STARTING and lately):
            raise HomeError("Home Assistant is away")

    def _words(self, error: Exception) -> str:
        """Return why a request failed, for people; the package's message may hold the address."""
        if isinstance(error, TimeoutError):
            return "it does not answer"
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return "there is no such host in this network"
        if isinstance(error, aiohttp.ClientSSLError):
            return "its certificate is not trusted"
        if isinstance(error, aiohttp.ClientConnectorError):
            number = error.os_error.errno
            return os.strerror(number).lower() if number else "no connection"
        if isinstance(error, _TooLargeError):
            return f"its answer is larger than {_MOST_BYTES >> 20} MB"
        return "it hung up before it had answered"


class _TooLargeError(aiohttp.ClientPayloadError):
    """An answer exceeds the size limit."""


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while piece := await answer.content.readany():
        body += piece
        if len(body) > _MOST_BYTES:
            raise _TooLargeError
    return bytes(body)


def _decoded(body: bytes) -> Any:
    """Return JSON, or text if it is not JSON."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text[:1000]
    return "" if is_too_deep(value) else value


def _now() -> float:
    return asyncio.get_running_loop().time()
