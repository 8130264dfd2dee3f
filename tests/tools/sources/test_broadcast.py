"""The tool that speaks in every room."""

from __future__ import annotations

from typing import Any

import pytest

from rtaudio_daemon.errors import NotNowError
from rtaudio_daemon.tools.schema import schema_problems
from rtaudio_daemon.tools.sources.broadcast import BroadcastTool
from rtaudio_daemon.tools.tool import CallContext, ToolError


class Host:
    def __init__(self, found: dict[str, Any] | None) -> None:
        self.texts: list[str] = []
        self._found = found

    async def broadcast(self, text: str) -> dict[str, Any]:
        self.texts.append(text)
        if self._found is None:
            raise NotNowError("there is no loudspeaker")
        return self._found


async def call(host: Host) -> Any:
    (tool,) = BroadcastTool(host).tools()
    assert not schema_problems(tool.parameters)
    assert not tool.read_only
    return await tool.run({"text": "Dinner is ready."}, CallContext("call_1"))


@pytest.mark.parametrize(
    ("found", "result"),
    [
        (
            {"id": "all_1", "sent": True, "reason": ""},
            {"this room": "waits to be spoken", "other rooms": "sent"},
        ),
        (
            {"id": None, "sent": True, "reason": "it is deaf"},
            {"this room": "not spoken", "other rooms": "sent", "reason": "it is deaf"},
        ),
        (
            {"id": "all_1", "sent": False, "reason": "it is away"},
            {"this room": "waits to be spoken", "other rooms": "not sent", "reason": "it is away"},
        ),
    ],
)
async def test_the_model_learns_where_it_is_spoken(
    found: dict[str, Any], result: dict[str, str]
) -> None:
    host = Host(found)
    assert await call(host) == result
    assert host.texts == ["Dinner is ready."]


async def test_what_cannot_be_spoken_anywhere_is_an_error() -> None:
    with pytest.raises(ToolError, match="there is no loudspeaker"):
        await call(Host(None))


async def test_it_has_nothing_to_keep_in_touch_with() -> None:
    source = BroadcastTool(Host(None))
    await source.run()
    assert (source.state, source.note) == ("ok", "")
