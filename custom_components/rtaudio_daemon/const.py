"""Names that several modules need."""

from __future__ import annotations

import logging

DOMAIN = "rtaudio_daemon"
DEFAULT_PORT = 8770
LOGGER = logging.getLogger(__package__)
EVENT_TYPES = [
    "wake_word",
    "speech_started",
    "speech_stopped",
    "interrupted",
    "answered",
    "tool",
    "timer_finished",
    "said",
    "ignored",
    "yielded",
    "error",
]
"""The types of the event entity; MQTT has the same."""
