"""How long the parts of a daemon live, and the sources of its tools."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rtaudio_daemon.daemon.lifetimes import Lifetimes
from rtaudio_daemon.daemon.running_sources import RunningSources
from rtaudio_daemon.tools.tool import SourceState, Tool


class Work:
    """Notes which works are under way."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    @contextmanager
    def _under_way(self, name: str) -> Iterator[None]:
        self.names.add(name)
        try:
            yield
        finally:
            self.names.discard(name)

    async def of(self, name: str) -> None:
        with self._under_way(name):
            await asyncio.Event().wait()


class Source:
    """A source without tools, whose `run` lasts."""

    state, note = SourceState.OK, ""

    def __init__(self, name: str, work: Work) -> None:
        self.name = name
        self._work = work

    def tools(self) -> tuple[Tool, ...]:
        return ()

    async def run(self) -> None:
        await self._work.of(self.name)


async def test_a_task_lives_as_long_as_its_part() -> None:
    work = Work()
    async with asyncio.TaskGroup() as group:
        lifetimes = Lifetimes(group)
        lifetimes.begin("speaker")
        lifetimes.run("speaker", work.of("first"), "first")
        await asyncio.sleep(0)
        assert ("speaker" in lifetimes, work.names) == (True, {"first"})
        await lifetimes.take_over("speaker")
        assert ("speaker" in lifetimes, work.names) == (True, set())
        lifetimes.run("speaker", work.of("second"), "second")
        await asyncio.sleep(0)
        assert work.names == {"second"}
        await lifetimes.end("speaker")
        assert ("speaker" in lifetimes, work.names) == (False, set())
        await lifetimes.end("speaker")


async def test_a_task_that_ends_by_itself_is_named() -> None:
    async def brief() -> None:
        pass

    async with asyncio.TaskGroup() as group:
        lifetimes = Lifetimes(group)
        async with lifetimes.running(brief(), "brief"):
            assert lifetimes.ended() == []
            await asyncio.sleep(0)
            assert lifetimes.ended() == ["brief"]
        assert lifetimes.ended() == []


async def test_sources_are_exchanged_whole_or_not_at_all() -> None:
    work = Work()
    async with asyncio.TaskGroup() as group:
        sources = RunningSources(Lifetimes(group))
        stays, goes, comes = (Source(name, work) for name in ("stays", "goes", "comes"))

        async def refuse() -> None:
            async with sources.exchanged([stays, comes]):
                await asyncio.sleep(0)
                assert work.names == {"stays", "goes", "comes"}
                raise ValueError("refused")

        async with sources.exchanged([stays, goes]):
            pass
        await asyncio.sleep(0)
        assert work.names == {"stays", "goes"}
        with pytest.raises(ValueError, match="refused"):
            await refuse()
        assert (sources.sources, work.names) == ((stays, goes), {"stays", "goes"})
        async with sources.exchanged([stays, comes]):
            await asyncio.sleep(0)
        assert (sources.sources, work.names) == ((stays, comes), {"stays", "comes"})
        await sources.close()
        assert work.names == set()
