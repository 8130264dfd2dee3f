"""The tools that a person defines in `tools.own`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...config import OwnTool
from ...config.placeholders import revealed
from ..schema import parameters_schema, schema_problems
from ..tool import Json, SourceState, Tool
from .home_assistant.client import HomeClient
from .home_assistant.own_action import HomeAction
from .http_requests import SharedSession
from .http_tool import HttpTool
from .mqtt_tool import MqttTool, Publisher
from .program_tool import ProgramTool
from .running_program import complaint


class OwnTools:
    """Offers `own`; a tool whose parameters the service would reject is omitted, with a note.

    `home`: performs the actions of Home Assistant; its owner closes it.
    `publisher`: sends messages over MQTT.
    """

    name = "own"

    def __init__(
        self,
        own: Sequence[OwnTool],
        home: HomeClient | None = None,
        publisher: Publisher | None = None,
    ) -> None:
        self._home = home
        self._publisher = publisher
        self._sessions = SharedSession()
        self._notes = [f"{own[each.index].name}: {each.what}" for each in problems(own)]
        self._tools = [self._tool(each) for each in own if not schema_problems(_schema(each))]

    @property
    def state(self) -> SourceState:
        """Refused if none of the tools can be offered, otherwise OK."""
        return SourceState.REFUSED if self._notes and not self._tools else SourceState.OK

    @property
    def note(self) -> str:
        """What is wrong with some of the tools."""
        return "; ".join(self._notes)

    def tools(self) -> Sequence[Tool]:
        """Return the tools, in the order of the configuration."""
        return self._tools

    async def run(self) -> None:
        """Wait until cancelled; the last request then closes the connections."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._sessions.close()

    def _tool(self, own: OwnTool) -> Tool:
        carrier: ProgramTool | HttpTool | HomeAction | MqttTool
        targets = None
        if own.program:
            carrier = ProgramTool(own)
        elif own.home_assistant.action and self._home:
            carrier = HomeAction(own.home_assistant, self._home)
            targets = carrier.targets
        elif own.mqtt.topic and self._publisher:
            carrier = MqttTool(own.mqtt, self._publisher)
        else:
            carrier = HttpTool(own, self._sessions)
        return Tool(
            name=own.name,
            description=own.description,
            run=carrier.run,
            source=self.name,
            parameters=_schema(own),
            read_only=own.read_only,
            confirm=own.confirm,
            limit_s=own.limit_s,
            targets=targets,
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the entry `index` of `tools.own`: at which option, and why."""

    index: int
    steps: tuple[str | int, ...]
    what: str


def problems(own: Sequence[OwnTool]) -> Iterator[Problem]:
    """Yield what is wrong with the parameters, and with the programs on this machine."""
    for index, tool in enumerate(own):
        for what in schema_problems(_schema(tool)):
            yield Problem(index, ("parameters",), what)
        if tool.program and (why := complaint(revealed(tool.program[0]))):
            yield Problem(index, ("program", 0), why)


def _schema(tool: OwnTool) -> Json:
    return parameters_schema(tool.parameters or {})
