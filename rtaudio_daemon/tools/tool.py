"""What a tool is, and what a source of tools offers.

A tool takes the arguments of a call, which were checked against its schema, and returns any JSON
value. It raises `ToolError` with words for the model; these hold no secrets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from ..notifications import AsAsked

Json = dict[str, Any]


class ToolError(Exception):
    """A tool could not do what it was asked for: why, in words for the model."""


@dataclass(frozen=True, slots=True)
class Target:
    """A thing that an action concerns; "" where that is not known."""

    domain: str = ""
    device_class: str = ""
    entity: str = ""
    area: str = ""
    reading: bool = False
    """Whether it is only looked at, which needs no yes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result that is more than a value."""

    value: Any
    """What the model is given: any JSON value."""
    silent: bool = False
    """Whether no answer is needed, where no other call of the same answer needs one."""
    as_asked: AsAsked = "unknown"
    """Whether what the call concerned was looked at afterwards and is as it was asked for."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a tool may know of its call."""

    call_id: str
    spoken: bool = False
    """Whether the answer that made the call had sound of its own."""


Run = Callable[[Json, CallContext], Awaitable[Any]]
"""Runs a tool; returns a JSON value or an `Outcome`. Raises ToolError."""
FindTargets = Callable[[Json], Awaitable[Sequence[Target]]]
"""What a call with these arguments concerns. Raises ToolError if that cannot be found out."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function that the model may call.

    `name`: unique in its source, any characters. `parameters`: a JSON Schema of type object.
    `limit_s`: seconds that a call may take; None: the usual. `targets`: None: what the arguments
    say (`domain`, `device_class`, `entity_id`, `area`).
    """

    name: str
    description: str
    run: Run
    source: str
    parameters: Json
    read_only: bool = False
    """Whether calling it changes nothing."""
    confirm: bool = False
    """Whether a person must confirm every call, whatever the rules say."""
    limit_s: float | None = None
    targets: FindTargets | None = None


class SourceState(StrEnum):
    """How it stands with a source of tools."""

    OK = "ok"
    STARTING = "starting"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


class ToolSource(Protocol):
    """Offers tools. A source whose tools change calls `SourceListener.tools_changed`."""

    @property
    def name(self) -> str:
        """The name in `/api/status` and in events, as in built_in or mcp:notes."""

    @property
    def state(self) -> SourceState:
        """Whether its tools can be called now."""

    @property
    def note(self) -> str:
        """What a person should know or do; "" if nothing."""

    def tools(self) -> Sequence[Tool]:
        """The tools at this moment."""

    async def run(self) -> None:
        """Keep in touch with what is outside, until cancelled; may return at once."""


@runtime_checkable
class PatientSource(ToolSource, Protocol):
    """A source that waits before it tries again what failed."""

    def try_again(self) -> None:
        """Try at once: somebody may have mended what was wrong."""


@runtime_checkable
class InstructingSource(ToolSource, Protocol):
    """A source that has something to say to the model, below the instructions."""

    def instructions_lines(self) -> list[str]:
        """Texts at this moment; after a change `SourceListener.tools_changed` is called."""


class SourceListener(Protocol):
    """Reacts to a source."""

    def tools_changed(self) -> None:
        """The tools, the state or the note of a source are others now."""
