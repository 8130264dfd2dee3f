"""The texts that programs wanted to be said in the last ten minutes, and their outcomes."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from ..notifications import Notification, TextSaid

KEPT_S = 600.0
_MOST = 256


@dataclass(slots=True)
class _Text:
    begun_at: float
    receipt: asyncio.Future[TextSaid] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class SaidTexts:
    """Stores each text by its id; of more than 256, the oldest are forgotten."""

    def __init__(self) -> None:
        self._texts: dict[str, _Text] = {}

    def known(self, said: str) -> bool:
        """Return whether a text with this id was begun in the last ten minutes."""
        text = self._texts.get(said)
        return text is not None and _now() - text.begun_at < KEPT_S

    def begin(self, said: str | None) -> str:
        """Begin a text under this id; None: under a new one. Returns the id."""
        said = said or f"said_{secrets.token_hex(8)}"
        self._texts.pop(said, None)
        self._texts[said] = _Text(_now())
        while len(self._texts) > _MOST:
            oldest = self._texts.pop(next(iter(self._texts)))
            oldest.receipt.cancel()
        return said

    def receipt(self, said: str) -> TextSaid | None:
        """Return the outcome of a text; None: it is unknown yet."""
        text = self._texts.get(said)
        done = text is not None and text.receipt.done() and not text.receipt.cancelled()
        return text.receipt.result() if text is not None and done else None

    async def wait_for(self, said: str, limit_s: float) -> TextSaid | None:
        """Wait for the outcome of a text; None after `limit_s` seconds."""
        text = self._texts.get(said)
        if text is not None:
            await asyncio.wait([text.receipt], timeout=limit_s)
        return self.receipt(said)

    def note(self, notification: Notification) -> None:
        """Handle a notification."""
        if isinstance(notification, TextSaid):
            text = self._texts.get(notification.id)
            if text is None:
                return
            known = self.receipt(notification.id)
            if known is not None and known.outcome == "interrupted":  # and its rest was played
                text.receipt = asyncio.get_running_loop().create_future()
            if not text.receipt.done():
                text.receipt.set_result(notification)


def _now() -> float:
    return asyncio.get_running_loop().time()
