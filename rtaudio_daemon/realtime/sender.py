"""What is said to a service: on the session in use, or kept for the next one."""

from __future__ import annotations

import asyncio

from ..errors import NotConnectedError
from .codec import Json
from .options import WebsocketOptions
from .reconnect import ReconnectingSession
from .session import Session
from .turn_sound import TurnSound

_KEPT_MOST = 64


class Sender:
    """Sends on `session` what can be sent.

    Sound goes into `unsent` too, until a turn was made of it: the next session gets what is left.
    """

    def __init__(
        self, session: ReconnectingSession, unsent: TurnSound, options: WebsocketOptions
    ) -> None:
        self.by_hand = False
        """Whether we end the turns, and not the service."""
        self._session = session
        self._unsent = unsent
        self._keeps_sound = bool(options.outage_buffer)
        self._keeps_messages = options.connect_resend
        self._kept: list[Json] = []
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Pieces of sound that were given to no session, nor will be."""
        return self._dropped + self._unsent.dropped

    def send(self, message: Json) -> None:
        """Send a message (in house spelling). Raises NotConnectedError when there is no session."""
        current = self._session.current
        if current is not None:
            current.send(message)
        elif self._keeps_messages and len(self._kept) < _KEPT_MOST:
            self._kept.append(message)
        else:
            raise NotConnectedError(f"not connected: {message.get('type')} was not sent")

    def send_audio(self, pcm: bytes) -> None:
        """Send sound (whole samples).

        While there is no session it is kept for a while (see `options.outage_buffer`), or dropped
        and counted when nobody even tries to connect.
        """
        current = self._session.current
        if current is not None:
            self._unsent.sent(pcm, _now(), by_hand=self.by_hand)
            current.send_audio(pcm)
        elif self._keeps_sound and self._session.running:
            self._unsent.kept(pcm, _now())
            self._session.wake()
        else:
            self._dropped += 1

    def commit_audio(self) -> None:
        """Let what was said so far be a turn. Raises NotConnectedError as `send` does."""
        self.send({"type": "input_audio_buffer.commit"})
        self._unsent.commit()

    def session_opened(self, session: Session, *, renewed: bool) -> None:
        """Give `session` the sound that no turn was made of."""
        now = _now()
        for pcm in self._unsent.tail(now) if renewed else self._unsent.resume(now):
            session.send_audio(pcm)

    def session_lost(self) -> None:
        """What no turn was made of begins to age."""
        self._unsent.lost(_now(), by_hand=self.by_hand)

    def send_kept(self) -> None:
        """Send the messages that waited for a session."""
        kept, self._kept = self._kept, []
        for message in kept:
            self.send(message)


def _now() -> float:
    return asyncio.get_running_loop().time()
