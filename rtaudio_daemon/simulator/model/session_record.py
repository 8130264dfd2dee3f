"""What one session received and sent, recorded for tests; bounded."""

from __future__ import annotations

from collections import deque
from typing import Any

from .items import BYTES_PER_MS
from .reply import Turn

_MESSAGES = 4000
_TURNS = 20
_HEARD_BYTES = 120_000 * BYTES_PER_MS
_LONGEST_TEXT = 10_000


class SessionRecord:
    """`received` and `sent` hold messages as on the wire, sound replaced by its size."""

    def __init__(self) -> None:
        self.received: deque[dict[str, Any]] = deque(maxlen=_MESSAGES)
        self.sent: deque[dict[str, Any]] = deque(maxlen=_MESSAGES)
        self.turns: deque[Turn] = deque(maxlen=_TURNS)
        self.heard_bytes = 0
        self._heard = bytearray()

    @property
    def heard(self) -> bytes:
        """Return the last two minutes of received sound, as pcm."""
        return bytes(self._heard[-_HEARD_BYTES:])

    def hear(self, pcm: bytes) -> None:
        """Keep received sound."""
        self.heard_bytes += len(pcm)
        self._heard += pcm
        if len(self._heard) > 2 * _HEARD_BYTES:
            del self._heard[:-_HEARD_BYTES]

    def receive(self, message: dict[str, Any]) -> None:
        """Keep a client message."""
        sound = message.get("audio")
        self.received.append(
            {**message, "audio": _size(sound)} if isinstance(sound, str) else _slim(message)
        )

    def send(self, event: dict[str, Any]) -> None:
        """Keep a server event."""
        if event["type"] in ("response.audio.delta", "response.output_audio.delta"):
            event = {**event, "delta": _size(event["delta"])}
        else:
            event = _slim(event)
        self.sent.append(event)


def _size(sound: str) -> str:
    return f"<{len(sound) * 3 // 4 - sound[-2:].count('=')} bytes>"


def _slim(value: Any) -> Any:
    """The same message; only long texts in it are replaced by their length."""
    if isinstance(value, dict):
        return {key: _slim(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_slim(inner) for inner in value]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"<{len(value)} characters>"
    return value
