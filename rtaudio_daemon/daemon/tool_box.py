"""Connects tools and conversation: offers tools to the service, runs calls, returns results.

The session gets the definitions of the tools, and below the configured instructions a few lines of
our own: date and time, the room, and the notes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from .. import config
from ..dialogue.function_calls import FunctionCall
from ..dialogue.inputs import CallAnswered, CallsTakeLong, ContinueRequested, Input
from ..dialogue.outputs import CallsRequested
from ..errors import NotConnectedError
from ..notifications import (
    ConnectionChanged,
    ConnectionState,
    ModelStatus,
    Notification,
    SpeechIgnored,
    StatusChanged,
    ToolReported,
)
from ..protocol.events import Message, ServiceErrorReported
from ..tools import results
from ..tools.registry import Registry
from ..tools.runner import Call, Refusal, Runner
from ..tools.sources.built_in import time_line
from ..tools.sources.notes import NoteStore
from ..tools.tool import InstructingSource, Json, SourceState, Tool, ToolSource
from .assistant import Assistant
from .controls import DaemonControls
from .spoken_consent import SpokenConsent

_LOG = logging.getLogger(__name__)
CALL_ROUNDS_MOST = 3
"""How often in a row answers to results may call tools again."""
CALLS_PATIENCE_S = 125.0
"""Longer than any call may take: every call is answered here."""
_AFTER_ANSWER_S = 20.0  # latest time for actions that wait for the end of an answer
_QUOTED = re.compile(r"['\"`]([\w-]+)['\"`]")  # unquoted, time and end occur in any sentence
_STILL_RUNNING = (
    "What you called is still running; its result will follow by itself. Do not call it again. Say "
    "in one short sentence that it takes a moment."
)


class ToolBox:
    """The tools of one daemon. `use` replaces them; running calls end with the previous ones."""

    def __init__(self, assistant: Assistant, controls: DaemonControls) -> None:
        self.registry = Registry(())
        self.runner = Runner(self.registry, self)
        self.ready = asyncio.Event()
        """Set once the daemon is ready: slow imports wait for it."""
        self.notes: NoteStore | None = None
        """The notes, if the model may see them."""
        self._room = ""
        self._consent = SpokenConsent()
        self._assistant = assistant
        self._controls = controls
        self._driver = assistant.driver
        self.now: Callable[[], datetime] = lambda: datetime.now().astimezone()
        """Returns the time for the model."""
        self._instructions = ""
        self._extra_tools: list[Any] = []
        self._lines: list[str] = []  # lines of the sources that the model has
        self._dated_at: float | None = None
        self._tells_time = False
        self.dated_for_s = 600.0
        """After how many seconds the model gets the time again when somebody speaks."""
        self._stale = False  # whether the session needs other definitions
        self._after_answer: list[Callable[[], None]] = []
        self._after_answer_timer: asyncio.TimerHandle | None = None

    def use(self, sources: Sequence[ToolSource], settings: config.Config) -> None:
        """Offer the tools of these sources from now on. Between turns only."""
        tools = settings.tools
        self.registry = self.runner.registry = Registry(sources)
        self.runner.limit_s, self.runner.characters = tools.limit_s, tools.result_characters
        self._room = tools.room
        self.adjust(settings)
        self._tells_time = self.registry.find("time") is not None
        for note in self.registry.notes:
            _LOG.warning("%s", note)

    def adjust(self, settings: config.Config) -> None:
        """Apply these settings from now on to decide who may say yes to a call."""
        self._consent.use(settings)

    async def close(self) -> None:
        """Wait two seconds for running calls, then stop them."""
        if self._after_answer_timer is not None:
            self._after_answer_timer.cancel()
        await self.runner.close()

    def document(self) -> Json:
        """Return the tools for `/api/status`."""
        registry = self.registry
        complete = all(source.state is SourceState.OK for source in registry.sources)
        doubts = self._consent.doubts(registry.tools) if complete else []
        return {
            "sources": [
                {
                    "name": source.name,
                    "state": str(source.state),
                    "tools": sum(tool.source == source.name for tool in registry.tools.values()),
                    "note": source.note,
                }
                for source in registry.sources
            ],
            "tools": len(registry.tools),
            "tokens": registry.tokens,
            "notes": [*registry.notes, *doubts],
        }

    def listed(self) -> list[Json]:
        """Return every tool for `/api/tools`."""
        return [
            {
                "name": name,
                "description": tool.description,
                "parameters": tool.parameters,
                "source": tool.source,
                "read_only": tool.read_only,
                "confirm": self._consent.may_need_yes(name, tool),
            }
            for name, tool in self.registry.tools.items()
        ]

    async def call(self, name: str, arguments: str, *, confirmed: bool) -> str:
        """Call a tool by hand; return its output as JSON."""
        return await self.runner.call(name, arguments, confirmed=confirmed)

    # ------------------------------------------------------- session settings

    def with_tools(self, settings: Json) -> Json:
        """Return session settings with the tools, and with our lines below the instructions."""
        self._instructions = settings.get("instructions", "")
        extra = dict(settings.get("extra") or {})
        theirs = extra.get("tools")
        self._extra_tools = theirs if isinstance(theirs, list) else []
        return {**settings, **self._tool_settings(extra)}

    def _tool_settings(self, extra: Json) -> Json:
        definitions = self.registry.definitions()
        found: Json = {"tools": definitions} if definitions else {}
        if self._extra_tools:
            found["extra"] = {**extra, "tools": [*definitions, *self._extra_tools]}
        return {**found, **self._dated()}

    def _dated(self) -> Json:
        self._dated_at = asyncio.get_running_loop().time()
        lines = [self._instructions]
        if self._tells_time:
            lines.append(time_line(self.now(), self._room))
        if self.notes is not None:
            lines.append(self.notes.line())
        self._lines = self._lines_of_sources()
        words = "\n\n".join(line for line in [*lines, *self._lines] if line)
        return {"instructions": words} if words else {}

    def _lines_of_sources(self) -> list[str]:
        return [
            line
            for source in self.registry.sources
            if isinstance(source, InstructingSource)
            for line in source.instructions_lines()
        ]

    def offer(self) -> None:
        """Offer the present tools to the session in use, and to later ones."""
        extra = dict(self._driver.settings.get("extra") or {})
        self._update({"tools": [], **self._tool_settings(extra)})

    def _update(self, changed: Json) -> None:
        now = self._driver.settings
        different = {key: value for key, value in changed.items() if now.get(key) != value}
        if different == {"tools": []} and "tools" not in now:
            return
        if different:
            try:
                self._driver.update_session(different)
            except NotConnectedError as error:
                _LOG.debug("%s", error)

    def tools_changed(self) -> None:
        """Note that the tools, the state or the note of a source have changed."""
        if self.registry.refresh() or self._lines != self._lines_of_sources():
            self._stale = True
            self._offer_when_idle()

    def _offer_when_idle(self) -> None:
        if self._stale and self._assistant.idle:
            self._stale = False
            self.offer()

    # ------------------------------------------------------------ events

    def note(self, notification: Notification) -> None:
        """Handle a notification."""
        self._consent.note(notification)
        match notification:
            case StatusChanged(status=ModelStatus.IDLE):
                self._do_after_answer()
                self._offer_when_idle()
            case StatusChanged(status=ModelStatus.LISTENING) if self._is_dated():
                self._update(self._dated())
            case ConnectionChanged(state=ConnectionState.CONNECTING | ConnectionState.RENEWING):
                self._driver.adjust_settings({**self._driver.settings, **self._dated()})
            case _:
                pass

    def _is_dated(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._dated_at is None or now - self._dated_at >= self.dated_for_s

    def button_pressed(self) -> None:
        """Note that the push-to-talk button is pressed."""
        self._consent.button_pressed()

    def received(self, message: Message) -> None:
        """Handle a message of the service, which may reject a tool."""
        self._consent.received(message.event)
        if not isinstance(message.event, ServiceErrorReported):
            return
        error = message.raw.get("error")
        param = error.get("param") if isinstance(error, dict) else None
        found = self._refused_tool(param if isinstance(param, str) else "", message.event.message)
        if found and self.registry.refuse(found, message.event.message):
            _LOG.warning("the service refused the tool %s: %s", found, message.event.message)
            extra = dict(self._driver.settings.get("extra") or {})
            # The service rejected everything else in the message, too.
            everything = {**self._driver.settings, "tools": [], **self._tool_settings(extra)}
            try:
                self._driver.update_session(everything)
            except NotConnectedError as error_:
                _LOG.debug("%s", error_)

    def _refused_tool(self, param: str, words: str) -> str:
        names = list(self.registry.tools)
        place = re.match(r"session\.tools\[(\d{1,3})\]", param)
        if place and int(place[1]) < len(names):
            return names[int(place[1])]
        quoted = set(_QUOTED.findall(words)) if "tools" in param or "function" in words else ()
        return next((name for name in names if name in quoted), "")

    # ------------------------------------------------------------------- calls

    def run(self, requested: CallsRequested) -> None:
        """Run the calls of an answer."""
        if requested.round > CALL_ROUNDS_MOST:
            why = "you have called tools too often; answer with what you know"
            for call in requested.calls:
                self._refuse(call, why)
            return
        calls = [Call(each.call_id, each.name, each.arguments) for each in requested.calls]
        self.runner.run(calls, spoken=requested.spoken)

    def _refuse(self, call: FunctionCall, why: str) -> None:
        tool = self.registry.find(call.name)
        source = tool.source if tool else ""
        self.call_reported(ToolReported(call.call_id, call.name[:64], source, "refused"))
        self.call_answered(call.call_id, results.failure(why, 200), silent=False)

    def call_answered(self, call_id: str, output: str, *, silent: bool) -> None:
        """Pass on the one output of a call."""
        self._handle(CallAnswered(call_id, output, silent=silent))

    def call_reported(self, report: ToolReported) -> None:
        """Publish that a call began, continued or ended."""
        self._assistant.publish(report)

    def calls_work(self) -> None:
        """Note that somebody waits for a call that is still running."""
        if self._driver.conversation.status is ModelStatus.THINKING:
            self._assistant.play_working()

    def calls_take_long(self, call_ids: Sequence[str]) -> None:
        """Note that these calls are still running."""
        self._handle(CallsTakeLong(tuple(call_ids), _STILL_RUNNING))

    async def permit(
        self, name: str, tool: Tool, arguments: Json, *, by_hand: bool
    ) -> Refusal | None:
        """Return why this call may not run, or not yet."""
        return await self._consent.permit(name, tool, arguments, by_hand=by_hand)

    def _handle(self, event: Input) -> None:
        self._driver.handle(event)

    # ------------------------------------------------- for the built-in tools

    @property
    def volume(self) -> float:
        """The volume of answers, 0 to 1."""
        return self._assistant.volume

    def set_volume(self, level: float) -> None:
        """Play at this level from now on."""
        self._controls.set_volume(level)

    async def broadcast(self, text: str) -> dict[str, Any]:
        """Let `text` be spoken everywhere."""
        return await self._controls.broadcast(text)

    def mute_after_answer(self) -> None:
        """Mute the microphone at the end of the answer under way."""
        self._later(lambda: self._controls.mute(True))

    def end_after_answer(self) -> None:
        """Require a wake word from the end of the answer under way on."""
        self._later(self._assistant.microphone_input.gate.need_wake_word)

    def continue_answer(self) -> bool:
        """Resume the answer that was interrupted last; return False if it is not kept."""
        kept = self._driver.conversation.can_continue
        self._handle(ContinueRequested())
        return kept

    def ignore_speech(self) -> None:
        """Discard what was said: it was not meant for us."""
        self._assistant.publish(SpeechIgnored())
        self._later(self._assistant.microphone_input.gate.need_wake_word)

    def _later(self, do: Callable[[], None]) -> None:
        self._after_answer.append(do)
        if self._after_answer_timer is None:
            loop = asyncio.get_running_loop()
            self._after_answer_timer = loop.call_later(_AFTER_ANSWER_S, self._do_after_answer)

    def _do_after_answer(self) -> None:
        if self._after_answer_timer is not None:
            self._after_answer_timer.cancel()
            self._after_answer_timer = None
        todo, self._after_answer = self._after_answer, []
        for do in todo:
            do()
