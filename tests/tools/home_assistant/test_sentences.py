"""Home Assistant without MCP server: what a sentence concerns is known before it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.config.tool_sections import ToolRule, Tools
from rtaudio_daemon.tools.permissions import Permissions
from rtaudio_daemon.tools.sources.home_assistant.client import HomeClient
from rtaudio_daemon.tools.sources.home_assistant.sentences import asking_tool, understood
from rtaudio_daemon.tools.tool import CallContext, Outcome, Tool

from .fake_home import FakeHome, Json

DEVICE = "0123456789abcdef" * 2
RULES = Permissions(Tools().confirm, ())


def means(intent: str, *entities: str, **values: Any) -> Json:
    """As Home Assistant 2026.11 answers."""
    return {
        "intent": {"name": intent},
        "slots": values,
        "details": {key: {"name": key, "value": each} for key, each in values.items()},
        "targets": {entity: {"matched": True} for entity in entities},
        "match": True,
        "source": "builtin",
    }


UNDERSTOOD = {
    "lamp on": means("HassTurnOn", "light.desk", name="Desk lamp"),
    "dim the lamp": means("HassLightSet", "light.desk", name="Desk lamp", brightness=40),
    "open up": means("HassTurnOff", "lock.door", name="Front door"),
    "everything in the yard": means("HassTurnOn", "light.desk", "cover.garage", area="Yard"),
    "all doors": means("HassTurnOff", "group.doors"),
    "is it locked?": means("HassGetState", "lock.door", state="locked"),
    "is the safe locked?": means("HassGetState", "lock.safe", state="locked"),
    "what time is it?": means("HassGetCurrentTime"),
    "milk": means("HassListAddItem", item="milk", name="Shopping"),
    "party": means("MyPartyIntent"),
    "cosy": {**means("HassTurnOn", "light.desk"), "source": "custom"},
    "good night": {"match": True, "source": "trigger", "sentence_template": "good night"},
    "opn the dor": {**means("HassTurnOff"), "match": False, "unmatched_slots": {"name": "dor"}},
    "nothing": means("HassTurnOn"),
}
"""What the fake home makes of sentences; of others it makes nothing."""


@asynccontextmanager
async def asking(device_id: str = "") -> AsyncIterator[tuple[FakeHome, Tool]]:
    home = FakeHome()
    home.add("light.desk", "off", "Desk lamp")
    home.add("lock.door", "locked", "Front door")
    home.add("lock.safe", "locked", "Safe")
    home.add("group.doors", "locked", "Doors", entity_id=["lock.door"])
    home.add("cover.garage", "closed", "Garage", device_class="garage")
    home.understands = dict(UNDERSTOOD)
    async with home:
        client = HomeClient(replace(home.settings, device_id=device_id))
        try:
            yield home, asking_tool(client, "home_assistant")
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("sentence", "decision"),
    [
        ("lamp on", "allow"),
        ("dim the lamp", "allow"),
        ("is it locked?", "allow"),
        ("what time is it?", "allow"),
        ("milk", "allow"),
        ("open up", "confirm"),
        ("everything in the yard", "confirm"),
        ("all doors", "confirm"),
        ("party", "confirm"),
        ("good night", "confirm"),
        ("cosy", "confirm"),
        ("opn the dor", "confirm"),
        ("nothing", "confirm"),
        ("never heard of", "confirm"),
    ],
)
async def test_29_a_sentence_needs_a_yes_for_what_it_concerns(sentence: str, decision: str) -> None:
    async with asking() as (home, tool):
        assert tool.targets is not None
        targets = await tool.targets({"sentence": sentence})
        assert RULES.decide(tool, targets) == decision
        assert home.acted == []


async def test_a_question_about_what_is_denied_is_denied() -> None:
    rules = Permissions((), (ToolRule(entity="lock.safe"),))
    async with asking() as (_, tool):
        assert tool.targets is not None
        for sentence, decision in {"is the safe locked?": "deny", "is it locked?": "allow"}.items():
            assert rules.decide(tool, await tool.targets({"sentence": sentence})) == decision


async def test_29_without_word_of_what_it_understands_every_sentence_needs_a_yes() -> None:
    async with asking() as (home, tool):
        assert tool.targets is not None
        home.understands = {}  # as an older one, which does not know this question
        targets = await tool.targets({"sentence": "lamp on"})
        assert Permissions(Tools().confirm, ()).decide(tool, targets) == "confirm"
        home.understands = dict(UNDERSTOOD)
        home.broken_socket = True
        targets = await tool.targets({"sentence": "lamp on"})
        assert Permissions(Tools().confirm, ()).decide(tool, targets) == "confirm"


def answered(kind: str, *entities: str) -> Json:
    success = [{"name": each, "type": "entity", "id": each} for each in entities]
    speech = {"plain": {"speech": "As you say."}}
    return {"response_type": kind, "speech": speech, "data": {"success": success, "failed": []}}


@pytest.mark.parametrize(
    ("sentence", "obeys", "as_asked"),
    [
        ("lamp on", True, "yes"),
        ("lamp on", False, "no"),
        ("dim the lamp", False, "no"),
        ("never heard of", True, "unknown"),
    ],
)
async def test_what_a_sentence_did_is_looked_at(sentence: str, obeys: bool, as_asked: str) -> None:
    async with asking() as (home, tool):
        home.agent = answered("action_done", "light.desk")
        if obeys:
            home.on_sentence = lambda: home.change(["light.desk"], "light.turn_on", {})
        outcome = await tool.run({"sentence": sentence}, CallContext("a"))
        assert isinstance(outcome, Outcome)
        assert (outcome.as_asked, outcome.value["result"]) == (as_asked, "As you say.")


@pytest.mark.parametrize("kind", ["query_answer", "action_done"])
async def test_a_question_is_answered_in_words(kind: str) -> None:
    async with asking() as (home, tool):
        home.agent = answered(kind)
        sentence = "what time is it?" if kind == "action_done" else "how are you?"
        assert await tool.run({"sentence": sentence}, CallContext("a")) == "As you say."


async def test_where_a_sentence_was_said_goes_with_it() -> None:
    async with asking(DEVICE) as (home, tool):
        home.agent = answered("query_answer")
        await tool.run({"sentence": "lamp on"}, CallContext("a"))
        (_, body) = home.acted[-1]
        assert (body["device_id"], body["agent_id"]) == (DEVICE, "conversation.home_assistant")
        assert home.commands[-1]["device_id"] == DEVICE
        assert home.commands[-1]["language"] == "de"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["match", "intent", "targets", "details", "name", "value"]), inner
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_answer_is_read_without_harm(result: Any) -> None:
    found = understood(result)
    assert found is None or result["match"] is True
