"""The tools that Home Assistant offers for Assist: called over MCP, judged and checked over HTTP.

After calls that change something, the states of what Home Assistant acted on are checked.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ....protocol.bounds import printable
from ...permissions import targets_in
from ...tool import CallContext, Json, Outcome, SourceState, Target, Tool, ToolError
from ..kept_link import KeptLink
from ..mcp_link import LinkError, OfferedTool
from .actions import look
from .asked_for import goal_of
from .client import HomeClient
from .exposed import Thing, brief, cut, find, things_in
from .goals import Goal
from .intents import (
    Answer,
    Asked,
    action_of,
    answer_of,
    asked_in,
    chosen,
    is_control,
    is_seen,
    other_targets,
    plain_result,
    short_name,
    targets_of_things,
    unknown_targets,
)
from .states import State

_FOUND_MOST = 20
_LIVE = "GetLiveContext"
NOT_SEEN = "Home Assistant took it; whether it worked cannot be seen, so do not claim it"
_FIND: Json = {
    "type": "object",
    "properties": {
        "words": {"type": "string", "description": "words of the name, as in desk lamp"},
        "area": {"type": "string", "description": "only in this area"},
        "domain": {"type": "string", "description": "only things like this, as in light"},
    },
    "additionalProperties": False,
}


class Assist:
    """What Home Assistant exposed at the time of the last `take`.

    `ask`: requests the list again. `source`: the name of the source of these tools.
    """

    def __init__(
        self, client: HomeClient, source: str, kept: KeptLink, ask: Callable[[], Awaitable[None]]
    ) -> None:
        self.tools: list[Tool] = []
        self.text = ""
        """What a model should know about the home."""
        self.note = ""
        self.things: list[Thing] = []
        self._client = client
        self._source = source
        self._kept = kept
        self._ask = ask
        self._live = ""

    def take(self, offered: Sequence[OfferedTool], prompt: str) -> bool:
        """Offer these tools from now on; return whether anything has changed."""
        before = (self.text, _described(self.tools))
        self.things = things_in(prompt)
        text, is_cut = cut(prompt)
        large = is_cut and bool(self.things)
        if large:
            text, is_cut = cut(brief(prompt, self.things))
        self.text = text
        self.note = "the text about the home is too long and was cut; expose fewer things"
        self.note = self.note if is_cut else ""
        self._live = next((each.name for each in offered if short_name(each.name) == _LIVE), "")
        shown = [each for each in offered if not (large and each.name == self._live)]
        self.tools = [self._tool(each) for each in shown]
        if large and self._live:
            self.tools.insert(0, self._finding())
        return before != (self.text, _described(self.tools))

    def _tool(self, offered: OfferedTool) -> Tool:
        async def run(arguments: Json, _context: CallContext) -> Any:
            with self._kept.calling():
                return await self._call(offered, arguments)

        async def targets(arguments: Json) -> Sequence[Target]:
            return await self._targets(offered, arguments)

        return Tool(
            name=offered.name,
            description=printable(offered.description),
            run=run,
            source=self._source,
            parameters=offered.parameters,
            read_only=offered.read_only,
            targets=targets,
        )

    # ------------------------------------------------------------------- targets

    async def _targets(self, tool: OfferedTool, arguments: Json) -> Sequence[Target]:
        """Return what a call concerns. Raises ToolError, also if no such thing is exposed."""
        if tool.read_only:
            return targets_in(arguments)
        if not is_control(tool.name):
            return other_targets(tool.name) or targets_in(arguments)
        asked = asked_in(tool.name, arguments)
        meant = chosen(asked, self.things)
        if not meant:
            await self._ask()  # it may have been exposed just now
            meant = chosen(asked, self.things)
        if not meant:
            if self.things and (asked.name or asked.area):
                raise ToolError(self._nothing(asked))
            return unknown_targets(asked)
        states = await self._client.get_states()
        return targets_of_things(asked, meant, states) or unknown_targets(asked)

    def _nothing(self, asked: Asked) -> str:
        name, area = asked.name, asked.area
        if others := chosen(replace(asked, domains=(), device_classes=()), self.things):
            kinds = ", ".join(dict.fromkeys(thing.domain for thing in others))
            return printable(f"{name or area} has no {' or '.join(asked.domains)}, only {kinds}")
        known = [each for thing in self.things for each in (thing.names if name else thing.areas)]
        near = difflib.get_close_matches(name or area, dict.fromkeys(known), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        where = f" in {area}" if name and area else ""
        return printable(f"nothing is exposed as {name or area}{where}{hint}"[:300])

    # --------------------------------------------------------------------- calls

    async def _call(self, tool: OfferedTool, arguments: Json) -> Any:
        if tool.read_only:
            return plain_result(await self._send(tool.name, arguments))
        before = await self._client.get_states() if is_seen(tool.name) else {}
        result = await self._send(tool.name, arguments)
        answer = answer_of(result)
        if answer is None or not answer.entities or not is_seen(tool.name):
            words = (answer.speech or "taken") if answer else plain_result(result)
            return Outcome({"result": words, "as_asked": "unknown", "note": NOT_SEEN})
        return await seen_afterwards(self._client, tool.name, arguments, before, answer)

    async def _send(self, name: str, arguments: Json) -> Any:
        link = self._kept.link
        if link is None or self._client.state is not SourceState.OK:
            raise ToolError("Home Assistant is away")
        try:
            return await link.call(name, arguments)
        except LinkError as error:
            link.broken.set()
            self._kept.drop()
            raise ToolError(
                f"Home Assistant went away meanwhile ({error}); it is not known whether this was "
                "done: look at it before you call it again"
            ) from error

    # ------------------------------------------------------------------ large homes

    def _finding(self) -> Tool:
        async def run(arguments: Json, _context: CallContext) -> Any:
            words, area, domain = (
                str(arguments.get(key) or "") for key in ("words", "area", "domain")
            )
            live = plain_result(await self._send(self._live, {"domain": domain} if domain else {}))
            found = find(things_in(str(live)) or self.things, words, area, domain)
            shown = [_shown(thing) for thing in found[:_FOUND_MOST]]
            more = len(found) - len(shown)
            return {"found": shown, **({"more": more} if more else {})}

        return Tool(
            name="find_in_home",
            description=(
                "Finds things of the home by words of their name, by area or by domain, and says "
                "their exact names and states. Call it before you act on a thing, and to answer "
                "what state something is in."
            ),
            run=run,
            source=self._source,
            parameters=_FIND,
            read_only=True,
        )


async def seen_afterwards(
    client: HomeClient, tool: str, arguments: Json, before: Mapping[str, State], answer: Answer
) -> Outcome:
    """Check the effects of a call of `tool` with this answer. Raises ToolError.

    `before`: the states before the call.
    """
    acted = {entity: before[entity] for entity in answer.entities if entity in before}
    goals: dict[str, Goal | None] = {}
    for entity, state in acted.items():
        action = action_of(tool, state.domain, arguments)
        goals[entity] = goal_of(*action, state) if action else None
    outcome = await look(client, acted, goals)
    if answer.failed:
        value = {**outcome.value, "as_asked": "no", "failed": list(answer.failed)}
        return Outcome(value, as_asked="no")
    return outcome


def _shown(thing: Thing) -> Json:
    found: Json = {"name": thing.names[0], "domain": thing.domain, "state": thing.state}
    if thing.areas:
        found["area"] = thing.areas[0]
    return found


def _described(tools: Sequence[Tool]) -> list[tuple[str, str, Json, bool]]:
    return [(each.name, each.description, each.parameters, each.read_only) for each in tools]
