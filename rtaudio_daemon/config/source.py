"""The content of a file of settings: values, the place of each, and mistakes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .file_reading import read_bounded

Steps = tuple[str | int, ...]
"""The path of an option, such as audio, gate, threshold."""

Mistake = tuple[Steps, str]
"""At which option, and the remedy."""

BYTES_MOST = 1 << 18
"""Maximum size of a file of settings."""


@dataclass(frozen=True)
class Place:
    """A place: the file as the user named it, and the line, counted from 1.

    Line 0 stands for the file itself, which cannot be read.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Problem:
    """One mistake: place, option (empty for the YAML itself), and remedy."""

    place: Place
    steps: Steps
    what: str

    def __str__(self) -> str:
        place = str(self.place) if self.place.line else ""  # otherwise `what` names the file
        return ": ".join(filter(None, (place, dotted(self.steps), self.what)))


@dataclass
class Source:
    """The content of a file: plain values, the place of each, and all mistakes."""

    file: str
    value: Any = None
    places: dict[Steps, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    failed: set[Steps] = field(default_factory=set)
    secret_files: set[str] = field(default_factory=set)
    changed_at: float = 0.0
    """When the newest of the files was written, in seconds since 1970."""
    visits: int = 0
    """How many values were read; one used by several aliases counts each time."""
    contents: dict[str, bytes | OSError] = field(default_factory=dict, repr=False)

    def content(self, file: str) -> bytes:
        """Return the content of `file`, read once, or the OSError that occurred."""
        if file not in self.contents:
            try:
                self.contents[file] = read_bounded(file, BYTES_MOST)
            except OSError as error:
                self.contents[file] = error
        found = self.contents[file]
        if isinstance(found, OSError):
            raise found
        return found

    def place(self, steps: Steps) -> Place:
        """Return the place of `steps`, or of the nearest group around it."""
        while steps and steps not in self.places:
            steps = steps[:-1]
        return self.places.get(steps, Place(self.file, 1))


def dotted(steps: Iterable[str | int]) -> str:
    """Return a path for people: ``audio.gate.threshold``, ``tools[0].name``."""
    joined = ""
    for step in steps:
        joined += f"[{step}]" if isinstance(step, int) else f".{step}" if joined else str(step)
    return joined.encode("unicode_escape").decode() if not joined.isprintable() else joined
