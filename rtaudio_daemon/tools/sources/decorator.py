"""`@tool`: marks a function in Python that the model may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "__rtaudio_tool__"


@dataclass(frozen=True, slots=True)
class Mark:
    """What the decorator was given; `name` "": the function's own."""

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
    """Let the model call this function; it stays the function that it is.

    The model is given its name, the first paragraph of its docstring, its parameters with their
    type hints, and what the section ``Args:`` says of them. `confirm`: every call needs a spoken
    yes. `read_only`: it changes nothing. `limit_s`: seconds that a call may take, 1 to 300; None:
    `tools.limit_s`. Raises ValueError for a limit beyond that.
    """
    if limit_s is not None and not 1 <= limit_s <= 300:
        raise ValueError(f"limit_s: expected a number from 1 to 300, got {limit_s}")

    def mark(target: Any) -> Any:
        setattr(target, _MARK, Mark(name, confirm, read_only, limit_s))
        return target

    return mark if function is None else mark(function)


def mark_of(value: Any) -> Mark | None:
    """What the decorator was given, if `value` is a function that it marked."""
    found = getattr(value, "__dict__", {}).get(_MARK) if callable(value) else None
    return found if isinstance(found, Mark) else None
