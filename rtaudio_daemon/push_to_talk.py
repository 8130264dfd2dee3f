"""Push to talk: a button, not a detector, says when somebody speaks.

While the button is held the service's own turn detection is off, as it would otherwise end the
turn at every breath; it is set to what it was when the button is let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .audio.format import BYTES_PER_MS
from .realtime.client import AzureRealTimeAudio

TALK_MAX_S = 60.0
_LEAST_BYTES = 100 * BYTES_PER_MS  # the service takes no shorter turn


class PushToTalk:
    """The button. `on_timeout` is called when it was held for a minute: whoever held it is gone."""

    def __init__(self, on_timeout: Callable[[], None]) -> None:
        self._on_timeout = on_timeout
        self._client: AzureRealTimeAudio | None = None
        self._detection: dict[str, Any] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._sent = 0

    @property
    def held(self) -> bool:
        """Whether somebody talks."""
        return self._client is not None

    def press(self, client: AzureRealTimeAudio) -> None:
        """Begin; what the service holds of earlier sound is forgotten."""
        self._client, self._sent = client, 0
        self._alarm = asyncio.get_running_loop().call_later(TALK_MAX_S, self._on_timeout)
        client.clear_audio_buffer()
        self._detection = client.session_config.get("turn_detection")
        if self._detection is not None:
            client.update_session({"turn_detection": None})

    def send(self, pcm: bytes) -> None:
        """Pass on what is said."""
        if self._client is not None:
            self._client.append_audio(pcm)
            self._sent += len(pcm)

    def release(self) -> bool:
        """Stop passing on; whether enough was said to be answered. Then comes `restore`."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        return self._sent >= _LEAST_BYTES

    def restore(self) -> None:
        """Let the service decide about turns again."""
        client, self._client = self._client, None
        if client is not None and self._detection is not None:
            client.update_session({"turn_detection": self._detection})
