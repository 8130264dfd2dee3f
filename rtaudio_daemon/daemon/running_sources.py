"""The sources of tools in use, each with a task that maintains its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

from ..tools.tool import PatientSource, ToolSource
from .lifetimes import Lifetimes


class RunningSources:
    """Runs sources in tasks of `lifetimes`."""

    def __init__(self, lifetimes: Lifetimes) -> None:
        self._lifetimes = lifetimes
        self._tasks: dict[ToolSource, asyncio.Task[None]] = {}

    @property
    def sources(self) -> tuple[ToolSource, ...]:
        """All sources in use."""
        return tuple(self._tasks)

    @asynccontextmanager
    async def exchanged(self, sources: Collection[ToolSource]) -> AsyncIterator[None]:
        """Run these sources from now on; after the context, stop those that are not among them.

        If the context ends with an exception, everything stays as it was.
        """
        former = self._tasks
        async with AsyncExitStack() as opening:
            new = {
                each: self._lifetimes.start(_lasting(each), each.name)
                for each in sources
                if each not in former
            }
            opening.push_async_callback(self._lifetimes.stop, new.values())
            yield
            opening.pop_all()
        self._tasks = {each: new.get(each) or former[each] for each in sources}
        await self._lifetimes.stop(task for each, task in former.items() if each not in self._tasks)

    def try_again(self) -> None:
        """Let sources that wait before a retry try at once."""
        for source in self._tasks:
            if isinstance(source, PatientSource):
                source.try_again()

    async def close(self) -> None:
        """Stop all."""
        await self._lifetimes.stop(self._tasks.values())


async def _lasting(source: ToolSource) -> None:
    """Run a source, and do not return even if it does."""
    await source.run()
    await asyncio.Event().wait()
