"""The tools with which the model sets timers, alarms and reminders, and stops their ringing.

They are few and described briefly, because every answer pays for them. Durations and times of day
are separate arguments, so that the model need not calculate. Results are phrased so that the model
can speak them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ...errors import RTAudioError
from ..timers.keeper import TimerKeeper
from ..timers.local_time import DAYS
from ..timers.schedule import Wish
from ..timers.timer import Kind
from ..timers.words import clock_time, label, sentence
from ..tool import CallContext, Json, SourceState, Tool, ToolError

NAME = "timers"
_TEXT: Json = {"type": "string"}
_SECONDS: Json = {"type": "number", "description": "from now"}
_AT: Json = {"type": "string", "description": "local time, HH:MM or YYYY-MM-DDTHH:MM"}
_DAYS: Json = {
    "type": "array",
    "items": {"type": "string", "enum": list(DAYS)},
    "description": "repeat on these",
}
_WHICH: Json = {"type": "string", "description": "its name; leave out if there is one only"}


class TimerTools:
    """The source of the tools for the timers of `keeper`."""

    name = NAME
    state = SourceState.OK
    note = ""

    def __init__(self, keeper: TimerKeeper) -> None:
        self._keeper = keeper
        self._offered = self._all()

    def tools(self) -> Sequence[Tool]:
        """Return all of them."""
        return self._offered

    async def run(self) -> None:
        """Do nothing: there is no connection to maintain."""

    def _all(self) -> list[Tool]:
        end: Json = {"seconds": _SECONDS, "at": _AT, "days": _DAYS}
        kinds = {"type": "string", "enum": [str(kind) for kind in Kind]}
        return [
            _tool(
                "timer_set",
                "Sets a timer, an alarm or a reminder. Give seconds for a duration, at for a time "
                "of day. A reminder needs text: what is said then.",
                self._set,
                {"kind": kinds, **end, "name": _TEXT, "text": _TEXT},
            ),
            _tool(
                "timer_change",
                "Changes one, or pauses it, or lets it go on.",
                self._change,
                {
                    "which": _WHICH,
                    **end,
                    "more_seconds": {"type": "number", "description": "to add; may be negative"},
                    "name": _TEXT,
                    "text": _TEXT,
                    "paused": {"type": "boolean"},
                },
            ),
            _tool("timer_cancel", "Removes one.", self._cancel, {"which": _WHICH}),
            _tool(
                "timer_list",
                "Lists all timers, alarms and reminders, and what was missed.",
                self._list,
                {},
                read_only=True,
            ),
            _tool(
                "timer_snooze",
                "Lets what rings, or has just stopped ringing, ring again later.",
                self._snooze,
                {"seconds": {"type": "number", "description": "default 600"}},
            ),
            _tool("timer_dismiss", "Stops what rings.", self._dismiss, {}),
        ]

    async def _set(self, arguments: Json) -> Json:
        kind = Kind(arguments.get("kind") or _kind_of(arguments))
        wish = Wish(
            seconds=arguments.get("seconds"),
            at=arguments.get("at"),
            days=arguments.get("days") or None,
            name=arguments.get("name"),
            text=arguments.get("text"),
        )
        return {"set": sentence(await self._keeper.set(kind, wish), self._keeper.now())}

    async def _change(self, arguments: Json) -> Json:
        wish = Wish(
            seconds=arguments.get("seconds"),
            more_s=arguments.get("more_seconds"),
            at=arguments.get("at"),
            days=arguments.get("days"),
            name=arguments.get("name"),
            text=arguments.get("text"),
            paused=arguments.get("paused"),
        )
        changed = await self._keeper.change(arguments.get("which", ""), wish)
        return {"changed": sentence(changed, self._keeper.now())}

    async def _cancel(self, arguments: Json) -> Json:
        cancelled = await self._keeper.cancel(arguments.get("which", ""))
        return {"cancelled": f"{cancelled.kind} {label(cancelled)}"}

    async def _list(self, _arguments: Json) -> Json:
        now = self._keeper.now()
        found: Json = {"timers": [sentence(each, now) for each in self._keeper.timers()]}
        if missed := self._keeper.missed:
            found["missed"] = [
                f"{each.kind} {label(each)} at {clock_time(each.ends_at, now)}" for each in missed
            ]
        return found

    async def _snooze(self, arguments: Json) -> Json:
        snoozed = await self._keeper.snooze(arguments.get("seconds"))
        if not snoozed:
            raise ToolError("nothing rings, and nothing has just stopped ringing")
        return {"rings again": [sentence(each, self._keeper.now()) for each in snoozed]}

    async def _dismiss(self, _arguments: Json) -> Json:
        dismissed = await self._keeper.dismiss()
        if not dismissed:
            return {"dismissed": "nothing rings any more"}
        return {"dismissed": [f"{each.kind} {label(each)}" for each in dismissed]}


def _tool(
    name: str,
    description: str,
    do: Callable[[Json], Awaitable[Json]],
    properties: Json,
    *required: str,
    read_only: bool = False,
) -> Tool:
    async def run(arguments: Json, _context: CallContext) -> Json:
        try:
            return await do(arguments)
        except RTAudioError as error:
            raise ToolError(str(error)) from error

    parameters: Json = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        parameters["required"] = list(required)
    return Tool(
        name=name,
        description=description,
        run=run,
        source=NAME,
        parameters=parameters,
        read_only=read_only,
    )


def _kind_of(arguments: Json) -> Kind:
    """Return the kind that is meant if the model does not say it."""
    if arguments.get("text"):
        return Kind.REMINDER
    return Kind.ALARM if arguments.get("at") else Kind.TIMER
