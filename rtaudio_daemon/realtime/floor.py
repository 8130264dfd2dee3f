"""Who has the floor, as far as the wire alone can tell: the status of a client without a daemon.

(Inside the daemon `conversation` knows better, as it also hears the loudspeaker.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtaudio_daemon.events import ModelStatus


class Floor:
    """Deduces the status of one session from its events."""

    def __init__(self) -> None:
        self.response_id: str | None = None
        """The answer that is being generated."""
        self._interrupted: str | None = None
        self._listening = False

    def heard(self, name: str, event: Mapping[str, Any], status: ModelStatus) -> ModelStatus:
        """The status after an event with this house name, given the status before it."""
        if name == "response.audio.delta":
            return self._sound(event, status)
        if name == "input_audio_buffer.speech_started":
            self._listening = True
            self._interrupted = self.response_id
            return ModelStatus.LISTENING
        if name in ("input_audio_buffer.speech_stopped", "input_audio_buffer.committed"):
            self._listening = False
            return ModelStatus.THINKING
        if name == "input_audio_buffer.cleared":
            self._listening = False
            return ModelStatus.IDLE if status is ModelStatus.LISTENING else status
        if name == "response.created":
            self.response_id = _response(event).get("id")
            busy = status in (ModelStatus.LISTENING, ModelStatus.SPEAKING)
            return status if busy else ModelStatus.THINKING
        if name == "response.done":
            return self._done(event, status)
        return status

    def played(self, status: ModelStatus) -> ModelStatus:
        """The status after the answer was played to its end."""
        return ModelStatus.IDLE if status is ModelStatus.SPEAKING else status

    def _sound(self, event: Mapping[str, Any], status: ModelStatus) -> ModelStatus:
        response_id = event.get("response_id")
        late = response_id is not None and response_id == self._interrupted
        return status if late or self._listening else ModelStatus.SPEAKING

    def _done(self, event: Mapping[str, Any], status: ModelStatus) -> ModelStatus:
        response = _response(event)
        response_id = response.get("id")
        interrupted = response_id is not None and response_id == self._interrupted
        if interrupted:
            self._interrupted = None
        if response_id == self.response_id:
            self.response_id = None
        # An interrupted answer says nothing about the turn that interrupted it, and one that only
        # calls functions is followed by another answer.
        if interrupted or status is not ModelStatus.THINKING or _calls(response):
            return status
        return ModelStatus.IDLE


def _response(event: Mapping[str, Any]) -> Mapping[str, Any]:
    response = event.get("response")
    return response if isinstance(response, dict) else {}


def _calls(response: Mapping[str, Any]) -> bool:
    output = response.get("output")
    return isinstance(output, list) and any(
        isinstance(item, dict) and item.get("type") == "function_call" for item in output
    )
