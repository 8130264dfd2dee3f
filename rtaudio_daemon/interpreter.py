"""Between the client's words and the conversation's.

What the service says is told to the conversation as happenings, or to everybody as news; what the
conversation decides is said to the service.
"""

from __future__ import annotations

import binascii
import logging
from collections.abc import Callable
from typing import Any, Literal

from .errors import NotConnectedError
from .events import (
    AudioEnded,
    AudioPart,
    AudioReceived,
    CancelResponse,
    ClearAudio,
    CommitAudio,
    CreateMessage,
    CreateResponse,
    DeleteItem,
    ErrorReported,
    Happening,
    News,
    ResponseFinished,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToldToService,
    Transcript,
    TruncateItem,
    TurnCommitted,
    UsageReported,
)
from .protocol.error_codes import Severity, severity_of
from .realtime.client import AzureRealTimeAudio

SAY = {"rtaudio": "say"}  # marks the responses that speak an announcement
_SAY_INSTRUCTIONS = "Speak the user's words exactly as they stand, and add nothing."
_EXPIRED = "session_expired"  # the next session is there, or on its way
_LOG = logging.getLogger(__name__)


class Interpreter:
    """Listens to `client` from now on; `client.off_all()` ends it."""

    def __init__(
        self,
        client: AzureRealTimeAudio,
        *,
        handle: Callable[[Happening], None],
        publish: Callable[[News], None],
    ) -> None:
        self._client = client
        self._handle = handle
        self._publish = publish
        self._undecodable = 0
        client.on("error", self._on_error)
        client.on("unanswered", self._on_unanswered)
        client.on("input_audio_buffer.speech_started", self._on_speech_started)
        client.on("input_audio_buffer.speech_stopped", self._on_speech_stopped)
        client.on("input_audio_buffer.committed", self._on_committed)
        client.on("response.created", self._on_response_created)
        client.on("response.audio.delta", self._on_audio_delta)
        client.on("response.audio.done", self._on_audio_done)
        client.on("response.done", self._on_response_done)
        client.on("response.audio_transcript.done", self._on_assistant_words("transcript"))
        client.on("response.text.done", self._on_assistant_words("text"))
        client.on("conversation.item.input_audio_transcription.completed", self._on_user_words)

    def tell(self, step: ToldToService) -> None:
        """Say to the service what was decided; lost with the connection if that is just going."""
        client = self._client
        try:
            match step:
                case CancelResponse(response_id):
                    client.cancel_response(response_id)
                case TruncateItem(item_id, content_index, audio_end_ms):
                    client.truncate_item(item_id, content_index, audio_end_ms)
                case DeleteItem(item_id):
                    client.delete_item(item_id)
                case CreateMessage(text, role):
                    client.create_conversation_item(_message(text, role))
                case CommitAudio():
                    client.commit_audio()
                case ClearAudio():
                    client.clear_audio_buffer()
                case CreateResponse(None):
                    client.create_response()
                case CreateResponse(str(words)):
                    client.create_response(_announcement(words))
        except NotConnectedError:
            _LOG.debug("not sent, the connection is going: %s", type(step).__name__)

    def _on_error(self, event: dict[str, Any]) -> None:
        error = event.get("error")
        error = error if isinstance(error, dict) else {}
        code = str(error.get("code") or error.get("type") or "error")
        if severity_of(error) is Severity.BENIGN or code == _EXPIRED:
            _LOG.debug("of no concern to anybody: %s", code)
            return
        self._publish(ErrorReported("service", code, str(error.get("message") or code)))

    def _on_unanswered(self, why: str) -> None:
        self._publish(ErrorReported("conversation", "not_answered", why))

    def _on_speech_started(self, _event: dict[str, Any]) -> None:
        self._handle(SpeechStarted("service"))

    def _on_speech_stopped(self, _event: dict[str, Any]) -> None:
        self._handle(SpeechStopped("service"))

    def _on_committed(self, event: dict[str, Any]) -> None:
        self._handle(TurnCommitted(_text(event, "item_id")))

    def _on_response_created(self, event: dict[str, Any]) -> None:
        response = _object(event, "response")
        announcement = response.get("metadata") == SAY
        self._handle(ResponseStarted(_text(response, "id"), in_conversation=not announcement))

    def _on_audio_delta(self, event: dict[str, Any]) -> None:
        try:
            pcm = binascii.a2b_base64(event["delta"])
        except (KeyError, TypeError, ValueError):
            self._undecodable += 1
            level = logging.WARNING if self._undecodable == 1 else logging.DEBUG
            _LOG.log(level, "skipped sound that is not base64 (%d so far)", self._undecodable)
            return
        self._handle(AudioReceived(_part(event), pcm))

    def _on_audio_done(self, event: dict[str, Any]) -> None:
        self._handle(AudioEnded(_part(event)))

    def _on_response_done(self, event: dict[str, Any]) -> None:
        response = _object(event, "response")
        response_id = _text(response, "id")
        details = response.get("status_details")
        if not isinstance(details, dict):
            details = {"reason": details} if isinstance(details, str) else {}
        error = _object(details, "error")
        self._handle(
            ResponseFinished(
                response_id,
                _text(response, "status") or "completed",
                error.get("code") or details.get("reason"),
                error.get("message"),
            )
        )
        if usage := _object(response, "usage"):
            self._publish(UsageReported(response_id, usage))

    def _on_assistant_words(self, key: str) -> Callable[[dict[str, Any]], None]:
        def told(event: dict[str, Any]) -> None:
            self._publish(Transcript("assistant", _text(event, key), True, _text(event, "item_id")))

        return told

    def _on_user_words(self, event: dict[str, Any]) -> None:
        words = _text(event, "transcript")
        self._publish(Transcript("user", words, True, _text(event, "item_id")))


def _text(event: dict[str, Any], key: str) -> str:
    value = event.get(key)
    return value if isinstance(value, str) else ""


def _object(event: dict[str, Any], key: str) -> dict[str, Any]:
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def _part(event: dict[str, Any]) -> AudioPart:
    index = event.get("content_index")
    return AudioPart(
        _text(event, "response_id"),
        _text(event, "item_id"),
        index if isinstance(index, int) else 0,
    )


def _message(text: str, role: Literal["user", "assistant"] = "user") -> dict[str, Any]:
    kind = "input_text" if role == "user" else "text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _announcement(text: str) -> dict[str, Any]:
    return {
        "conversation": "none",
        "metadata": SAY,
        "modalities": ["audio", "text"],
        "instructions": _SAY_INSTRUCTIONS,
        "input": [_message(text)],
    }
