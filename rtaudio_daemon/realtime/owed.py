"""The answer that somebody waits for, and of which nothing has come yet.

When its session goes, the next one may be asked for it again: nobody has heard a word of it. While
functions are being called for it that is not safe, as they would be called twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtaudio_daemon.realtime.floor import calls_functions, response_in

_ATTEMPTS_MOST = 3
_BEGINNINGS = ("response.audio.delta", "response.text.delta")


class OwedAnswer:
    """Feed it every event of the conversation's answers and turns (in house spelling)."""

    def __init__(self) -> None:
        self.due = False
        """Whether an answer was asked for and has not begun."""
        self.calling = False
        """Whether functions are being called for it."""
        self._attempts = 0
        self._active: str | None = None
        self._earlier: str | None = None  # an answer that says nothing about the newest question
        self._idle_item: str | None = None

    @property
    def open(self) -> bool:
        """Whether somebody waits."""
        return self.due or self.calling

    def asked(self) -> None:
        """We asked for it."""
        self._owe(self._active)

    def ask_again(self) -> bool:
        """Another session stands: whether to ask it. Not for ever: the question may be why."""
        self._active = self._earlier = None
        self._attempts += self.due
        return self.due and self._attempts < _ATTEMPTS_MOST

    def drop(self) -> None:
        """Nobody waits for it any more."""
        self.due = self.calling = False
        self._attempts = 0

    def hear(self, event: Mapping[str, Any], *, replies: bool) -> bool:
        """Take in an event; `replies`: the service answers turns by itself.

        True when what was asked is settled: its answer has begun, or will never come.
        """
        name = event["type"]
        if name == "input_audio_buffer.timeout_triggered":
            self._idle_item = event.get("item_id")
        elif name == "input_audio_buffer.speech_started":
            self.drop()  # what is being said now gets the answer
        elif name == "input_audio_buffer.committed":
            if replies and event.get("item_id") != self._idle_item:
                self._owe(self._active)
        elif name == "response.created":
            self._active = response_in(event).get("id")
            self._owe(self._earlier)
        elif name in _BEGINNINGS and event.get("response_id") != self._earlier:
            return self._settle()
        elif name == "response.done":
            return self._done(response_in(event))
        return False

    def _owe(self, earlier: str | None) -> None:
        self.due, self.calling, self._earlier = True, False, earlier

    def _settle(self) -> bool:
        was_open = self.open
        self.drop()
        return was_open

    def _done(self, response: Mapping[str, Any]) -> bool:
        found, status = response.get("id"), response.get("status")
        if found == self._active:
            self._active = None
        if found == self._earlier or status == "cancelled":
            return False
        if not calls_functions(response) or status != "completed":
            return self._settle()
        self.due, self.calling = False, True
        return False
