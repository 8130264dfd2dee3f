"""Plays a short sound when something changes that people should hear; see `audio.earcons`.

    listening   a wake word was heard and a pause follows; or the button was pressed
    working     a tool that the user waits for takes long
    done        the user's turn is over and an answer is awaited
    muted       the microphone was muted or unmuted
    error       an answer failed; the service is unavailable and somebody waits for it or calls
                it; the microphone was lost during a push-to-talk turn
    connected   there is a session: the first one, or one after the service was unavailable

While somebody speaks, only the sound of the button is played, because the microphone is ignored
during a sound.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from .. import config
from ..audio.processing.earcons import earcon
from ..notifications import (
    ConnectionChanged,
    ConnectionState,
    ErrorReported,
    ModelStatus,
    MuteChanged,
    Notification,
    SpeechNoticed,
    StatusChanged,
    WakeWordHeard,
    WakeWordYielded,
)

_BREATH_S = 0.4  # speech that continues after a wake word does so within this time
_SAME_S = 1.0  # one fault may be reported several times


class EarconHost(Protocol):
    """Where the short sounds are played."""

    @property
    def user_speaks(self) -> bool:
        """Whether somebody speaks now."""

    @property
    def plays_on(self) -> bool:
        """Whether an answer that paused for nobody continues."""

    def play_earcon(self, pcm: bytes) -> None:
        """Play a short sound."""


class EarconPlayer:
    """Plays the sounds for the notifications passed to `note`, on `host`."""

    def __init__(self, settings: config.Earcons, host: EarconHost) -> None:
        self.settings = settings
        self.volume = 1.0
        """The volume of answers."""
        self._host = host
        self._away = False  # whether there is no session although one is wanted
        self._new = True  # whether the next session is the first, or the first after an outage
        self._called = False  # whether a turn after a wake word is not over yet
        self._pending: asyncio.TimerHandle | None = None
        self._last: tuple[str, float] = ("", 0.0)

    def button_pressed(self) -> None:
        """Note that the push-to-talk button is pressed."""
        if self.settings.listening == "always":
            self._sound("listening", anyway=True)

    def speech_started(self) -> None:
        """Note that our own gate hears somebody."""
        self.close()

    def speech_stopped(self) -> None:
        """Note that our own gate no longer hears anybody."""
        if self._called and self._away:
            self._sound("error")
        self._called = False

    def working(self) -> None:
        """Note that a tool that somebody waits for takes long."""
        self._sound("working")

    def note(self, notification: Notification) -> None:
        """Handle a notification."""
        match notification:
            case WakeWordHeard():
                self._called = True
                self.close()
                self._pending = asyncio.get_running_loop().call_later(_BREATH_S, self._invite)
            case WakeWordYielded():
                self._called = False
                self.close()
            case SpeechNoticed("started"):
                self.close()
            case StatusChanged(ModelStatus.THINKING, ModelStatus.LISTENING):
                if not self._host.plays_on:
                    self._sound("done")
            case MuteChanged(muted):
                self.close()
                self._sound("muted" if muted else "unmuted")
            case ErrorReported():
                self._sound("error")
            case ConnectionChanged():
                self._note_connection(notification)
            case _:
                pass

    def close(self) -> None:
        """Cancel the sound that is scheduled, if any."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _invite(self) -> None:
        self._pending = None
        if self._away:
            self._called = False
            self._sound("error")
        elif self.settings.listening != "never":
            self._sound("listening")

    def _note_connection(self, change: ConnectionChanged) -> None:
        if change.state.is_up:
            if self._new:
                self._sound("connected")
            self._away = self._new = False
        elif change.reason is not None:
            self._away = self._new = True
        elif change.state is ConnectionState.CLOSED:
            self._away = False  # nobody needs a session now

    def _sound(self, name: str, *, anyway: bool = False) -> None:
        settings = self.settings
        wanted = {
            "done": settings.done,
            "working": settings.working,
            "muted": settings.muted,
            "unmuted": settings.muted,
            "error": settings.error,
            "connected": settings.connected,
        }
        now = asyncio.get_running_loop().time()
        again = name == self._last[0] and now - self._last[1] < _SAME_S
        if again or not wanted.get(name, True) or (self._host.user_speaks and not anyway):
            return
        loudness = settings.volume * self.volume
        if loudness > 0:
            self._last = (name, now)
            self._host.play_earcon(earcon(name, loudness))
