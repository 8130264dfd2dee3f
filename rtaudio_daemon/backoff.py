"""Delays between failed attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def backoff(
    first_s: float,
    longest_s: float,
    chance: Callable[[], float] | None = None,
    *,
    factor: float = 2.0,
) -> Iterator[float]:
    """Yield delays in seconds, endlessly: `first_s`, each `factor` times as long, up to
    `longest_s`.

    With `chance` (returns a number from 0 to 1, like `random.random`), each is multiplied by 0.75
    to 1.25, so that many clients do not return at the same moment.
    """
    pause_s = min(first_s, longest_s)
    while True:
        yield pause_s * (0.75 + 0.5 * chance()) if chance is not None else pause_s
        pause_s = min(pause_s * factor, longest_s)
