"""Decides which calls may run: by the rules, and by what people said if a yes is needed.

Follows the conversation for `tools.confirmations`: when our question was heard, how each turn was
opened, and what was said in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from .. import config
from ..dialogue.announcements import SAY_METADATA
from ..notifications import (
    ModelStatus,
    Notification,
    SpeechNoticed,
    StatusChanged,
    Transcript,
    WakeWordHeard,
)
from ..protocol.events import Event, InputCommitted, ResponseCreated, UserTranscriptFailed
from ..tools.confirmations import Confirmations, OpenedBy, call_key
from ..tools.permissions import Permissions, targets_in
from ..tools.runner import Refusal
from ..tools.tool import Json, Target, Tool, ToolError

_LOG = logging.getLogger(__name__)
_TARGETS_S = 10.0  # how long determining what a call concerns may take
_WORDS_S = 5.0  # how long to wait for a transcript
_DENIED = (
    "not done: the configuration forbids this (tools.deny); tell the person so, and do not call it "
    "again"
)
_NOT_CONFIRMED = 'not done: this needs a yes; call it again with "confirm": true (on a shell --yes)'


class SpokenConsent:
    """Decides about calls with the settings in use."""

    def __init__(self) -> None:
        self._permissions = Permissions((), ())
        self._confirmations = Confirmations()
        self._words = asyncio.Event()
        self._open = True
        self._follow_up_s = 0.0
        self._woken = self._held = False
        self._speaking = False
        self._answer_begun = False  # since a call was refused: the next sound is our question
        self._spoke_at: float | None = None  # when our last sound ended

    def use(self, settings: config.Config) -> None:
        """Apply these settings from now on, and forget open questions."""
        tools, transcription = settings.tools, settings.realtime.session.transcription
        self._permissions = Permissions(tools.confirm, tools.deny)
        self._confirmations = Confirmations(
            transcribes=_transcribes(settings.realtime.session),
            languages=(transcription.language,) if transcription.language else (),
        )
        self._open = settings.audio.listen == "open"
        self._follow_up_s = float(settings.audio.wake.follow_up_s)

    def may_need_yes(self, name: str, tool: Tool) -> bool:
        """Return whether a call without arguments needs a yes; with arguments more calls may."""
        return self._permissions.decide(tool, (), name) == "confirm"

    def doubts(self, tools: Mapping[str, Tool]) -> list[str]:
        """Return a sentence for every rule that matches none of these tools."""
        return [
            f"a rule in tools.confirm or tools.deny is about the tool {name}, which there is not; "
            "see its spelling"
            for name in self._permissions.unknown_names(tools)
        ]

    async def permit(
        self, name: str, tool: Tool, arguments: Json, *, by_hand: bool
    ) -> Refusal | None:
        """Return why this call of `tool`, which the model knows as `name`, may not run, or not yet.

        `by_hand`: the caller takes responsibility for the confirmation. Waits for the words of a
        turn for up to five seconds. Raises ToolError.
        """
        targets = await _targets(tool, arguments)
        decision = self._permissions.decide(tool, targets, name)
        if decision == "allow":
            return None
        if decision == "deny":
            return Refusal(_DENIED)
        if by_hand:
            return Refusal(_NOT_CONFIRMED, ask=True)
        return await self._confirmed(call_key(name, arguments))

    async def _confirmed(self, key: str) -> Refusal | None:
        confirmations, loop = self._confirmations, asyncio.get_running_loop()
        deadline = loop.time() + _WORDS_S
        while (verdict := confirmations.check(key, loop.time())) == "wait_for_words":
            self._words.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._words.wait()
            except TimeoutError:
                break
        if verdict == "granted":
            return None
        if verdict == "ask":
            confirmations.ask(key, loop.time())
        self._answer_begun = False
        return Refusal(confirmations.why, ask=True)

    # ------------------------------------------------------------ events

    def note(self, notification: Notification) -> None:
        """Handle a notification."""
        confirmations = self._confirmations
        match notification:
            case WakeWordHeard():
                self._woken = True
            case SpeechNoticed("started"):
                confirmations.turn_began(self._opened_by())
            case Transcript("user", text, True, item_id):
                self._note_words(item_id, text)
            case Transcript("assistant", text, True):
                confirmations.question_words(text)
            case StatusChanged():
                self._note_status(notification)
            case _:
                pass

    def button_pressed(self) -> None:
        """Note that a button is pressed: the current speech is cut off, and a new turn begins."""
        self._held = True
        self._confirmations.turn_dropped()
        self._confirmations.turn_began("button")

    def received(self, event: Event) -> None:
        """Handle an event of the service."""
        if isinstance(event, InputCommitted):
            self._confirmations.turn_committed(event.item_id)
            self._woken = self._held = False
        elif isinstance(event, UserTranscriptFailed):
            self._note_words(event.item_id, "")
        elif isinstance(event, ResponseCreated) and event.metadata != SAY_METADATA:
            self._answer_begun = True

    def _note_words(self, item_id: str, text: str) -> None:
        self._confirmations.turn_words(item_id, text)
        self._words.set()

    def _opened_by(self) -> OpenedBy:
        if self._held:
            return "button"
        if self._woken:
            return "wake_word"
        if not self._open:
            return "follow_up"  # nothing else passes the gate
        since = None if self._spoke_at is None else _now() - self._spoke_at
        soon = since is not None and since <= self._follow_up_s
        return "follow_up" if self._speaking or soon else "other"

    def _note_status(self, change: StatusChanged) -> None:
        speaks = change.status is ModelStatus.SPEAKING
        # Speech before the call may still sound, and merge into the question without a pause.
        heard = not self._speaking if speaks else self._speaking and change.status == "idle"
        if heard and self._answer_begun:
            self._confirmations.question_heard(_now())
        if self._speaking and not speaks:
            self._spoke_at = _now()
        self._speaking = speaks
        if (change.previous, change.status) == (ModelStatus.LISTENING, ModelStatus.IDLE):
            self._confirmations.turn_dropped()
            self._woken = self._held = False


async def _targets(tool: Tool, arguments: Json) -> Sequence[Target]:
    """Return what a call concerns. Raises ToolError for any error of the tool."""
    if tool.targets is None:
        return targets_in(arguments, tool.parameters)
    try:
        async with asyncio.timeout(_TARGETS_S):
            return await tool.targets(arguments)
    except ToolError:
        raise
    except TimeoutError:
        raise ToolError(f"what it concerns was not found within {_TARGETS_S:g} s") from None
    except Exception as error:  # third-party code must not end the daemon
        _LOG.warning("the tool %s (%s) failed", tool.name, tool.source, exc_info=error)
        raise ToolError("what it concerns was not found, by a mistake in its program") from error


def _transcribes(session: config.Session) -> bool:
    if session.transcription.model:
        return True
    extra = session.extra or {}
    audio = extra.get("audio")
    heard = audio.get("input") if isinstance(audio, dict) else None
    nested = heard.get("transcription") if isinstance(heard, dict) else None
    return bool(extra.get("input_audio_transcription") or nested)


def _now() -> float:
    return asyncio.get_running_loop().time()
