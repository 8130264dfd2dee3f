"""Which sources of tools the configuration asks for."""

from __future__ import annotations

from datetime import datetime

from .. import config
from ..tools.sources.built_in import BuiltIn
from ..tools.tool import ToolSource
from .tool_box import ToolBox


def open_sources(settings: config.Tools, box: ToolBox) -> list[ToolSource]:
    """The sources, in the order in which they get their names. Raises ConfigError."""
    return [BuiltIn(settings.built_in, box, lambda: datetime.now().astimezone())]
