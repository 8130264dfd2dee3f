"""Hooks: an event runs a program, or is sent to an address.

Nothing waits for a hook. While one is carried out, the newest event waits for it, and older waiting
events are dropped. Its result is ignored; failures are logged and counted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import aiohttp

from .. import config
from ..api.payloads import as_event
from ..child_processes import harmless_environment
from ..config.hooks import described, wanted
from ..config.placeholders import revealed
from ..controls import timestamp
from ..notifications import EVENT_NAMES, Notification
from ..protocol.bounds import error_message_of
from ..proxies import is_at_home, proxy_of
from ..tools.sources.http_requests import SharedSession, hidden_parts, unreachable
from ..tools.sources.masking import Masking
from ..tools.sources.running_program import filled_command, run_program, why_not

_LOG = logging.getLogger(__name__)
_TERM_S = 0.3  # how long a program has to end after SIGTERM
_AGAIN_S = 3600.0  # how long further failures of the same kind are not logged

Event = Mapping[str, Any]


class Failure(NamedTuple):
    """Why a hook was not carried out: the kind of failure, and a sentence."""

    kind: str
    words: str


class Carrier(Protocol):
    """Carries out a hook."""

    async def carry_out(self, event: Event) -> Failure | None:
        """Carry it out for this event; return why that failed, if it did."""


class Hooks:
    """The hooks of a daemon. Their tasks run in `group`; `asleep`: whether the session sleeps."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        asleep: Callable[[], bool],
        *,
        environment: Mapping[str, str] = os.environ,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.publish_transcripts = False
        """Whether hooks get what was said."""
        self._group = group
        self._asleep = asleep
        self._environment = harmless_environment(environment)
        self._wall_clock = wall_clock
        self._sessions = SharedSession()
        self._runners: dict[_Runner, asyncio.Task[None]] = {}
        self._counts = {"hook_runs": 0.0, "hook_failures": 0.0, "hook_events_dropped": 0.0}

    def counts(self) -> Mapping[str, float]:
        """Return how often hooks were carried out, failed and were too busy, since the start."""
        return self._counts

    async def use(self, hooks: Sequence[config.Hook]) -> None:
        """Use these hooks from now on: unchanged ones continue, removed ones are stopped."""
        former, found = dict(self._runners), {}
        for hook in hooks:
            runner = next((each for each in former if each.hook == hook), None)
            if runner is None:
                runner = _Runner(hook, self._carrier(hook), self._counts)
                found[runner] = self._group.create_task(runner.run(), name=f"hook on {hook.on}")
            else:
                found[runner] = former.pop(runner)
        self._runners = found
        for task in former.values():
            task.cancel()
        if former:
            await asyncio.wait(former.values())

    async def close(self) -> None:
        """Stop all of them: programs have 0.3 s to end by themselves."""
        await self.use(())
        await self._sessions.close()

    def notice(self, notification: Notification) -> None:
        """Handle a notification."""
        name = EVENT_NAMES[type(notification)]
        waiting = [each for each in self._runners if each.hook.on == name]
        if not waiting:
            return
        event = as_event(notification, said=self.publish_transcripts, asleep=self._asleep)
        if event is None:
            return
        data = {"event": name, "time": timestamp(self._wall_clock()), **event[1]}
        for runner in waiting:
            if wanted(runner.hook, data):
                runner.offer(data)

    def _carrier(self, hook: config.Hook) -> Carrier:
        return _Program(hook, self._environment) if hook.run else _Webhook(hook, self._sessions)


class _Runner:
    """Carries out one hook, one event at a time."""

    def __init__(self, hook: config.Hook, carrier: Carrier, counts: dict[str, float]) -> None:
        self.hook = hook
        self._carrier = carrier
        self._counts = counts
        self._clock = asyncio.get_running_loop().time
        self._now: Event | None = None
        self._next: Event | None = None
        self._wanted = asyncio.Event()
        self._failures: dict[str, int] = {}  # by kind, since the last one that was logged
        self._logged_at: dict[str, float] = {}

    def offer(self, event: Event) -> None:
        """Carry it out now, or after the present one unless a newer event arrives first."""
        if self._now is None:
            self._now = event
            self._wanted.set()
            return
        if self._next is not None:
            self._counts["hook_events_dropped"] += 1
        self._next = event

    async def run(self) -> None:
        """Carry out the events that are offered, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._now is not None:
                await self._carry_out(self._now)
                self._now, self._next = self._next, None

    async def _carry_out(self, event: Event) -> None:
        limit_s = self.hook.limit_s
        try:
            async with asyncio.timeout(limit_s):
                failure = await self._carrier.carry_out(event)
        except TimeoutError:
            failure = Failure("limit", f"was stopped after {limit_s:g} s (limit_s)")
        self._counts["hook_runs"] += 1
        if failure is not None:
            self._counts["hook_failures"] += 1
            self._log(failure)

    def _log(self, failure: Failure) -> None:
        """Log a failure, unless one of its kind was logged within the last hour."""
        kind, now = failure.kind, self._clock()
        count = self._failures[kind] = self._failures.get(kind, 0) + 1
        if kind in self._logged_at and now - self._logged_at[kind] < _AGAIN_S:
            return
        more = f" ({count} times since this was logged last)" if kind in self._logged_at else ""
        _LOG.warning("hook on %s: %s%s", described(self.hook), failure.words, more)
        self._logged_at[kind], self._failures[kind] = now, 0


class _Program:
    """Runs a program: its arguments contain fields of the event, its input is the event as JSON."""

    def __init__(self, hook: config.Hook, environment: Mapping[str, str]) -> None:
        self._program = hook.run
        self._environment = environment
        self._mask = Masking(hook.run)

    async def carry_out(self, event: Event) -> Failure | None:
        """Run it to its end; if cancelled, end it and its child processes."""
        try:
            command = filled_command(self._program, event)
        except ValueError as error:
            return Failure("argument", str(error))
        given = json.dumps(event).encode() + b"\n"
        try:
            ended = await run_program(command, self._environment, given=given, term_s=_TERM_S)
        except (OSError, ValueError) as error:
            why = self._mask.text(why_not(command, self._environment, error))
            return Failure("start", why)
        if not ended.status:
            return None
        name = Path(revealed(self._program[0])).name
        said = error_message_of(self._mask.text(ended.complained))
        return Failure(ended.how, f"{name} failed ({ended.how}){f': {said}' if said else ''}")


class _Webhook:
    """Sends the event to an address; its answer is not read."""

    def __init__(self, hook: config.Hook, sessions: SharedSession) -> None:
        self._url = revealed(hook.url)
        self._headers = {name: revealed(value) for name, value in (hook.headers or {}).items()}
        self._sessions = sessions
        address = urlsplit(self._url)
        self._host = address.netloc
        self._proxy = None if is_at_home(address.hostname or "") else proxy_of(self._url)
        self._mask = Masking(hidden_parts(hook.url), hook.headers)

    async def carry_out(self, event: Event) -> Failure | None:
        """Send it; the response body is ignored."""
        try:
            async with (
                self._sessions.use() as session,
                session.post(
                    self._url,
                    json=dict(event),
                    headers=self._headers,
                    proxy=self._proxy,
                    allow_redirects=False,
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            words = self._mask.text(unreachable(self._host, error))
            return Failure(words, words)
        if status < 300:
            return None
        why = ": it points to another address, which is not followed" if status < 400 else ""
        return Failure(f"HTTP {status}", f"{self._host} answers HTTP {status}{why}")
