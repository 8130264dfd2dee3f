"""What comes down from the service: messages, decoded and counted."""

from __future__ import annotations

import logging

from rtaudio_daemon.realtime.codec import SERVER_EVENTS, Json, decode

_LOG = logging.getLogger(__name__)


class Downlink:
    """Counts since the start: `malformed` messages, which are skipped, and `unknown` events."""

    def __init__(self) -> None:
        self.malformed = self.unknown = 0

    def read(self, raw: str) -> Json | None:
        """The event in a message; None for a malformed one."""
        try:
            event = decode(raw)
        except ValueError as error:
            level = logging.DEBUG if self.malformed else logging.WARNING
            self.malformed += 1
            _LOG.log(level, "skipped a malformed message of the service: %s", error)
            return None
        if event["type"] not in SERVER_EVENTS:
            self.unknown += 1
            _LOG.debug("the service sent an event unknown to us: %s", event["type"])
        return event
