"""Performs an action in the home, and checks whether it took effect.

Besides the states in few words, the model gets:

    as_asked   yes: the state is as asked; no: it is not; unknown: it cannot be observed
    changed    whether anything differs from before
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ....notifications import AsAsked
from ...permissions import targets_in
from ...tool import Json, Outcome, Target, ToolError
from .asked_for import goal_of
from .client import HomeClient
from .goals import Goal
from .states import State, differ, in_words, states_of, targets_inside

LOOK_S = 2.0
"""How many seconds to wait for things to be as asked."""
_PAUSES_S = (0.05, 0.1, 0.2, 0.3)  # between two checks; the last one repeats
_ONE_BY_ONE = 8  # for more things, all states are read at once
_THINGS_MOST = 64
_SHOWN_MOST = 12
_ALREADY = "it was so already; say so, it is no failure"
_NOT_DONE = "it was asked for and is not so; say that it did not work"
_UNSEEN = "Home Assistant took it; whether it worked cannot be seen, so do not claim it"
_UNDERWAY = "Home Assistant took it, but not all of it is seen yet; say how it is now"
_STATELESS = frozenset({"scene", "script", "button", "input_button", "event", "notify"})
_PLACES = ("area_id", "device_id", "floor_id", "label_id")
_EVERYTHING = ("all", "none")


async def perform(
    client: HomeClient, action: str, target: Json, data: Json, *, response: bool = False
) -> Outcome:
    """Perform `action` (such as light.turn_on), and check what it concerns.

    `target`: entity_id, area_id and so on, each a text or a list. `response`: the action returns
    data, as weather.get_forecasts does. Raises ToolError.
    """
    body = {**data, **target}
    entities = entities_in(body)
    if response:
        answer = await client.act(action, body, response=True)
        return Outcome(answer.get("service_response") if isinstance(answer, dict) else answer)
    before = await read(client, entities)
    missing = [entity for entity in entities if entity not in before]
    if missing:
        raise ToolError(f"Home Assistant has no {' and no '.join(missing[:3])}")
    indirect = await _things_in(client, action, body)
    before = await _with_members(client, {**before, **(indirect or {})})
    goals = {entity: goal_of(action, data, state) for entity, state in before.items()}
    answer = await client.act(action, body)
    if not before or indirect is None:
        return _unseen(states_of(answer))
    return await look(client, before, goals)


async def look(
    client: HomeClient, before: Mapping[str, State], goals: Mapping[str, Goal | None]
) -> Outcome:
    """Read what an action concerned until it is as asked, for two seconds at most."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LOOK_S
    pauses = iter(_PAUSES_S)
    pause_s = 0.0
    while True:
        now = await read(client, list(before))
        verdicts = _verdicts(goals, now)
        pause_s = next(pauses, pause_s)
        if not _is_open(goals, now) or loop.time() + pause_s > deadline:
            return _outcome(before, now, verdicts, goals)
        await asyncio.sleep(pause_s)


async def read(client: HomeClient, entities: Sequence[str]) -> dict[str, State]:
    """Return the states of these entity ids, as far as they exist."""
    if len(entities) > _ONE_BY_ONE:
        everything = await client.get_states()
        return {each: everything[each] for each in entities if each in everything}
    states = [await client.get_state(entity) for entity in entities]
    return {state.entity: state for state in states if state is not None}


async def _things_in(client: HomeClient, action: str, data: Json) -> dict[str, State] | None:
    """Return what `action` affects without naming it; None if that cannot be determined."""
    target = {key: data[key] for key in _PLACES if data.get(key)}
    named = await client.things_in(target) if target else []
    if named is None:
        return None
    domain = action.partition(".")[0]
    meant = [each for each in named if domain in (each.partition(".")[0], "homeassistant")]
    return await read(client, meant) if len(meant) <= _THINGS_MOST else None


def entities_in(data: Json) -> list[str]:
    """Return the entity ids in the data, in lower case, without duplicates."""
    given = data.get("entity_id")
    texts = given if isinstance(given, list) else [given]
    ids = [
        part.strip().casefold()
        for text in texts
        if isinstance(text, str)
        for part in text.split(",")
    ]
    found = [each for each in dict.fromkeys(ids) if each and each not in _EVERYTHING]
    if len(found) > _THINGS_MOST:
        raise ToolError(f"too many things in one call: name at most {_THINGS_MOST}")
    return found


async def targets_of(client: HomeClient, action: str, target: Json, data: Json) -> list[Target]:
    """Return what an action concerns, with the class of each thing, which its state gives.

    Raises ToolError if that cannot be determined.
    """
    body = {"action": action, **data, **target}
    named = await read(client, entities_in(body))
    known = await _with_members(client, named)
    found = [target for each in targets_in(body) for target in _known(each, known)]
    return [*found, *(each for state in known.values() for each in targets_inside(state, known))]


def _known(target: Target, known: Mapping[str, State]) -> Iterable[Target]:
    """Return `target` with what its state says; nothing for a group whose members are known."""
    state = known.get(target.entity.casefold())
    if state is None:
        yield target
    elif state.domain != "group" or not state.members:
        domain = state.domain if target.domain == "homeassistant" else target.domain
        yield Target(domain, state.device_class, state.entity, target.area)


async def _with_members(client: HomeClient, states: dict[str, State]) -> dict[str, State]:
    """Return `states`, and the members of the groups among them."""
    members = {
        member for state in states.values() for member in state.members if member not in states
    }
    if not members or len(states) + len(members) > _THINGS_MOST:
        return states
    return {**states, **await read(client, sorted(members))}


def _is_open(goals: Mapping[str, Goal | None], now: Mapping[str, State]) -> bool:
    """Return whether another check may show something else."""
    return any(
        goal is not None and entity in now and goal.may_come(now[entity])
        for entity, goal in goals.items()
    )


def _verdicts(goals: Mapping[str, Goal | None], now: Mapping[str, State]) -> dict[str, AsAsked]:
    found: dict[str, AsAsked] = {}
    for entity, goal in goals.items():
        state = now.get(entity)
        if state is None:
            found[entity] = "no" if goal else "unknown"  # it no longer exists
        else:
            found[entity] = goal.judge(state) if goal else "unknown"
    return found


def _outcome(
    before: Mapping[str, State],
    now: Mapping[str, State],
    verdicts: Mapping[str, AsAsked],
    goals: Mapping[str, Goal | None],
) -> Outcome:
    as_asked = _worst(verdicts.values())
    changed = any(
        entity not in now or differ(state, now[entity]) for entity, state in before.items()
    )
    if as_asked == "yes":
        note = "" if changed else _ALREADY
    elif as_asked == "no":
        note = _NOT_DONE
    else:
        note = _UNDERWAY if any(goals.values()) else _UNSEEN
    # List first what is not as asked: this is what a person wants to hear.
    order = sorted(now, key=lambda entity: ("no", "unknown", "yes").index(verdicts[entity]))
    return _result(as_asked, changed, [now[entity] for entity in order], note)


def _unseen(changed: Mapping[str, State]) -> Outcome:
    return _result("unknown", bool(changed), list(changed.values()), _UNSEEN)


def _result(as_asked: AsAsked, changed: bool, states: Sequence[State], note: str) -> Outcome:
    shown = {
        state.name: in_words(state)
        for state in states[:_SHOWN_MOST]
        if state.domain not in _STATELESS  # their state is a time
    }
    value: dict[str, Any] = {"as_asked": as_asked, "changed": changed, "states": shown}
    if len(states) > _SHOWN_MOST:
        value["more_states"] = len(states) - _SHOWN_MOST
    if note:
        value["note"] = note
    return Outcome(value, as_asked=as_asked)


def _worst(verdicts: Iterable[AsAsked]) -> AsAsked:
    given = set(verdicts)
    for each in ("no", "unknown"):
        if each in given:
            return each
    return "yes" if given else "unknown"
