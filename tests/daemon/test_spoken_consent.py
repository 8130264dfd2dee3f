"""Who may say yes as the conversation goes: what is our question, and what an answer to it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.config.tool_sections import ToolRule
from rtaudio_daemon.daemon.spoken_consent import SpokenConsent
from rtaudio_daemon.dialogue.announcements import SAY_METADATA
from rtaudio_daemon.notifications import (
    ModelStatus,
    SpeechNoticed,
    StatusChanged,
    Transcript,
    WakeWordHeard,
)
from rtaudio_daemon.protocol.error_codes import Severity
from rtaudio_daemon.protocol.events import (
    InputCommitted,
    ResponseCreated,
    ServiceErrorReported,
    UserTranscriptFailed,
)
from rtaudio_daemon.tools.tool import CallContext, Json, Target, Tool, ToolError
from tests.daemon.test_reload import with_

IDLE, LISTENING, THINKING, SPEAKING = ModelStatus


async def nothing(_arguments: Json, _context: CallContext) -> None:
    """Stand in for what a tool does."""


DOOR = Tool(
    name="open_door",
    description="",
    run=nothing,
    source="fake",
    parameters={"type": "object"},
    confirm=True,
)


class Talk:
    """A conversation as the consent sees it."""

    def __init__(self, **options: Any) -> None:
        self.consent = SpokenConsent()
        edit = with_(realtime__session__transcription__model="whisper-1", **options)
        self.consent.use(edit(config.Config()))
        self.status = IDLE
        self.items = 0

    def becomes(self, *statuses: ModelStatus) -> None:
        for status in statuses:
            self.consent.note(StatusChanged(status, self.status))
            self.status = status

    async def call(self) -> str:
        """The model calls; "" if the tool may run."""
        refusal = await self.consent.permit("open_door", DOOR, {}, by_hand=False)
        return refusal.why if refusal else ""

    def answers(self, metadata: Json | None = None) -> None:
        """An answer begins, and is heard whole."""
        self.consent.received(ResponseCreated("resp_1", metadata, "conv_1"))
        self.becomes(SPEAKING, IDLE)

    def says(self, text: str | None) -> None:
        """Somebody speaks; None: that cannot be written down."""
        self.items += 1
        item = f"item_{self.items}"
        self.consent.note(SpeechNoticed("started", "service"))
        self.becomes(LISTENING)
        self.consent.received(InputCommitted(item))
        self.becomes(THINKING)
        if text is None:
            error = ServiceErrorReported("", "", "", "", Severity.FATAL)
            self.consent.received(UserTranscriptFailed(item, error))
        else:
            self.consent.note(Transcript("user", text, True, item))


async def asked(**options: Any) -> Talk:
    """A talk in which the question was heard."""
    talk = Talk(**options)
    assert "needs a spoken yes" in await talk.call()
    talk.becomes(THINKING)
    talk.answers()
    return talk


async def test_a_yes_to_the_question_lets_the_tool_run() -> None:
    talk = await asked()
    talk.says("Yes.")
    assert await talk.call() == ""


async def test_an_announcement_is_no_question() -> None:
    talk = Talk()
    assert "needs a spoken yes" in await talk.call()
    talk.answers(SAY_METADATA)
    talk.says("Yes.")
    assert "nobody has answered yet" in await talk.call()
    talk.answers()
    talk.says("Yes.")
    assert await talk.call() == ""


async def test_words_that_sound_when_the_model_calls_are_no_question_until_they_are_over() -> None:
    talk = Talk()
    talk.becomes(THINKING, SPEAKING)
    assert "needs a spoken yes" in await talk.call()
    talk.consent.received(ResponseCreated("resp_2", None, "conv_1"))
    talk.says("Yes.")
    assert "nobody has answered yet" in await talk.call()
    talk.becomes(SPEAKING)
    talk.consent.received(ResponseCreated("resp_3", None, "conv_1"))
    talk.becomes(IDLE)
    talk.says("Yes.")
    assert await talk.call() == "", "they went over into the question"


async def test_a_question_that_is_refused_again_must_be_heard_again() -> None:
    talk = await asked()
    talk.says("No.")
    assert "no clear yes" in await talk.call()
    talk.says("Yes.")
    assert "nobody has answered yet" in await talk.call()
    talk.answers()
    talk.says("Yes.")
    assert await talk.call() == ""


@pytest.mark.parametrize(
    ("options", "after_s", "woken", "granted"),
    [
        ({}, 7, False, True),
        ({}, 9, False, False),
        ({"audio__wake__follow_up_s": 30}, 20, False, True),
        ({"audio__listen": "wake_word"}, 20, True, True),
        ({"audio__listen": "wake_word"}, 7, False, True),
        ({"audio__listen": "push_to_talk"}, 30, False, True),
    ],
)
async def test_an_answer_is_a_follow_up_or_comes_after_the_wake_word(
    options: dict[str, Any], after_s: float, woken: bool, granted: bool
) -> None:
    talk = await asked(**options)
    await asyncio.sleep(after_s)
    if woken:
        talk.consent.note(WakeWordHeard("alexa"))
    talk.says("Yes.")
    assert (await talk.call() == "") is granted


async def test_a_button_takes_over_what_was_being_said() -> None:
    talk = await asked()
    await asyncio.sleep(20)
    talk.consent.note(SpeechNoticed("started", "service"))
    talk.consent.button_pressed()
    talk.says("Yes.")
    assert await talk.call() == ""


async def test_what_was_begun_and_came_to_nothing_takes_no_yes_away() -> None:
    talk = await asked()
    talk.says("Yes.")
    talk.becomes(IDLE)
    talk.consent.note(SpeechNoticed("started", "local"))
    talk.becomes(LISTENING, IDLE)
    assert await talk.call() == ""


async def test_words_that_cannot_be_written_down_are_not_waited_for() -> None:
    talk = await asked()
    talk.says(None)
    before = asyncio.get_running_loop().time()
    assert "could not be written down" in await talk.call()
    assert asyncio.get_running_loop().time() == before


async def test_what_is_heard_again_counts_by_the_newest_settings_only() -> None:
    talk = await asked()
    settings = with_(realtime__session__extra={"input_audio_transcription": {"model": "x"}})
    talk.consent.use(settings(config.Config()))
    talk.says("Yes.")
    assert "needs a spoken yes" in await talk.call()
    talk.consent.use(config.Config())
    assert "nothing that is said is written down" in await talk.call()


async def test_a_call_by_hand_needs_a_yes_by_hand_and_what_is_denied_stays_so() -> None:
    talk = Talk(tools__deny=(ToolRule(domain="siren"),))
    refusal = await talk.consent.permit("open_door", DOOR, {}, by_hand=True)
    assert refusal is not None
    assert refusal.ask
    siren = {"domain": "siren"}
    refusal = await talk.consent.permit("open_door", DOOR, siren, by_hand=True)
    assert refusal is not None
    assert not refusal.ask
    assert await talk.consent.permit("x", replace(DOOR, confirm=False), {}, by_hand=True) is None


async def test_a_tool_knows_what_it_concerns_better_than_its_arguments() -> None:
    async def lock(_arguments: Json) -> list[Target]:
        return [Target("lock")]

    async def unknown(_arguments: Json) -> list[Target]:
        raise ToolError("there is no such thing")

    consent = Talk().consent
    tool = replace(DOOR, confirm=False, targets=lock)
    refusal = await consent.permit("turn_off", tool, {"domain": "light"}, by_hand=False)
    assert refusal is not None
    known = {"type": "object", "properties": {"name": {}, "domain": {}}}
    tool = replace(tool, targets=None, parameters=known)
    assert await consent.permit("turn_off", tool, {"name": "Door"}, by_hand=False) is not None
    assert await consent.permit("turn_off", tool, {"domain": "light"}, by_hand=False) is None
    with pytest.raises(ToolError, match="no such thing"):
        await consent.permit("turn_off", replace(tool, targets=unknown), {}, by_hand=False)
