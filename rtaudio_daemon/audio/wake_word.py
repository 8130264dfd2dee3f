"""To whom does the house listen: to everybody, after a wake word, or only at the press of a button.

Time is the sound itself.
"""

from __future__ import annotations

from typing import Literal, Protocol

from .format import BYTES_PER_MS

Listen = Literal["open", "wake_word", "push_to_talk"]
_REFRACTORY_MS = 2_000  # a word is still in the detector's window for a while


class Spotter(Protocol):
    """Looks for wake words in a stream of pcm."""

    def feed(self, pcm: bytes) -> str | None:
        """The wake word that just ended, if any."""


class Attention:
    """Whether speech is for us.

    `open`: always. `push_to_talk`: never (the button has its own way). `wake_word`: after a wake
    word, for `window_ms`; while a turn goes on, or an answer is awaited or heard, the window does
    not close, and for as long after it no wake word is needed.
    """

    def __init__(
        self,
        listen: Listen = "open",
        spotter: Spotter | None = None,
        window_ms: float = 8_000,
        *,
        note: str | None = None,
    ) -> None:
        self.listen = listen
        self.note = note
        """Why this is not what was asked for."""
        self._spotter = spotter
        self._window_ms = window_ms
        self._left_ms = 0.0
        self._refractory_ms = 0.0

    @property
    def always(self) -> bool:
        """Whether nobody has to ask for it."""
        return self.listen == "open"

    @property
    def paid(self) -> bool:
        """Whether speech is listened to now."""
        return self.always or self._left_ms > 0

    def forget(self) -> None:
        """The window closes: a wake word is needed."""
        self._left_ms = 0.0

    def feed(self, pcm: bytes, *, engaged: bool) -> str | None:
        """Take in a frame; the wake word, if one was just heard.

        `engaged`: somebody has the floor, the user or an answer, or will have it.
        """
        if self.listen != "wake_word":
            return None
        ms = len(pcm) / BYTES_PER_MS
        self._left_ms = self._window_ms if engaged and self.paid else max(0.0, self._left_ms - ms)
        self._refractory_ms = max(0.0, self._refractory_ms - ms)
        word = self._spotter.feed(pcm) if self._spotter is not None else None
        if word is None or self._refractory_ms > 0:
            return None
        self._refractory_ms = _REFRACTORY_MS
        self._left_ms = self._window_ms
        return word
