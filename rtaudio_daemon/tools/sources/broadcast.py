"""The tool that speaks a text in every room; offered if a broker is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ...errors import RTAudioError
from ..tool import CallContext, Json, SourceState, Tool, ToolError

NAME = "broadcast"
TEXT_MOST = 500


class BroadcastHost(Protocol):
    """Speaks in every room."""

    async def broadcast(self, text: str) -> Mapping[str, Any]:
        """See `Controls.broadcast`."""


class BroadcastTool:
    """The source of this tool."""

    name = NAME
    state = SourceState.OK
    note = ""

    def __init__(self, host: BroadcastHost) -> None:
        self._host = host
        text = {
            "type": "string",
            "minLength": 1,
            "maxLength": TEXT_MOST,
            "description": "the announcement itself, as in: Dinner is ready.",
        }
        self._offered = [
            Tool(
                name=NAME,
                description="Speaks an announcement in every room, this one too. Only when "
                "somebody asks you to tell everybody something.",
                run=self._broadcast,
                source=NAME,
                parameters={
                    "type": "object",
                    "properties": {"text": text},
                    "required": ["text"],
                    "additionalProperties": False,
                },
            )
        ]

    def tools(self) -> Sequence[Tool]:
        """Return the tool."""
        return self._offered

    async def run(self) -> None:
        """Do nothing: there is no connection to maintain."""

    async def _broadcast(self, arguments: Json, _context: CallContext) -> Json:
        try:
            found = await self._host.broadcast(arguments["text"])
        except RTAudioError as error:
            raise ToolError(str(error)) from error
        here = "waits to be spoken" if found["id"] else "not spoken"
        result = {"this room": here, "other rooms": "sent" if found["sent"] else "not sent"}
        return {**result, "reason": found["reason"]} if found["reason"] else result
