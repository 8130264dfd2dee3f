"""The only tool for a Home Assistant without MCP server: it passes on a whole sentence.

First, Home Assistant is asked how it understands the sentence, without acting. This lets the rules
recognize the lock in "open up", while questions and lamps need no yes. A sentence that it does not
understand for certain may mean anything: it also guesses, and does not announce that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...tool import CallContext, Json, Outcome, Target, Tool, ToolError
from .actions import targets_of
from .assist import NOT_SEEN, seen_afterwards
from .client import HomeClient
from .intents import Answer, answer_of, is_control, is_seen, other_targets

_READING = frozenset(
    {
        *("HassGetState", "HassGetWeather", "HassGetCurrentTime", "HassGetCurrentDate"),
        *("HassClimateGetTemperature", "HassShoppingListLastItems", "HassTimerStatus"),
        *("HassNevermind", "HassRespond"),
    }
)
_SCHEMA: Json = {
    "type": "object",
    "properties": {"sentence": {"type": "string", "maxLength": 1000}},
    "required": ["sentence"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Understood:
    """How Home Assistant understands a sentence. `entities`: what it concerns."""

    intent: str
    values: Mapping[str, Any]
    entities: tuple[str, ...]


def understood(result: Any) -> Understood | None:
    """Return how Home Assistant understood a sentence; None if that is uncertain."""
    if not isinstance(result, dict) or result.get("match") is not True:
        return None
    intent, targets, details = (result.get(key) for key in ("intent", "targets", "details"))
    name = intent.get("name") if isinstance(intent, dict) else None
    if result.get("source") != "builtin":
        return None  # a user-defined sentence may trigger anything
    if not isinstance(name, str) or not isinstance(targets, dict):
        return None
    values = {
        key: each.get("value")
        for key, each in (details if isinstance(details, dict) else {}).items()
        if isinstance(each, dict)
    }
    return Understood(name, values, tuple(targets))


def asking_tool(client: HomeClient, source: str) -> Tool:
    """Return the tool; `source`: the name of its source."""
    sentences = _Sentences(client)
    return Tool(
        name="ask_home_assistant",
        description=(
            "Hands one short sentence to Home Assistant, which controls lamps, shutters, heating "
            "and other things of this home, and knows their states: as in turn on the desk lamp."
        ),
        run=sentences.run,
        source=source,
        parameters=_SCHEMA,
        targets=sentences.targets,
    )


class _Sentences:
    def __init__(self, client: HomeClient) -> None:
        self._client = client

    async def targets(self, arguments: Json) -> Sequence[Target]:
        """Return what a sentence concerns; Target() if that is unknown. Raises ToolError."""
        found = await self._understood(str(arguments["sentence"]))
        if found is None:
            return [Target()]
        if found.intent in _READING:
            named = await self._named(found)
            return [replace(each, reading=True) for each in named]
        if is_control(found.intent):
            return await self._named(found) or [Target()]
        return other_targets(found.intent) or [Target()]

    async def run(self, arguments: Json, _context: CallContext) -> Any:
        """Pass on a sentence; return the answer and the checked effects. Raises ToolError."""
        sentence = str(arguments["sentence"])
        found = await self._understood(sentence)
        reads = found is not None and found.intent in _READING
        acts = found is not None and is_seen(found.intent) and not reads
        before = await self._client.get_states() if acts else {}
        response = await self._client.converse(sentence, await self._client.language())
        answer = answer_of(response) or Answer()
        if response.get("response_type") == "error":
            raise ToolError(answer.speech or "Home Assistant did not understand the sentence")
        if reads or response.get("response_type") == "query_answer":
            return answer.speech
        if found is not None and acts and answer.entities:
            values = dict(found.values)
            outcome = await seen_afterwards(self._client, found.intent, values, before, answer)
            return replace(outcome, value={**outcome.value, "result": answer.speech})
        return Outcome({"result": answer.speech, "as_asked": "unknown", "note": NOT_SEEN})

    async def _understood(self, sentence: str) -> Understood | None:
        language = await self._client.language()
        return understood(await self._client.recognize(sentence, language))

    async def _named(self, found: Understood) -> list[Target]:
        if not found.entities:
            return []
        entities = {"entity_id": list(found.entities)}
        return await targets_of(self._client, "homeassistant.update_entity", entities, {})
