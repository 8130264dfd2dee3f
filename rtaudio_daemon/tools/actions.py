"""A record of what the model did: the question, the call, and its outcome; kept for 30 days."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from ..controls import timestamp
from ..errors import NotNowError
from ..notifications import (
    ModelStatus,
    Notification,
    StatusChanged,
    ToolPhase,
    ToolReported,
    Transcript,
)
from ..protocol.bounds import DAY_MS
from .action_file import ActionFile

ACTIONS_FILE = "actions.jsonl"
DAYS = 30
MOST = 2_000
MOST_BYTES = 2_000_000
_LISTED_MOST = 200
_FARTHEST_S = 3.2e10  # the year 2984
_LATEST = 64  # newest calls, among which the start of a call is searched for
_ASKED_CHARACTERS = 500
_PRUNE_EVERY_S = 3600.0
_UNENDED = '{"error": "the daemon ended while it was running"}'
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Action:
    """A call, from start to outcome. `time`: of the start, in seconds since 1970.

    `asked`: what was said before it; "" if that is unknown.
    """

    id: str
    time: float
    call: str
    tool: str
    source: str
    phase: ToolPhase
    took_ms: int = 0
    as_asked: str = "unknown"
    asked: str = ""
    arguments: str = ""
    result: str = ""

    def document(self) -> dict[str, Any]:
        """Return the action, ready for JSON."""
        return {**asdict(self), "time": timestamp(self.time)}


class Actions:
    """Records what becomes of calls, and keeps it in the file `path`; None: only in memory.

    At most `most` calls are kept, in a file of about `most_bytes` (each call takes at least two
    lines until the file is rewritten); the oldest are dropped. If the file cannot be written, a
    warning is logged, and the next call tries to write everything again.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = ActionFile(path) if path else None
        self._most = most
        self._most_bytes = most_bytes
        self._wall_clock = wall_clock
        self._actions: dict[str, Action] = {}  # by id, oldest first
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._boot = secrets.token_hex(4)
        self._numbered = 0
        self._asked = ""  # what was said in the present turn
        self._turn: list[str] = []  # the calls of the present or last turn
        self._idle = True
        self._unsaved: set[str] = set()
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._writing = False
        self._rewrite = False
        self._failed = False

    # ---------------------------------------------------------- events

    def notice(self, notification: Notification) -> None:
        """Note a notification if it concerns a call."""
        match notification:
            case ToolReported():
                self._note_call(notification)
            case Transcript("user", text, True):
                self._note_words(text[:_ASKED_CHARACTERS])
            case StatusChanged(status=ModelStatus.LISTENING):
                self._begin_turn()
            case StatusChanged(status=ModelStatus.THINKING, previous=ModelStatus.IDLE):
                self._begin_turn()  # it begins with a text that nobody spoke
            case StatusChanged(status=ModelStatus.IDLE):
                self._asked, self._idle = "", True
            case _:
                pass

    def _begin_turn(self) -> None:
        self._asked, self._turn, self._idle = "", [], False

    def _note_words(self, text: str) -> None:
        self._asked = "" if self._idle else text
        for each in self._turn:  # the transcript arrives late
            if (action := self._actions.get(each)) and not action.asked:
                action.asked = text
                self._changed(action)

    def _note_call(self, report: ToolReported) -> None:
        action = self._unended(report.call)
        if action is None:
            self._numbered += 1
            name, at = f"{self._boot}-{self._numbered}", self._wall_clock()
            action = Action(
                name, at, report.call, report.tool, report.source, report.phase, asked=self._asked
            )
            self._turn.append(name)
        action.phase, action.took_ms = report.phase, report.took_ms
        action.as_asked = report.as_asked
        action.arguments = report.arguments or action.arguments
        action.result = report.result or action.result
        self._changed(action)

    def _unended(self, call: str) -> Action | None:
        """Return the action of a call that is not over, including one that outlived its limit."""
        for action in islice(reversed(self._actions.values()), _LATEST):
            if action.call == call:
                return action if action.phase in ("started", "timed_out") else None
        return None

    def _changed(self, action: Action) -> None:
        self._keep(action)
        self._unsaved.add(action.id)
        self._wake.set()

    def _keep(self, action: Action) -> None:
        size = len(_line(action))
        self._size += size - self._sizes.get(action.id, 0)
        self._sizes[action.id] = size
        self._actions[action.id] = action
        while len(self._actions) > self._most or self._size > self._most_bytes // 2:
            self._drop(next(iter(self._actions)))

    def _drop(self, name: str) -> None:
        del self._actions[name]
        self._size -= self._sizes.pop(name)
        self._unsaved.discard(name)

    # ---------------------------------------------------------- access

    def listed(self) -> list[dict[str, Any]]:
        """Return the actions, newest first, ready for JSON."""
        self._drop_old()
        return [each.document() for each in islice(reversed(self._actions.values()), _LISTED_MOST)]

    async def clear(self) -> None:
        """Delete all actions, here and on disk. Raises NotNowError if the file remains."""
        self._actions.clear()
        self._sizes.clear()
        self._unsaved.clear()
        self._size = 0
        if self._file is None:
            return
        async with self._lock:
            try:
                await asyncio.to_thread(self._file.delete)
            except OSError as error:
                self._rewrite = True
                why = f"{self._file.path}: {error.strerror}"
                raise NotNowError(f"the actions are still on the disk, {why}") from error

    # ---------------------------------------------------------- the file

    async def load(self) -> None:
        """Load the content of the file."""
        if self._file is None:
            return
        try:
            found = await asyncio.to_thread(self._file.read, 2 * self._most_bytes)
        except FileNotFoundError:
            return
        except OSError as error:
            _LOG.warning("the last actions are lost, %s: %s", self._file.path, error.strerror)
            self._rewrite = True
            return
        for action in _read(found):
            if action.phase == "started":
                action.phase, action.result = "failed", _UNENDED
            self._keep(action)
        self._drop_old()

    async def run(self) -> None:
        """Write new actions at once, and drop old ones, until cancelled; then `close`."""
        while True:
            try:
                async with asyncio.timeout(_PRUNE_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                self._drop_old()
            await self._write()

    async def close(self) -> None:
        """Write what has not been written yet."""
        await self._write()

    async def _write(self) -> None:
        self._wake.clear()
        async with self._lock:
            # An interrupted write may have been partial.
            self._rewrite = self._rewrite or self._writing
            self._writing = True
            await asyncio.to_thread(self._save, *self._to_write())
            self._writing = False

    def _to_write(self) -> tuple[list[str], bool]:
        """Return the lines to write, and whether they replace the whole file."""
        whole = self._rewrite
        actions: Iterable[Action] = self._actions.values()
        if not whole:
            actions = [each for each in actions if each.id in self._unsaved]
        self._unsaved.clear()
        self._rewrite = False
        return [_line(each) for each in actions], whole

    def _save(self, lines: list[str], whole: bool) -> None:
        if self._file is None or not (lines or whole):
            return
        try:
            size = self._file.replace(lines) if whole else self._file.append(lines)
        except OSError as error:
            level = logging.DEBUG if self._failed else logging.WARNING
            self._failed = self._rewrite = True
            _LOG.log(level, "actions cannot be kept in %s: %s", self._file.path, error.strerror)
            return
        self._failed = False
        self._rewrite = self._rewrite or (not whole and size > self._most_bytes)

    def _drop_old(self) -> None:
        """Drop actions older than thirty days, soon also from the disk."""
        now = self._wall_clock()
        oldest = now - DAYS * 86_400
        old = [
            each.id for each in self._actions.values() if not oldest <= each.time <= now + 86_400
        ]
        for each in old:
            self._drop(each)
        if old:
            self._rewrite = True
            self._wake.set()


def _line(action: Action) -> str:
    return json.dumps(action.document(), ensure_ascii=False)


def _read(found: Iterable[dict[str, Any]]) -> Iterator[Action]:
    """Yield every action in the file in its latest state; invalid entries are skipped.

    A start that follows the end of the same call was written at the same time.
    """
    newest: dict[str, Action] = {}
    for each in found:
        try:
            action = _action(each)
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if action.phase != "started" or action.id not in newest:
            newest[action.id] = action
    yield from newest.values()


def _action(found: dict[str, Any]) -> Action:
    at = datetime.fromisoformat(found["time"]).timestamp()
    texts = {each.name: found[each.name] for each in fields(Action) if each.type == "str"}
    if not all(isinstance(each, str) for each in texts.values()):
        raise TypeError("no text")
    "".join(texts.values()).encode()  # a lone surrogate raises ValueError
    took_ms, phase = found["took_ms"], found["phase"]
    if type(took_ms) is not int or phase not in get_args(ToolPhase):
        raise ValueError("no such phase")
    if not (0 <= took_ms <= DAY_MS and 0 <= at < _FARTHEST_S):
        raise ValueError("no such time")
    return Action(time=at, took_ms=took_ms, phase=phase, **texts)
