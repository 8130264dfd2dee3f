"""What can be said to a service, as methods: sound, items, answers, settings."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import NotConnectedError
from .codec import Json, flat_session, merged
from .need import Need
from .notes import Notes
from .question import Question
from .reconnect import ReconnectingSession
from .sender import Sender
from .session import SessionFactory
from .turn_sound import TurnSound

_LOG = logging.getLogger(__name__)


class Requests:
    """The sending half of a client.

    Everything is sent at once, and raises NotConnectedError when no session is ready.
    """

    _sessions: SessionFactory
    _session: ReconnectingSession
    _sender: Sender
    _unsent: TurnSound
    _notes: Notes
    _need: Need
    _question: Question
    _half: bytes

    def append_audio(self, audio: bytes | bytearray | memoryview | str) -> None:
        """Send sound in the session's input format: bytes, or base64 of them.

        Half a sample at the end waits for the next call. While the connection is lost the sound is
        kept for a while, and sent later or dropped and counted (see `WebsocketOptions`). Raises
        ValueError when a string is not base64.
        """
        pcm = base64.b64decode(audio, validate=True) if isinstance(audio, str) else bytes(audio)
        if self._half:
            pcm, self._half = self._half + pcm, b""
        if len(pcm) % 2 and not self._bytewise:
            pcm, self._half = pcm[:-1], pcm[-1:]
        if pcm:
            self._wake()
            self._sender.send_audio(pcm)

    def commit_audio(self) -> None:
        """Make a user item of the sound sent so far (at least 100 ms of it)."""
        self._wake()
        self._sender.commit_audio()
        self._note_turn()

    def clear_audio_buffer(self) -> None:
        """Forget the sound sent so far."""
        self._half = b""
        self._unsent.forget()
        self.send({"type": "input_audio_buffer.clear"})

    def create_conversation_item(
        self, item: Mapping[str, Any], previous_item_id: str | None = None
    ) -> None:
        """Put an item at the end of the conversation, at its "root", or after another item."""
        event: Json = {"type": "conversation.item.create", "item": dict(item)}
        if previous_item_id is not None:
            event["previous_item_id"] = previous_item_id
        self.send(event)

    def delete_item(self, item_id: str) -> None:
        """Remove an item from the conversation."""
        self.send({"type": "conversation.item.delete", "item_id": item_id})

    def truncate_item(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Tell how much of an answer was heard; the service forgets the rest."""
        self.send(
            {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }
        )

    def create_response(self, config: Mapping[str, Any] | None = None) -> None:
        """Ask for an answer, with settings of its own if any, as soon as none is under way.

        An answer outside the conversation (``conversation: none``) does not wait. Raises
        NotConnectedError also when too many are waiting already.
        """
        event: Json = {"type": "response.create"}
        if config is not None:
            event["response"] = dict(config)
        self.send(event)

    def cancel_response(self, response_id: str | None = None) -> None:
        """Stop an answer that is being generated: this one, or the one under way."""
        event: Json = {"type": "response.cancel"}
        response_id = response_id or self._notes.floor.response_id
        self._notes.floor.silence(response_id)
        if response_id == self._notes.floor.response_id:
            self._question.drop()
        if response_id is not None:
            event["response_id"] = response_id
        self.send(event)

    def answer_function_call(self, call_id: str, output: str) -> None:
        """Give the result of a function call.

        When it was the last one missing of its answer, all results are sent in the order of the
        calls, and the next answer is asked for (unless somebody has begun to speak since). A call
        that nobody waits for any more is ignored.
        """
        try:
            messages = self._notes.calls.answer(call_id, output)
        except KeyError:
            _LOG.debug("nobody waits for the result of %s any more", call_id)
            return
        for message in messages:
            self.send(message)

    def update_session(self, config: Mapping[str, Any]) -> None:
        """Change settings of the session, now and for every later connection.

        Turn detection may be given in part. Without a session the change waits for the next one, as
        does a voice once the session has spoken: it would refuse the whole update.
        """
        changed = flat_session(config)
        settings = self._sessions.settings
        old, new = settings.get("turn_detection"), changed.get("turn_detection")
        if old and new and new.get("type", old.get("type")) == old.get("type"):
            changed["turn_detection"] = {**old, **new}
        extra = merged(settings.get("extra") or {}, changed.get("extra") or {})
        self._adjust({**settings, **changed, **({"extra": extra} if extra else {})})
        if self._session.current is not None:
            self._wake()
            self._session.current.update(changed)

    def send(self, event: Mapping[str, Any]) -> None:
        """Send any client event, in house or GA spelling."""
        self._wake()
        message = dict(event)
        if message.get("type") != "response.create" or self._session.current is None:
            self._sender.send(message)
            return
        try:
            ready = self._notes.queue.ask(message, _now())
        except OverflowError as error:
            raise NotConnectedError(f"not sent: {error}") from error
        if (message.get("response") or {}).get("conversation") != "none":
            self._notes.owed.asked()
        self._send_all(ready)

    def drop_answer(self) -> None:
        """The answer that is awaited is not wanted any more: no other session is asked for it."""
        self._question.drop()

    def wake(self) -> None:
        """A session will be needed soon (see `SessionPolicy.hold`)."""
        self._wake()

    def forget(self) -> None:
        """Forget what was said so far: the next session begins anew."""
        self._notes.history.forget()

    # ------------------------------------------------------------ private

    def _send_all(self, messages: Iterable[Json]) -> None:
        for message in messages:
            self._sender.send(message)

    def _adjust(self, settings: Json) -> None:
        """These settings hold from now on, for this session and those to come."""
        self._sessions.settings = settings
        self._sender.by_hand = settings.get("turn_detection", {}) is None
        self._notes.adjust(settings)

    def _note_turn(self) -> None:
        """What was said may just have become an item."""
        pcm = self._unsent.fetch()
        if pcm is not None:
            self._notes.take_turn(pcm)

    def _wake(self) -> None:
        """A session is needed."""
        if self._need.on_speech:
            self._need.arise(_now())
            self._session.wake()

    @property
    def _bytewise(self) -> bool:
        """Whether a sample is one byte (telephone formats)."""
        return str(self._sessions.settings.get("input_audio_format", "pcm16")).startswith("g711")


def _now() -> float:
    return asyncio.get_running_loop().time()
