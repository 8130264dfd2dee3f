"""Opens the sources of tools that the configuration requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from .. import config
from ..tools.sources.broadcast import BroadcastTool
from ..tools.sources.built_in import BuiltIn
from ..tools.sources.mqtt_tool import Publisher
from ..tools.sources.notes import NoteStore, NoteTools
from ..tools.sources.python_functions import PythonFunctions
from ..tools.sources.timer_tools import TimerTools
from ..tools.timers.keeper import TimerKeeper
from ..tools.tool import ToolSource
from .tool_box import ToolBox

if TYPE_CHECKING:
    from ..tools.sources.home_assistant.source import HomeAssistantSource


async def open_sources(
    settings: config.Config,
    box: ToolBox,
    timers: TimerKeeper,
    notes: NoteStore,
    publisher: Publisher,
    former: Sequence[ToolSource],
) -> list[ToolSource]:
    """Return the sources, in the order in which tool names are assigned. Raises ConfigError.

    Sources among `former` that have the same settings and maintain a connection are reused.
    """
    sources: list[ToolSource] = [
        BuiltIn(_built_in(settings), box, lambda: datetime.now().astimezone())
    ]
    if "timers" in settings.tools.built_in:
        sources.append(TimerTools(timers))
    home = _home(settings, box, former) if settings.home_assistant.url else None
    box.notes = notes if "notes" in settings.tools.built_in else None
    if box.notes:
        sources.append(NoteTools(notes))
    if settings.mqtt.host:
        sources.append(BroadcastTool(box))
    if settings.tools.own:
        from ..tools.sources.own_tools import OwnTools  # only here, as it takes memory

        sources.append(OwnTools(settings.tools.own, home.client if home else None, publisher))
    if home is not None:
        sources.append(home)
    functions = await PythonFunctions.open(settings.tools.python, box)
    if functions.tools() or functions.note:
        sources.append(functions)
    for name, server in (settings.tools.mcp or {}).items():
        from ..tools.sources.mcp_servers import McpSource

        new = McpSource(name, server, box, box.ready)
        sources.append(next((each for each in former if new.is_like(each)), new))
    return sources


def _built_in(settings: config.Config) -> list[str]:
    """Return the built-in tools that have an effect."""
    resumes = settings.audio.gate.resumes
    return [name for name in settings.tools.built_in if resumes or name != "go_on"]


def _home(
    settings: config.Config, box: ToolBox, former: Sequence[ToolSource]
) -> HomeAssistantSource:
    from ..tools.sources.home_assistant.client import HomeClient
    from ..tools.sources.home_assistant.source import HomeAssistantSource

    home, exposes = settings.home_assistant, settings.tools.home_assistant
    for each in former:
        if isinstance(each, HomeAssistantSource) and each.does(home, exposes=exposes):
            return each
    return HomeAssistantSource(HomeClient(home), home, box, box.ready, exposes=exposes)
