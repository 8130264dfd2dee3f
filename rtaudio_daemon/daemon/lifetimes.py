"""The lifetimes of the daemon's parts: their tasks, and what is closed at their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any


class Lifetimes:
    """A context for each living part, by name; if a task of `group` fails, all end."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._contexts: dict[str, AsyncExitStack] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __contains__(self, part: str) -> bool:
        return part in self._contexts

    def begin(self, part: str, life: AsyncExitStack | None = None) -> AsyncExitStack:
        """Begin the life of this part, on `life` or a new stack, until `end`; return the stack."""
        self._contexts[part] = life or AsyncExitStack()
        return self._contexts[part]

    async def take_over(self, part: str, life: AsyncExitStack | None = None) -> None:
        """Like `begin`, but end any previous life of the part."""
        former = self._contexts.get(part)
        self.begin(part, life)
        if former is not None:
            await former.aclose()

    def run(self, part: str, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that lives as long as this part."""
        self._contexts[part].push_async_callback(self.stop, [self.start(work, name)])

    async def end(self, part: str) -> None:
        """End the life of this part, if it lives."""
        if former := self._contexts.pop(part, None):
            await former.aclose()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task that must run until `stop`."""
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        return task

    async def stop(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Stop tasks concurrently."""
        ending = list(tasks)
        self._tasks.difference_update(ending)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    @asynccontextmanager
    async def running(self, work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
        """Run a task for the duration of the context."""
        task = self.start(work, name)
        try:
            yield
        finally:
            await self.stop([task])

    def ended(self) -> list[str]:
        """Return the tasks that should run and do not."""
        return [task.get_name() for task in self._tasks if task.done()]
