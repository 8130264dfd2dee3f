"""Who has the floor, as far as the wire alone can tell: the status of a client without a daemon.

(Inside the daemon `conversation` knows better, as it also hears the loudspeaker.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtaudio_daemon.events import ModelStatus


class Floor:
    """Deduces the status of one session from its events.

    `replies`: whether the service answers a turn by itself; `interrupts`: whether it ends its
    answer when somebody speaks.
    """

    def __init__(self, *, replies: bool = True, interrupts: bool = True) -> None:
        self.replies = replies
        self.interrupts = interrupts
        self.response_id: str | None = None
        """The answer that is being generated."""
        self._interrupted: set[str] = set()
        self._listening = False

    def heard(self, name: str, event: Mapping[str, Any], status: ModelStatus) -> ModelStatus:
        """The status after an event with this house name, given the status before it."""
        if name == "response.audio.delta":
            return self._sound(event, status)
        if name == "input_audio_buffer.speech_started":
            self._listening = True
            if self.interrupts:
                self.silence(self.response_id)
            return ModelStatus.LISTENING
        if name in ("input_audio_buffer.speech_stopped", "input_audio_buffer.committed"):
            return self._turn_over(status)
        if name == "input_audio_buffer.cleared":
            self._listening = False
            return ModelStatus.IDLE if status is ModelStatus.LISTENING else status
        if name == "response.created":
            response_id = response_in(event).get("id")
            self.response_id = response_id if isinstance(response_id, str) else None
            busy = status in (ModelStatus.LISTENING, ModelStatus.SPEAKING)
            return status if busy else ModelStatus.THINKING
        if name == "response.done":
            return self._done(event, status)
        return status

    def silence(self, response_id: str | None) -> None:
        """This answer was interrupted: nothing more of it is wanted."""
        if response_id is not None:
            self._interrupted.add(response_id)

    def late(self, event: Mapping[str, Any]) -> bool:
        """Whether an event belongs to an answer that was interrupted."""
        response_id = event.get("response_id")
        return isinstance(response_id, str) and response_id in self._interrupted

    @property
    def listening(self) -> bool:
        """Whether somebody speaks."""
        return self._listening

    def gave_up(self, status: ModelStatus) -> ModelStatus:
        """The status when no answer came in time."""
        waiting = status is ModelStatus.THINKING and self.response_id is None
        return ModelStatus.IDLE if waiting else status

    def played(self, status: ModelStatus) -> ModelStatus:
        """The status after the answer was played to its end."""
        return ModelStatus.IDLE if status is ModelStatus.SPEAKING else status

    def _turn_over(self, status: ModelStatus) -> ModelStatus:
        was_listening, self._listening = self._listening, False
        if self.replies:
            return status if status is ModelStatus.SPEAKING else ModelStatus.THINKING
        # A person may ask for an answer, or not.
        return ModelStatus.IDLE if was_listening else status

    def _sound(self, event: Mapping[str, Any], status: ModelStatus) -> ModelStatus:
        if self.response_id is None and isinstance(event.get("response_id"), str):
            self.response_id = event["response_id"]  # not every service tells when it begins
        return status if self.late(event) or self._listening else ModelStatus.SPEAKING

    def _done(self, event: Mapping[str, Any], status: ModelStatus) -> ModelStatus:
        response = response_in(event)
        response_id = response.get("id")
        response_id = response_id if isinstance(response_id, str) else None
        interrupted = response_id in self._interrupted
        self._interrupted.discard(response_id or "")
        if response_id == self.response_id or response_id is None:
            self.response_id = None
        # An interrupted answer says nothing about the turn that interrupted it, and one that only
        # calls functions is followed by another answer.
        if interrupted or status is not ModelStatus.THINKING or calls_functions(response):
            return status
        return ModelStatus.IDLE


def response_in(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The response that an event carries; empty if it carries none."""
    response = event.get("response")
    return response if isinstance(response, dict) else {}


def calls_functions(response: Mapping[str, Any]) -> bool:
    """Whether a response calls functions."""
    output = response.get("output")
    return isinstance(output, list) and any(
        isinstance(item, dict) and item.get("type") == "function_call" for item in output
    )
