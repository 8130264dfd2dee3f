"""Rings for timers, alarms and reminders until somebody is there, and reports missed ones.

A second of sound alternates with a pause, in which the wake word, the button or any speech ends the
ringing; the gate hears nothing during sounds of our own. Over an answer there is one soft sound,
and while somebody speaks the ringing waits. It needs no session and no network.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from ..audio.processing.earcons import earcon, ring
from ..audio.processing.format import BYTES_PER_MS
from ..controls import SayMode
from ..errors import RTAudioError
from ..notifications import Notification, TimerReported
from ..tools.timers.keeper import TimerKeeper
from ..tools.timers.schedule import Happened
from ..tools.timers.timer import Kind, Timer
from ..tools.timers.words import clock_time, label

_LOG = logging.getLogger(__name__)
_PAUSE_S = 1.5
_PIECE_MS = 1000  # piece of a long sound; the loudspeaker accepts at most two seconds at once
_AHEAD_S = 0.3  # how long before the end of a piece the next one is delivered
_WAITS_MOST_S = 60.0  # whoever talks for longer is a television, or wants to be interrupted
_DOUBT_S = 0.05
_DOUBTS_MOST_S = 2.0
_SOFT = 0.25  # relative to the volume of ringing
_LOOK_S = 0.5
_QUIET_S = 3.0  # silence after which a missed timer is reported
_PRESENT_S = 120.0  # after that, a person may have left


class RingingHost(Protocol):
    """Where timers ring."""

    @property
    def idle(self) -> bool:
        """Whether nobody speaks and no answer is awaited."""

    @property
    def user_speaks(self) -> bool:
        """Whether somebody speaks now."""

    @property
    def user_may_speak(self) -> bool:
        """Whether somebody may have begun to speak, which is not certain yet."""

    def play_alert(self, pcm: bytes) -> bool:
        """Play a short sound; return whether it is audible."""

    def publish(self, notification: Notification) -> None:
        """Publish a notification."""


class Sayer(Protocol):
    """Lets the model speak."""

    def say(self, text: str, mode: SayMode) -> object:
        """Let the model answer this text, or speak it. Raises RTAudioError."""


class Clips(Protocol):
    """Stores the texts of reminders as sound."""

    def pcm(self, timer: Timer) -> bytes:
        """Return the spoken text of a reminder; empty if there is none."""


class Ringing:
    """Rings for the timers of `keeper` on `host`, at `volume` (0.3 to 1)."""

    def __init__(self, keeper: TimerKeeper, host: RingingHost, sayer: Sayer, clips: Clips) -> None:
        self.volume = 0.6
        self._keeper = keeper
        self._host = host
        self._sayer = sayer
        self._clips = clips
        self._clock = asyncio.get_running_loop().time
        self._changed = asyncio.Event()
        self._heard: dict[str, Timer] = {}  # timers that have sounded since they began to ring
        self._waiting_since: float | None = None
        self._hinted = False
        self._ending = False
        self._next_at = 0.0
        self._pieces: list[bytes] = []  # of the present sound
        self._unsaid: list[Timer] = []  # reminders that rang without their text
        self._present_at: float | None = None
        self._quiet_since = self._clock()
        keeper.listeners.append(self)

    # ------------------------------------------------------------- events

    def timer_changed(self, happened: Happened) -> None:
        """Handle a change of a timer."""
        timer, phase = happened.timer, happened.phase
        if phase in ("dismissed", "missed") and timer.id in self._heard:
            del self._heard[timer.id]
            without_words = timer.kind is Kind.REMINDER and not self._clips.pcm(timer)
            if without_words and phase == "dismissed":
                self._unsaid.append(timer)
                self._present_at = self._clock()
        self._host.publish(TimerReported(timer.id, timer.name, phase))
        self._changed.set()

    def somebody_there(self, *, addressed: bool) -> None:
        """Note that somebody speaks or presses a button: this ends audible ringing."""
        self._ending = self._ending or bool(self._heard)
        if addressed:
            self._present_at = self._clock()
        self._quiet_since = self._clock()
        self._changed.set()

    def floor_changed(self) -> None:
        """Note a change of whose turn it is to speak."""
        self._quiet_since = self._clock()
        self._changed.set()

    @property
    def rings(self) -> bool:
        """Whether any ringing is audible."""
        return bool(self._heard)

    def silence(self) -> bool:
        """Stop the ringing; return whether any was audible."""
        sounds = self.rings
        if sounds:
            self.somebody_there(addressed=True)
        return sounds

    # ------------------------------------------------------------------ ringing

    async def run(self) -> None:
        """Ring, and report missed timers, until cancelled."""
        while True:
            self._changed.clear()
            if self._ending:
                self._ending = False
                await self._keeper.dismiss()
            ringing = self._keeper.ringing
            if ringing:
                wait_s: float | None = self._ring(ringing)
            else:
                self._forget()
                wait_s = await self._report_missed()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _forget(self) -> None:
        self._heard.clear()
        self._pieces.clear()
        self._waiting_since, self._hinted = None, False

    def _ring(self, ringing: Sequence[Timer]) -> float:
        """Continue the pattern; return the seconds until the next step."""
        now = self._clock()
        if self._waiting_since is None:
            self._waiting_since = now
        if self._next_at - now > 0.001:
            return self._next_at - now
        if not self._pieces:
            if self._host.user_may_speak and now - self._next_at < _DOUBTS_MOST_S:
                return _DOUBT_S  # the next sound would make the gate deaf to the rest of it
            if self._must_wait(now):
                return _LOOK_S
            self._pieces = self._sound(ringing)
        piece = self._pieces.pop(0)
        if self._host.play_alert(piece):
            self._heard = {timer.id: timer for timer in ringing}
            self._waiting_since = None
        length_s = len(piece) / BYTES_PER_MS / 1000
        self._next_at = now + length_s + (-_AHEAD_S if self._pieces else _PAUSE_S)
        return self._next_at - now

    def _must_wait(self, now: float) -> bool:
        """Return whether to wait for the conversation; over an answer, play one soft sound."""
        assert self._waiting_since is not None
        if self._host.user_speaks:
            return now - self._waiting_since < _WAITS_MOST_S
        if self._host.idle:
            return False
        if not self._hinted:
            self._hinted = True
            self._host.play_alert(earcon("due", _SOFT * self.volume))
        return now - self._waiting_since < _WAITS_MOST_S

    def _sound(self, ringing: Sequence[Timer]) -> list[bytes]:
        words = next(filter(None, map(self._clips.pcm, ringing)), b"")
        size = _PIECE_MS * BYTES_PER_MS
        pieces = [words[start : start + size] for start in range(0, len(words), size)]
        return [ring(self.volume), *pieces]

    # ------------------------------------------------------------------- missed

    async def _report_missed(self) -> float | None:
        """Report missed timers if this is the moment; return the seconds until it may be."""
        missed, now = self._keeper.missed, self._clock()
        if not (missed or self._unsaid) or self._present_at is None:
            return None
        if now - self._present_at > _PRESENT_S:
            self._present_at = None
            return None
        quiet_s = now - self._quiet_since
        if not self._host.idle or self._host.user_speaks or quiet_s < _QUIET_S:
            return max(_LOOK_S, _QUIET_S - quiet_s)
        self._present_at = None
        try:
            self._sayer.say(self._words(missed), "prompt")
        except RTAudioError as error:
            _LOG.info("what was missed is said later: %s", error)
            return None
        self._unsaid.clear()
        await self._keeper.forget_missed(missed)
        return None

    def _words(self, missed: Sequence[Timer]) -> str:
        now = self._keeper.now()
        lines = [
            f"missed: {_described(each)}, at {clock_time(each.ends_at, now)}" for each in missed
        ]
        lines += [f"rang just now: {_described(each)}" for each in self._unsaid]
        return (
            "(A note of this device, no words of a person.) Say in one or two short sentences, in "
            f"the language of the conversation, and call no tool: {'; '.join(lines)}."
        )


def _described(timer: Timer) -> str:
    words = f", with the words {timer.text!r}" if timer.text else ""
    return f"{timer.kind} {label(timer)}{words}"
