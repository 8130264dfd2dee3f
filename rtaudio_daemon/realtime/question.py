"""What becomes of a question whose session went before the answer began.

It is asked again as soon as another session stands, or somebody is told that it is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rtaudio_daemon.realtime.notes import Notes


class Question:
    """`notes` know what was asked; the next session may come `patience_s` late.

    `ask` lets the session that stands answer what it knows; `tell` is told why nobody will.
    """

    def __init__(
        self,
        notes: Notes,
        patience_s: float,
        *,
        ask: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._notes = notes
        self._patience_s = patience_s
        self._ask = ask
        self._tell = tell
        self._hope: asyncio.TimerHandle | None = None

    def lost(self) -> None:
        """The session went."""
        owed, why = self._notes.owed, "the connection was lost"
        if not owed.open or self._hope is not None:
            return
        if owed.calling:
            self._give_up(f"{why} while functions were being called for it")
        elif not (self._patience_s and self._notes.askable):
            self._give_up(f"{why}, and what was asked is not known well enough to ask it again")
        else:
            loop = asyncio.get_running_loop()
            self._hope = loop.call_later(self._patience_s, self._give_up, f"{why} for too long")

    def stands(self) -> None:
        """Another session is there, and knows what was said."""
        owed = self._notes.owed
        if self._notes.queue.asked:
            self._stop_hoping()  # more was said meanwhile, and is being answered together with it
        elif owed.ask_again() and self._notes.askable:
            self._stop_hoping()
            self._ask()
        elif owed.open:
            self._give_up("the connection was lost with it again and again")

    def drop(self) -> None:
        """Nobody waits for the answer any more."""
        self._stop_hoping()
        self._notes.drop_answer()

    def _give_up(self, why: str) -> None:
        self.drop()
        self._tell(f"not answered: {why}")

    def _stop_hoping(self) -> None:
        if self._hope is not None:
            self._hope.cancel()
            self._hope = None
