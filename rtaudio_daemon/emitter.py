"""on, once, off, off_all, emit: distributes events to listeners.

Listeners are plain functions or coroutine functions. They are called in the order in which they
were added; a coroutine is started as a task of its own. If a listener raises, that is logged, and
the others are not affected. Listeners added or removed by a listener count from the next event on.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

Listener = Callable[..., Any]

_LOG = logging.getLogger(__name__)


class Emitter:
    """A table of listeners by event name. Not thread-safe: use it from one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[tuple[Listener, bool]]] = {}
        self._tasks: set[asyncio.Future[Any]] = set()

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every `event`; return a function that removes it again."""
        return self._add(event, listener, once=False)

    def once(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` at the next `event` only; return a function that removes it."""
        return self._add(event, listener, once=True)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Remove `listener` from `event`, or all of its listeners if none is given."""
        if listener is None:
            self._listeners.pop(event, None)
            return
        kept = [entry for entry in self._listeners.get(event, ()) if entry[0] != listener]
        self._replace(event, kept)

    def off_all(self) -> None:
        """Remove every listener of every event."""
        self._listeners.clear()

    def emit(self, event: str, *args: Any) -> None:
        """Call every listener of `event`. Never raises."""
        for entry in self._listeners.get(event, ()):
            if entry[1]:
                self._forget(event, entry)
            self._call(event, entry[0], args)

    def _add(self, event: str, listener: Listener, *, once: bool) -> Callable[[], None]:
        entry = (listener, once)
        # A new list, never a changed one: an emit in progress keeps the list it started with.
        self._listeners[event] = [*self._listeners.get(event, ()), entry]
        return lambda: self._forget(event, entry)

    def _forget(self, event: str, entry: tuple[Listener, bool]) -> None:
        kept = list(self._listeners.get(event, ()))
        for index, other in enumerate(kept):
            if other is entry:
                del kept[index]
                break
        self._replace(event, kept)

    def _replace(self, event: str, entries: list[tuple[Listener, bool]]) -> None:
        if entries:
            self._listeners[event] = entries
        else:
            self._listeners.pop(event, None)

    def _call(self, event: str, listener: Listener, args: tuple[Any, ...]) -> None:
        try:
            result = listener(*args)
        except Exception:
            _LOG.exception("a listener of %r raised", event)
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(result)
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._finished(event, done))

    def _finished(self, event: str, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a listener of %r raised", event, exc_info=error)
