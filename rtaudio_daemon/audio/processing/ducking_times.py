"""When other programs are softer: while somebody talks with us or something of ours sounds, and a
moment longer, so that their sound does not pump between sentences.
"""

from __future__ import annotations

from dataclasses import dataclass

AFTER_S = 0.4  # from the last sound until others are as loud as before


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at one moment.

    `floor_taken`: somebody speaks, or an answer is awaited or heard. `hears`: our own gate is open.
    `attends`: what is said now needs no wake word, though one is used. `rings`: a timer.
    """

    floor_taken: bool = False
    hears: bool = False
    attends: bool = False
    rings: bool = False

    @property
    def needs_quiet(self) -> bool:
        """Whether others should be softer now."""
        return self.floor_taken or self.hears or self.attends or self.rings


class DuckingTimes:
    """Says from moment to moment whether others are softer; times in seconds, never going back."""

    def __init__(self) -> None:
        self._until: float | None = None

    @property
    def softer(self) -> bool:
        """Whether they are, so that `look` must be called again soon."""
        return self._until is not None

    def look(self, facts: Facts, now: float) -> bool:
        """Whether others are softer from now on."""
        if facts.needs_quiet:
            self._until = now + AFTER_S
        elif self._until is not None and now >= self._until:
            self._until = None
        return self.softer
