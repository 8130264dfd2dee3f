"""Who speaks, and what becomes of what they said.

Disowning: speech can turn out to be nobody's (the echo of an answer) or unintended (before muting).
If the service makes an item of it all the same, that item must be deleted.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Literal

from .settings import DialogueSettings

Speaker = Literal["local", "service", "button"]
LEAST_TURN_S = 0.1
"""The service accepts no shorter turn."""
_DEAD_LINE_S = 60.0  # a connection silent for so long was found dead by its pings
_CLEARED_S = 2.0  # by then the service has emptied its buffer, or never confirms it
_REMEMBERED = 64
_Ends = Literal["nothing", "reported", "crossing"]
"""Which speech reported by the service ends when it confirms that it has emptied its buffer. The
service reports in order. "reported": speech reported before we asked. "crossing": also speech
reported between our request and the confirmation."""


class Turns:
    """Who speaks, according to which source, and the finished turns that no session has yet.

    Times are in seconds on the caller's clock.
    """

    def __init__(self, settings: DialogueSettings) -> None:
        self.settings = settings
        self.speaking: set[Speaker] = set()
        """The sources that report speech: our own gate, the service, a button."""
        self.unheard_at: float | None = None
        """When speech in our own gate last ended without any sign of the service since."""
        self.detection_paused = False
        """Whether a button delimits the turn, and not the service."""
        self.kept = False
        """Whether a finished turn waits for a session."""
        self.kept_by_button = False
        """Whether a push-to-talk turn waits for a session, or will once it is over."""
        self._kept_until: float | None = None
        self._speaking_since = 0.0
        self._pressed_at = 0.0
        self._service_item = ""
        self._idle_item: str | None = None
        self._uncommitted = False
        self._disowned = False
        self._reports_clears = False  # whether the service has ever confirmed a clear
        self._clearing_since: float | None = None  # a clear is unconfirmed since then
        self._commits: deque[str] = deque(maxlen=_REMEMBERED)
        self._clears: deque[_Ends] = deque(maxlen=_REMEMBERED)
        self._commit_numbers, self._clear_numbers = count(1), count(1)

    # ----------------------------------------------------------------- facts

    @property
    def held(self) -> bool:
        """Whether a button is held."""
        return "button" in self.speaking

    @property
    def waits(self) -> bool:
        """Whether a finished turn waits for a session."""
        return self.kept or (self.kept_by_button and not self.held)

    @property
    def service_hears_since(self) -> float | None:
        """Since when the service has been hearing somebody; None: it hears nobody."""
        return self._speaking_since if "service" in self.speaking else None

    def deadline(self, sent_at: float) -> float | None:
        """When one of the next four methods returns true; `sent_at`: when sound was sent last."""
        times = [self._kept_until] if self.kept or self.kept_by_button else []
        if self.held:
            times.append(self._pressed_at + self.settings.button_most_s)
        elif "service" in self.speaking:
            times.append(self._speech_over_at(sent_at))
        return min((time for time in times if time is not None), default=None)

    def held_too_long(self, now: float) -> bool:
        """Return whether the button has been held for longer than allowed."""
        return self.held and now >= self._pressed_at + self.settings.button_most_s

    def kept_too_long(self, now: float) -> bool:
        """Return whether the kept turn has waited too long for a session."""
        waits = self.kept or self.kept_by_button
        return waits and self._kept_until is not None and now >= self._kept_until

    def silent_for_long(self, now: float, sent_at: float) -> bool:
        """Return whether reported speech counts as over because no sound was sent for long."""
        speaks = "service" in self.speaking and not self.held
        return speaks and now >= self._speech_over_at(sent_at)

    def _speech_over_at(self, sent_at: float) -> float:
        return max(self._speaking_since, sent_at) + self.settings.speech_patience_s

    def died_unheard(self, now: float, kept_s: float) -> bool:
        """Return whether speech was lost on a dead connection; `kept_s` of it can be sent again."""
        if self.unheard_at is None or kept_s >= LEAST_TURN_S:
            return False
        return now - self.unheard_at <= _DEAD_LINE_S

    def is_silence(self, item_id: str) -> bool:
        """Return whether the service made this item because nobody has spoken for long."""
        return bool(item_id) and item_id == self._idle_item

    # ---------------------------------------------------------------- speech

    def service_started(self, item_id: str, now: float) -> bool:
        """Note that the service hears somebody; return whether that is new."""
        self.unheard_at = None
        if "service" in self.speaking:
            return False
        if self._clearing_since is not None and now - self._clearing_since < _CLEARED_S:
            # It heard speech that we took back: that may become a turn, but never counts.
            self._uncommitted = self._disowned = True
            return False
        self.speaking.add("service")
        self._speaking_since, self._service_item = now, item_id
        for at, each in enumerate(self._clears):
            self._clears[at] = "crossing" if each == "crossing" else "nothing"
        self._uncommitted, self._disowned = True, False
        return True

    def service_stopped(self) -> bool:
        """Note that the service no longer hears anybody; return whether that ends a turn."""
        if self.held:
            self.speaking.discard("service")  # this speech was before the button was pressed
            return False
        spoke = bool(self.speaking)
        self.speaking.clear()
        return spoke

    def local_stopped(self, now: float, *, in_session: bool) -> None:
        """Note that our own gate no longer hears anybody."""
        self.speaking.discard("local")
        if in_session and not self.settings.local_turns:
            self.unheard_at = self.unheard_at or now

    def timed_out(self, item_id: str) -> None:
        """Note that the service makes this item because nobody has spoken for long."""
        self._idle_item = item_id

    def pressed(self, now: float, *, in_session: bool) -> None:
        """Note that a button is pressed: begin a turn, or continue one that waits."""
        self.drop_kept()
        self.detection_paused = True
        self.speaking = {"button"}
        self._pressed_at = now
        if not in_session:
            self._wait_by_button(now)

    def _wait_by_button(self, now: float) -> None:
        self.kept_by_button = True
        self._kept_until = now + self.settings.button_patience_s

    def aborted(self, now: float, *, in_session: bool) -> None:
        """Discard what is being said or waits, and expect the service to forget it."""
        self._clearing_since = now if in_session and self._reports_clears else None
        self.speaking.clear()
        self.drop_kept()
        self._disowned = self._uncommitted

    # --------------------------------------------- what the service makes of it

    def commit(self, event_id: str | None = None, *, by_user: bool = False) -> str:
        """Note that we make an item of the service's buffer; return the id of that message.

        `by_user`: of the library, who requests answers by hand.
        """
        event_id = event_id or f"rtaudio_commit_{next(self._commit_numbers)}"
        if not by_user:
            self._commits.append(event_id)
        return event_id

    def clear(
        self,
        event_id: str | None = None,
        *,
        in_session: bool,
        by_user: bool = False,
        taken_back: bool = False,
    ) -> str:
        """Note that we empty the service's buffer; return the id of that message.

        `by_user`: of the library, whose request also ends the speech that the service reported.
        `taken_back`: what was said does not count, even if the service reports it only now.
        """
        ends: _Ends = "reported" if by_user and "service" in self.speaking else "nothing"
        if in_session:
            self._clears.append("crossing" if taken_back else ends)
        return event_id or f"rtaudio_clear_{next(self._clear_numbers)}"

    def committed(self) -> Literal["ours", "disowned", "theirs"]:
        """Note that the service made an item of a turn; return by whose decision."""
        self.unheard_at = None
        self._uncommitted, disowned, self._disowned = False, self._disowned, False
        if self._commits:
            self._commits.popleft()
            return "ours"
        return "disowned" if disowned or self.held else "theirs"

    def hears(self, item_id: str) -> bool:
        """Return whether the service reported this turn's speech and not yet its end."""
        return "service" in self.speaking and item_id in ("", self._service_item)

    def commit_refused(self, event_id: str) -> bool:
        """Note that the service refused a message; return whether that was the end of a turn."""
        if event_id not in self._commits:
            return False
        self._commits.remove(event_id)
        return True

    def cleared(self) -> bool:
        """Note that the service has emptied its buffer, at our request or by itself.

        Returns whether the speech it reports was taken back before it reported it.
        """
        self._reports_clears, self._clearing_since = True, None
        ends = self._clears.popleft() if self._clears else "reported"
        crossed = ends == "crossing" and "service" in self.speaking
        if ends != "nothing":
            self.speaking.discard("service")
        return crossed

    # -------------------------------------------------------------- sessions

    def keep(self, now: float) -> None:
        """Keep what is said from now on; what waits already is part of it."""
        self.drop_kept()
        self._kept_until = now + self.settings.outage_s

    def drop_kept(self) -> None:
        """Note that nothing waits for a session."""
        self.kept, self._kept_until, self.kept_by_button = False, None, False

    def session_lost(self, now: float) -> None:
        """Note that there is no session: only turns that we detect can wait for the next one."""
        ours: set[Speaker] = {"local", "button"} if self.settings.local_turns else {"button"}
        self.speaking &= ours
        self.keep(now)
        if self.held:
            self._wait_by_button(now)

    def session_gone(self) -> None:
        """Forget what the service heard; it is gone with the session."""
        self.speaking.discard("service")
        self._uncommitted = self._disowned = False
        self._clearing_since = None
        self.unheard_at = None
        self._commits.clear()
        self._clears.clear()
