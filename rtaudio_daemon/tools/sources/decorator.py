"""`@tool`: marks a Python function that the model may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "__rtaudio_tool__"


@dataclass(frozen=True, slots=True)
class Mark:
    """The arguments of the decorator; `name` "": the function's own name."""

    name: str = ""
    confirm: bool = False
    read_only: bool = False
    limit_s: float | None = None


@overload
def tool(function: Function, /) -> Function: ...


@overload
def tool(
    *,
    name: str = "",
    confirm: bool = False,
    read_only: bool = False,
    limit_s: float | None = None,
) -> Callable[[Function], Function]: ...


def tool(
    function: Any = None,
    /,
    *,
    name: str = "",
    confirm: bool = False,
    read_only: bool = False,
    limit_s: float | None = None,
) -> Any:
    """Let the model call this function, which is returned unchanged.

    The model gets its name, the first paragraph of its docstring, its parameters with their type
    hints, and their descriptions in the section ``Args:``. `confirm`: every call needs a spoken
    yes. `read_only`: it changes nothing. `limit_s`: seconds that a call may take, 1 to 300; None:
    `tools.limit_s`. Raises ValueError for any other limit.
    """
    if limit_s is not None and not 1 <= limit_s <= 300:
        raise ValueError(f"limit_s: expected a number from 1 to 300, got {limit_s}")

    def mark(target: Any) -> Any:
        setattr(target, _MARK, Mark(name, confirm, read_only, limit_s))
        return target

    return mark if function is None else mark(function)


def mark_of(value: Any) -> Mark | None:
    """Return the arguments of the decorator if `value` is a function marked by it."""
    found = getattr(value, "__dict__", {}).get(_MARK) if callable(value) else None
    return found if isinstance(found, Mark) else None
