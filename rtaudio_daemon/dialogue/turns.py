"""Who speaks, and what becomes of what they said.

Disowning: speech can turn out to be nobody's, as the echo of an answer, or not meant, as before
muting. If the service makes an item of it all the same, that item is to be deleted.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

Speaker = Literal["local", "service", "button"]
_REMEMBERED = 64


class Turns:
    """Whoever speaks, in whose judgement, and the turns that are over and not in a session yet."""

    def __init__(self) -> None:
        self.speaking: set[Speaker] = set()
        """Who says that somebody speaks."""
        self.speaking_since = 0.0
        """When the service reported the speech that goes on."""
        self.service_item = ""
        """What the turn that the service hears will be called."""
        self.unheard_at: float | None = None
        """When the end of speech in our own gate was last followed by no sign of the service."""
        self.pressed_at = 0.0
        """When the button was pressed that is held."""
        self.kept = False
        """Whether a turn that is over waits for a session."""
        self.kept_until: float | None = None
        """When what waits for a session is too old for it."""
        self.kept_by_button = False
        """Whether a button decides how long that is."""
        self.clears: deque[bool] = deque(maxlen=_REMEMBERED)
        """Clears of ours that are not confirmed; whether each ends speech that is reported."""
        self._uncommitted = False
        self._disowned = False
        self._commits: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def held(self) -> bool:
        """Whether a button is held."""
        return "button" in self.speaking

    def service_started(self, item_id: str, now: float) -> None:
        """The service hears somebody."""
        self.speaking.add("service")
        self.speaking_since, self.service_item = now, item_id
        self.clears = deque([False] * len(self.clears), _REMEMBERED)
        self._uncommitted, self._disowned = True, False

    def aborted(self) -> None:
        """What is being said, or waits, does not count."""
        self.speaking.clear()
        self.drop_kept()
        self._disowned = self._uncommitted

    def handed_over(self, event_id: str) -> None:
        """We made a turn of the sound that the service holds."""
        self._commits.append(event_id)

    def committed(self) -> Literal["ours", "disowned", "theirs"]:
        """The service made an item of a turn: as we asked, of what does not count, or by itself."""
        self._uncommitted, disowned, self._disowned = False, self._disowned, False
        if self._commits:
            self._commits.popleft()
            return "ours"
        return "disowned" if disowned or self.held else "theirs"

    def commit_refused(self, event_id: str) -> bool:
        """The service refused a message of ours; whether it was the end of a turn."""
        if event_id not in self._commits:
            return False
        self._commits.remove(event_id)
        return True

    def cleared(self) -> None:
        """The service has emptied its buffer: at our request, or because it wanted to."""
        if not self.clears or self.clears.popleft():
            self.speaking.discard("service")

    def keep(self, until: float) -> None:
        """What is being said from now on is kept; what waits already is part of it."""
        self.kept, self.kept_until, self.kept_by_button = False, until, False

    def drop_kept(self) -> None:
        """Nothing waits for a session."""
        self.kept, self.kept_until, self.kept_by_button = False, None, False

    def session_gone(self) -> None:
        """What the service heard is gone with it."""
        self.speaking.discard("service")
        self._uncommitted = self._disowned = False
        self.unheard_at = None
        self._commits.clear()
        self.clears.clear()
