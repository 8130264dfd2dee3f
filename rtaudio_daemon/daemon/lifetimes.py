"""How long the parts of the daemon live: their tasks, and what is closed at their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any


class Lifetimes:
    """A context for each part that is alive, by its name; a task of `group` that fails ends all."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._contexts: dict[str, AsyncExitStack] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __contains__(self, part: str) -> bool:
        return part in self._contexts

    def begin(self, part: str, life: AsyncExitStack | None = None) -> AsyncExitStack:
        """Let this part live on `life` (None: on a new one) until `end`; returns it."""
        self._contexts[part] = life or AsyncExitStack()
        return self._contexts[part]

    async def take_over(self, part: str, life: AsyncExitStack | None = None) -> None:
        """The same for a part that may be alive: what it lived on so far ends."""
        former = self._contexts.get(part)
        self.begin(part, life)
        if former is not None:
            await former.aclose()

    def run(self, part: str, work: Coroutine[Any, Any, None], name: str) -> None:
        """Begin a task that lives as long as this part."""
        self._contexts[part].push_async_callback(self.stop, [self.start(work, name)])

    async def end(self, part: str) -> None:
        """Let this part live no more, if it does."""
        if former := self._contexts.pop(part, None):
            await former.aclose()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Begin a task that is to live until `stop`."""
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        return task

    async def stop(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """End tasks, all at once."""
        ending = list(tasks)
        self._tasks.difference_update(ending)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    @asynccontextmanager
    async def running(self, work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
        """A task that lives as long as the context."""
        task = self.start(work, name)
        try:
            yield
        finally:
            await self.stop([task])

    def ended(self) -> list[str]:
        """The tasks that should live and do not."""
        return [task.get_name() for task in self._tasks if task.done()]
