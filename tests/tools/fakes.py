"""A source of tools for tests, whose tools do what a function says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rtaudio_daemon.tools.tool import CallContext, Json, SourceState, Tool

ANY: Json = {"type": "object", "properties": {}, "additionalProperties": True}


class FakeSource:
    """Offers the tools it is given, and counts how often each ran."""

    def __init__(self, *tools: Tool, name: str = "fake") -> None:
        self.name, self.state, self.note = name, SourceState.OK, ""
        self.offered = list(tools)
        self.ran: list[tuple[str, Json]] = []

    def add(
        self, name: str, run: Callable[[Json], Awaitable[Any]] | None = None, **options: Any
    ) -> Tool:
        """Offer one more tool; without `run` it gives back "done"."""

        async def call(arguments: Json, _context: CallContext) -> Any:
            self.ran.append((name, arguments))
            return await run(arguments) if run else "done"

        options = {
            "description": f"Does {name}.",
            "parameters": ANY,
            "source": self.name,
            **options,
        }
        tool = Tool(name=name, run=call, **options)
        self.offered.append(tool)
        return tool

    def tools(self) -> Sequence[Tool]:
        return self.offered

    async def run(self) -> None:
        pass
