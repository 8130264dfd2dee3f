"""When a short sound tells people at home how it stands; `audio.earcons` are the sounds.

    listening   a wake word was heard and a pause follows; or the button was pressed
    done        the user's turn is over and an answer is awaited
    muted       the microphone was muted, or is on again
    error       an answer failed; there is no service and somebody waits for it or calls it; the
                microphone is lost in the middle of a turn by button
    connected   there is a session: the first, or one after the service was away

While somebody speaks there is no sound but that of the button, as the microphone is not listened
to meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from . import config
from .audio.earcons import earcon
from .events import (
    ButtonPressed,
    ConnectionChanged,
    ConnectionState,
    ErrorReported,
    Happening,
    ModelStatus,
    MuteChanged,
    News,
    SessionLost,
    SpeechStarted,
    SpeechStopped,
    StatusChanged,
    WakeWordHeard,
)

_BREATH_S = 0.4  # who goes on speaking after a wake word does so within this time
_SAME_S = 1.0  # one trouble may be told in several ways


class Cues:
    """Tell it what happens (`note`); it calls `play` with pcm.

    `speaking` says whether somebody speaks now.
    """

    def __init__(
        self,
        settings: config.Earcons,
        *,
        play: Callable[[bytes], None],
        speaking: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.volume = 1.0
        """That of the answers."""
        self._play = play
        self._speaking = speaking
        self._status = ModelStatus.IDLE
        self._away = False  # no session, and not because none is wanted
        self._new = True  # the next session is the first, or the first after it was away
        self._called = False  # by a wake word, and what was said after it is not over
        self._pending: asyncio.TimerHandle | None = None
        self._last: tuple[str, float] = ("", 0.0)

    def note(self, event: Happening | News) -> None:
        """This happens now."""
        match event:
            case WakeWordHeard():
                self._called = True
                self.close()
                self._pending = asyncio.get_running_loop().call_later(_BREATH_S, self._invite)
            case SpeechStarted():
                self.close()
            case SpeechStopped(source="local"):
                if self._called and self._away:
                    self._sound("error")
                self._called = False
            case ButtonPressed():
                if self.settings.listening == "always":
                    self._sound("listening", anyway=True)
            case StatusChanged(status, previous):
                self._status = status
                if (previous, status) == (ModelStatus.LISTENING, ModelStatus.THINKING):
                    self._sound("done")
            case MuteChanged(muted):
                self.close()
                self._sound("muted" if muted else "unmuted")
            case ErrorReported():
                self._sound("error")
            case SessionLost():
                if self._status is ModelStatus.THINKING:
                    self._sound("error")
            case ConnectionChanged():
                self._note_connection(event)
            case _:
                pass

    def close(self) -> None:
        """Forget the sound that is waiting, if there is one."""
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
            "muted": settings.muted,
            "unmuted": settings.muted,
            "error": settings.error,
            "connected": settings.connected,
        }
        now = asyncio.get_running_loop().time()
        again = name == self._last[0] and now - self._last[1] < _SAME_S
        if again or not wanted.get(name, True) or (self._speaking() and not anyway):
            return
        loudness = settings.volume * self.volume
        if loudness > 0:
            self._last = (name, now)
            self._play(earcon(name, loudness))
