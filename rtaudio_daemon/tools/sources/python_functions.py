"""Python functions as tools: from files beside the configuration, and from packages.

Async functions run on the daemon's event loop, others in threads. Exceptions of a function, or of
its file, never end the daemon.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from enum import Enum
from functools import partial
from typing import Any

from ...protocol.bounds import error_message_of, is_too_deep
from ..tool import CallContext, Json, Outcome, SourceListener, SourceState, Tool, ToolError
from .python_files import LOADING_S, Findings, Found, find_functions, too_slow
from .worker_threads import WorkerThreads

_NOTES_MOST = 5
_LOG = logging.getLogger(__name__)


class PythonFunctions:
    """The source of the functions that `open` found."""

    name = "python"

    def __init__(self, findings: Findings, listener: SourceListener) -> None:
        self._listener = listener
        self._threads = WorkerThreads(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._problems = findings.problems
        self._stuck = ""
        self._tools = [self._tool(each) for each in findings.functions]

    @classmethod
    async def open(
        cls, files: Sequence[str], listener: SourceListener, limit_s: float = LOADING_S
    ) -> PythonFunctions:
        """Load `files` and the entry points in a thread, but give up if that takes too long."""
        loading = WorkerThreads(_Loading())
        try:
            async with asyncio.timeout(limit_s):
                findings = await loading.run("loading", partial(find_functions, tuple(files)))
        except TimeoutError:
            findings = too_slow(files, limit_s)
        for problem in findings.problems:
            _LOG.warning("tools.python: %s", problem)
        return cls(findings, listener)

    @property
    def state(self) -> SourceState:
        """Refused if nothing can be offered, otherwise OK."""
        refused = self._problems and not self._tools
        return SourceState.REFUSED if refused else SourceState.OK

    @property
    def note(self) -> str:
        """What is wrong with the files, and which functions do not return."""
        more = len(self._problems) - _NOTES_MOST
        notes = [*self._problems[:_NOTES_MOST], f"and {more} more" if more > 0 else "", self._stuck]
        return "; ".join(each for each in notes if each)

    def tools(self) -> Sequence[Tool]:
        """Return the functions in the order in which they were found."""
        return self._tools

    async def run(self) -> None:
        """Do nothing: there is no connection to maintain."""

    def stuck_changed(self, stuck: list[str]) -> None:
        """Note which functions were given up and still run."""
        names = ", ".join(sorted(set(stuck)))
        self._stuck = f"still running past its limit, each in a thread: {names}" if stuck else ""
        if stuck:
            _LOG.warning("%s", self._stuck)
        self._listener.tools_changed()

    def _tool(self, found: Found) -> Tool:
        run = self._run_async if inspect.iscoroutinefunction(found.function) else self._run_blocking
        return Tool(
            name=found.name,
            description=found.signature.description,
            run=partial(run, found),
            source=self.name,
            parameters=found.signature.schema,
            read_only=found.mark.read_only,
            confirm=found.mark.confirm,
            limit_s=found.mark.limit_s,
        )

    async def _run_blocking(self, found: Found, arguments: Json, _context: CallContext) -> Any:
        return await self._threads.run(found.name, partial(_called, found, arguments))

    async def _run_async(self, found: Found, arguments: Json, _context: CallContext) -> Any:
        # A separate task: a function that cannot be cancelled is abandoned.
        work = asyncio.create_task(_awaited(found, arguments), name=found.name)
        self._tasks.add(work)
        work.add_done_callback(self._forget)
        try:
            await asyncio.wait([work])
        finally:
            work.cancel()
        if work.cancelled():
            raise ToolError(f"{found.name} stopped by itself")
        return work.result()

    def _forget(self, work: asyncio.Task[Any]) -> None:
        self._tasks.discard(work)
        if not work.cancelled():
            work.exception()  # already logged; avoids a warning


class _Loading:
    def stuck_changed(self, stuck: list[str]) -> None:
        """Do nothing: the problem already says that a file takes too long."""


def _called(found: Found, arguments: Json) -> Any:
    try:
        return _json_value(found.function(**found.signature.arguments(arguments)), found.name)
    except BaseException as error:  # also SystemExit, which must not end the daemon
        raise _failure(error, found.name) from None


async def _awaited(found: Found, arguments: Json) -> Any:
    try:
        value = await found.function(**found.signature.arguments(arguments))
        return _json_value(value, found.name)
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        raise _failure(error, found.name) from None


def _failure(error: BaseException, name: str) -> ToolError:
    """Return what a function raised, in words for the model; the log gets the traceback."""
    if isinstance(error, ToolError):
        return ToolError(error_message_of(str(error)) or f"{name} failed")
    _LOG.warning("the function %s raised an exception", name, exc_info=error)
    said = error_message_of(str(error))
    return ToolError(f"{name} failed: {type(error).__name__}{f': {said}' if said else ''}")


def _json_value(value: Any, name: str) -> Any:
    """Return a function's result as valid JSON. Raises ToolError."""
    if isinstance(value, Outcome):
        return value
    found = "done" if value is None else _plain(value)
    if is_too_deep(found):
        raise ToolError(f"{name} returned something that is nested too deeply")
    return found


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > 100:
        return value
    if isinstance(value, Enum):
        return _plain(value.value, depth + 1)
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value), depth + 1)
    if isinstance(value, dict):
        return {str(key): _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, depth + 1) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
