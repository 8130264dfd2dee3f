"""The daemon's own tools without requirements: time, volume, mute, end, go_on, not_for_me."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from ...program_name import PROGRAM
from ..tool import CallContext, Json, Outcome, SourceState, Tool, ToolError

NAME = "built_in"
_NO_PARAMETERS: Json = {"type": "object", "properties": {}, "additionalProperties": False}
_MUTED_HOW = (
    "the microphone is switched off when your answer is over; say in one short sentence that it "
    f"comes back by its button, by the page, or by `{PROGRAM} unmute`, and not by voice"
)


class BuiltInHost(Protocol):
    """What the built-in tools can do and see."""

    @property
    def volume(self) -> float:
        """The volume of answers, 0 to 1."""

    def set_volume(self, level: float) -> None:
        """Play at this level (0 to 1) from now on."""

    def mute_after_answer(self) -> None:
        """Mute the microphone at the end of the answer under way."""

    def end_after_answer(self) -> None:
        """Require a wake word from the end of the answer under way on."""

    def continue_answer(self) -> bool:
        """Resume the answer that was interrupted last; return False if it is not kept."""

    def ignore_speech(self) -> None:
        """Discard what was said: it was not meant for us."""


class BuiltIn:
    """The source of the tools with these `names`; other names belong to other sources."""

    name = NAME
    state = SourceState.OK
    note = ""

    def __init__(
        self, names: Sequence[str], host: BuiltInHost, now: Callable[[], datetime]
    ) -> None:
        self._host = host
        self._now = now
        self._offered = [tool for tool in self._all() if tool.name in names]

    def tools(self) -> Sequence[Tool]:
        """Return the tools that are enabled."""
        return self._offered

    async def run(self) -> None:
        """Do nothing: there is no connection to maintain."""

    def _all(self) -> list[Tool]:
        level = {"type": "integer", "minimum": 0, "maximum": 100}
        change = {"type": "integer", "minimum": -100, "maximum": 100}
        loudness: Json = {
            "type": "object",
            "properties": {
                "percent": {**level, "description": "the new volume"},
                "change": {**change, "description": "percentage points more, or less"},
            },
            "additionalProperties": False,
        }
        return [
            self._tool("time", "Tells the local date, weekday, time and time zone.", self._time),
            self._tool(
                "volume",
                "Sets your own loudness, or changes it; without arguments it only tells it.",
                self._volume,
                loudness,
            ),
            self._tool(
                "mute",
                "Switches the microphone off; only when somebody asks you to stop listening.",
                self._mute,
            ),
            self._tool(
                "end",
                "Ends the conversation, so that you listen only after the wake word again. Say "
                "goodbye first, then call it; call it when somebody says goodbye or is done.",
                self._end,
            ),
            self._tool(
                "go_on",
                "Plays the rest of your answer that was interrupted, in your voice. Call it, and "
                "say nothing, when somebody wants you to go on with it, or when what interrupted "
                "it held no words: a cough, a noise.",
                self._go_on,
            ),
            self._tool(
                "not_for_me",
                "Call this instead of answering, and say nothing, when what you heard was not "
                "meant for you: a television, or people who talk to each other.",
                self._not_for_me,
            ),
        ]

    def _tool(
        self,
        name: str,
        description: str,
        run: Callable[[Json, CallContext], object],
        parameters: Json = _NO_PARAMETERS,
    ) -> Tool:
        async def call(arguments: Json, context: CallContext) -> object:
            return run(arguments, context)

        return Tool(
            name=name,
            description=description,
            run=call,
            source=NAME,
            parameters=parameters,
            read_only=name == "time",
        )

    def _time(self, _arguments: Json, _context: CallContext) -> Json:
        now = self._now()
        return {
            "date": now.strftime("%Y-%m-%d"),
            "weekday": WEEKDAYS[now.weekday()],
            "time": now.strftime("%H:%M:%S"),
            "zone": zone_of(now),
        }

    def _volume(self, arguments: Json, _context: CallContext) -> Json:
        percent, change = arguments.get("percent"), arguments.get("change")
        if percent is not None and change is not None:
            raise ToolError("give either percent or change, not both")
        before = round(self._host.volume * 100)
        if percent is None and change is None:
            return {"percent": before}
        wanted = before + change if change is not None else percent
        level = min(100, max(0, int(wanted or 0)))
        self._host.set_volume(level / 100)
        return {"percent": level, "before": before}

    def _mute(self, _arguments: Json, _context: CallContext) -> str:
        self._host.mute_after_answer()
        return _MUTED_HOW

    def _end(self, _arguments: Json, context: CallContext) -> Outcome:
        self._host.end_after_answer()
        return Outcome("the conversation ends after your goodbye", silent=context.spoken)

    def _go_on(self, _arguments: Json, _context: CallContext) -> Outcome:
        if self._host.continue_answer():
            return Outcome("the rest is played; say nothing", silent=True)
        return Outcome("the rest is not kept any more; say in your own words what was left")

    def _not_for_me(self, _arguments: Json, _context: CallContext) -> Outcome:
        self._host.ignore_speech()
        return Outcome("good; say nothing", silent=True)


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def zone_of(now: datetime) -> str:
    """Return the time zone of an aware datetime in words, such as CET (UTC+01:00)."""
    return f"{now.tzname()} ({now.strftime('UTC%z')[:6]}:{now.strftime('%z')[3:5]})"


def time_line(now: datetime, room: str) -> str:
    """Return one line for the model: date, time, and the room if it has a name."""
    day = f"{WEEKDAYS[now.weekday()]}, {now.day} {MONTHS[now.month - 1]} {now.year}"
    where = f" You are in the room: {room}." if room else ""
    return f"It is {day}, {now:%H:%M}, time zone {zone_of(now)}.{where}"
