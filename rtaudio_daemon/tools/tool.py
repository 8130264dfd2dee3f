"""The interfaces of tools and of their sources.

A tool takes the arguments of a call, checked against its schema, and returns any JSON value. It
raises `ToolError` with words for the model; these must not contain secrets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from ..notifications import AsAsked

Json = dict[str, Any]


class ToolError(Exception):
    """A tool could not do what it was asked to: why, in words for the model."""


@dataclass(frozen=True, slots=True)
class Target:
    """A thing that an action concerns; "" means unknown."""

    domain: str = ""
    device_class: str = ""
    entity: str = ""
    area: str = ""
    reading: bool = False
    """Whether it is only read, which needs no yes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result with further facts."""

    value: Any
    """What the model gets: any JSON value."""
    silent: bool = False
    """Whether no answer is needed, unless another call of the same answer needs one."""
    as_asked: AsAsked = "unknown"
    """Whether a check afterwards found that the state is as asked."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a tool may know about its call."""

    call_id: str
    spoken: bool = False
    """Whether the answer that made the call also had sound."""


Run = Callable[[Json, CallContext], Awaitable[Any]]
"""Runs a tool; returns a JSON value or an `Outcome`. Raises ToolError."""
FindTargets = Callable[[Json], Awaitable[Sequence[Target]]]
"""Returns what a call with these arguments concerns. Raises ToolError if unknown."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function that the model may call.

    `name`: unique in its source, any characters. `parameters`: a JSON Schema of type object.
    `limit_s`: seconds that a call may take; None: the default. `targets`: None: by the arguments
    (`domain`, `device_class`, `entity_id`, `area`).
    """

    name: str
    description: str
    run: Run
    source: str
    parameters: Json
    read_only: bool = False
    """Whether calling it changes nothing."""
    confirm: bool = False
    """Whether a person must confirm every call, regardless of the rules."""
    limit_s: float | None = None
    targets: FindTargets | None = None


class SourceState(StrEnum):
    """The state of a source of tools."""

    OK = "ok"
    STARTING = "starting"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


class ToolSource(Protocol):
    """Offers tools. A source whose tools change calls `SourceListener.tools_changed`."""

    @property
    def name(self) -> str:
        """The name in `/api/status` and in events, such as built_in or mcp:notes."""

    @property
    def state(self) -> SourceState:
        """Whether its tools can be called now."""

    @property
    def note(self) -> str:
        """What a person should know or do; "" if nothing."""

    def tools(self) -> Sequence[Tool]:
        """Return the tools at this moment."""

    async def run(self) -> None:
        """Maintain any connection until cancelled; may return at once."""


@runtime_checkable
class PatientSource(ToolSource, Protocol):
    """A source that waits before it retries after a failure."""

    def try_again(self) -> None:
        """Try at once: somebody may have resolved the problem."""


@runtime_checkable
class InstructingSource(ToolSource, Protocol):
    """A source that adds to the model's instructions."""

    def instructions_lines(self) -> list[str]:
        """Return the present texts; after a change it calls `SourceListener.tools_changed`."""


class SourceListener(Protocol):
    """Is notified about a source."""

    def tools_changed(self) -> None:
        """Note that the tools, the state or the note of a source have changed."""
