"""Decides when other programs are lowered: while somebody talks with us or our own sound plays, and
a moment longer, so that their volume does not pump between sentences.
"""

from __future__ import annotations

from dataclasses import dataclass

AFTER_S = 0.4  # from our last sound until other programs are restored


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts at one moment.

    `in_conversation`: somebody speaks, or an answer is awaited or heard. `hears`: our own gate is
    open. `attends`: wake words are in use, but speech needs none now. `rings`: a timer rings.
    """

    in_conversation: bool = False
    hears: bool = False
    attends: bool = False
    rings: bool = False

    @property
    def needs_quiet(self) -> bool:
        """Whether other programs should be lowered now."""
        return self.in_conversation or self.hears or self.attends or self.rings


class DuckingTimes:
    """Decides at every moment whether others are lowered; times in seconds, never decreasing."""

    def __init__(self) -> None:
        self._until: float | None = None

    @property
    def softer(self) -> bool:
        """Whether they are lowered, so that `look` must be called again soon."""
        return self._until is not None

    def look(self, facts: Facts, now: float) -> bool:
        """Return whether others are lowered from now on."""
        if facts.needs_quiet:
            self._until = now + AFTER_S
        elif self._until is not None and now >= self._until:
            self._until = None
        return self.softer
