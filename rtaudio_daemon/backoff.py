"""Pauses between attempts that fail: the one generator of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def backoff(
    first_s: float,
    longest_s: float,
    chance: Callable[[], float] | None = None,
    *,
    factor: float = 2.0,
) -> Iterator[float]:
    """Pauses in seconds without end: `first_s`, then `factor` times as long each, to `longest_s`.

    With `chance` (a number from 0 to 1 at each call, as `random.random`) each one is between three
    and five quarters of its size, so that many clients do not come back at the same moment.
    """
    pause_s = min(first_s, longest_s)
    while True:
        yield pause_s * (0.75 + 0.5 * chance()) if chance is not None else pause_s
        pause_s = min(pause_s * factor, longest_s)
