"""Announces a text in every room: spoken here, and sent to the daemons at the same broker."""

from __future__ import annotations

import secrets
from typing import Any, Protocol

from ..controls import SayMode
from ..errors import RTAudioError


class Speaker(Protocol):
    """Speaks here."""

    def say(self, text: str, mode: SayMode, *, said: str | None, chime: bool) -> str:
        """See `Controls.say`."""


class Sender(Protocol):
    """Sends to the other daemons."""

    async def broadcast(self, said: str, text: str) -> None:
        """Let all other daemons say `text` under this id. Raises NotConnectedError."""


async def broadcast(text: str, speaker: Speaker, sender: Sender) -> dict[str, Any]:
    """Let `text` be said everywhere; return the result of `Controls.broadcast`."""
    said = f"all_{secrets.token_hex(8)}"
    unsaid: RTAudioError | None = None
    reasons = []
    try:
        speaker.say(text, "verbatim", said=said, chime=True)
    except RTAudioError as error:
        unsaid = error
        reasons.append(str(error))
    sent = True
    try:
        await sender.broadcast(said, text)
    except RTAudioError as error:
        sent = False
        reasons.append(str(error))
    if unsaid is not None and not sent:
        raise unsaid
    return {"id": None if unsaid else said, "sent": sent, "reason": "; ".join(reasons)}
