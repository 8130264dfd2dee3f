"""A tool that runs a program, configured by `program` in an entry of `tools.own`; never a shell.

An argument fills one element of the command line, whatever it contains. The program gets a small
environment without secrets, no input, and a process group of its own, which is killed as a whole
when the call is stopped.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...child_processes import harmless_environment
from ...config import OwnTool
from ...config.placeholders import revealed
from ...protocol.bounds import error_message_of
from ..tool import CallContext, Json, ToolError
from .http_tool import as_json
from .masking import Masking
from .running_program import Ended, filled_command, run_program, why_not


class ProgramTool:
    """Runs the program of `tool` with the arguments of a call."""

    def __init__(self, tool: OwnTool, environment: Mapping[str, str] = os.environ) -> None:
        self._program = tool.program
        self._name = Path(revealed(tool.program[0])).name
        self._environment = harmless_environment(environment)
        self._mask = Masking(tool.program)

    async def run(self, arguments: Json, _context: CallContext) -> Any:
        """Return the program's output: JSON if it is JSON, otherwise text. Raises ToolError."""
        command = self._command(arguments)
        try:
            ended = await run_program(command, self._environment)
        except (OSError, ValueError) as error:
            raise ToolError(why_not(command, self._environment, error)) from None
        if ended.status:
            raise ToolError(self._failed(ended))
        text = self._mask.text(ended.printed.decode("utf-8", "replace"))
        return self._mask.value(as_json(text)) if text.strip() else "done"

    def _command(self, arguments: Json) -> list[str]:
        try:
            return filled_command(self._program, arguments)
        except ValueError as error:
            raise ToolError(str(error)) from None

    def _failed(self, ended: Ended) -> str:
        said = error_message_of(self._mask.text(ended.complained))
        return f"{self._name} failed ({ended.how}){f': {said}' if said else ''}"
