"""Push to talk: a button, not a detector, says when somebody speaks.

While the button is held the service's own turn detection is off, as it would otherwise end the
turn at every breath; it is set to what it was when the button is let go. Pressed while there is no
session it wakes one, and keeps what is said until the session is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .audio.format import BYTES_PER_MS
from .errors import NotConnectedError
from .realtime.client import AzureRealTimeAudio

TALK_MAX_S = 60.0
WAKE_S = 10.0
"""How long a turn waits for its session, and so how much of it is kept."""
_LEAST_BYTES = 100 * BYTES_PER_MS  # the service takes no shorter turn


class PushToTalk:
    """The button. `on_timeout` is called when it was held for a minute: whoever held it is gone.

    `on_nobody` is called when the session that it waits for did not come in `WAKE_S`.
    """

    def __init__(self, on_timeout: Callable[[], None], on_nobody: Callable[[], None]) -> None:
        self._on_timeout = on_timeout
        self._on_nobody = on_nobody
        self._client: AzureRealTimeAudio | None = None
        self._held = False
        self._kept: list[bytes] | None = None
        self._detection: dict[str, Any] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._said = 0

    @property
    def held(self) -> bool:
        """Whether somebody talks."""
        return self._held

    @property
    def waiting(self) -> bool:
        """Whether what is said, or was, is kept for a session to come."""
        return self._kept is not None

    @property
    def busy(self) -> bool:
        """Whether a turn is held, or waits."""
        return self._client is not None

    def press(self, client: AzureRealTimeAudio, *, connected: bool) -> None:
        """Begin; what the service holds of earlier sound is forgotten.

        Pressed again while its turn still waits, the turn goes on.
        """
        self._held = True
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(TALK_MAX_S, self._on_timeout)
        if self.waiting:
            return
        self._client, self._said = client, 0
        with suppress(NotConnectedError):
            client.clear_audio_buffer()
        self._detection = client.session_config.get("turn_detection")
        if self._detection is not None:
            client.update_session({"turn_detection": None})
        if not connected:
            self._kept = []
            self._patience = loop.call_later(WAKE_S, self._on_nobody)
            client.wake()

    def begin(self) -> None:
        """The session is there: it hears what was kept for it."""
        kept, self._kept = self._kept, None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._client is None or kept is None:
            return
        for pcm in kept:
            self._client.append_audio(pcm)

    def send(self, pcm: bytes) -> None:
        """Pass on what is said."""
        if self._client is None:
            return
        self._said += len(pcm)
        if self._kept is None:
            self._client.append_audio(pcm)
        else:
            self._kept.append(pcm)

    def release(self) -> bool:
        """Stop passing on; whether enough was said to be answered. Then comes `restore`."""
        self._held = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        return self._said >= _LEAST_BYTES

    def restore(self) -> None:
        """Let the service decide about turns again; what was kept is forgotten."""
        client, self._client = self._client, None
        self._kept = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if client is not None and self._detection is not None:
            client.update_session({"turn_detection": self._detection})
