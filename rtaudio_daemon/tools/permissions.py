"""Decides which calls are carried out, which need a spoken yes, and which are refused.

The rules are settings (`tools.confirm`, `tools.deny`); the model cannot change them. A rule matches
a call if all its fields fit one target of the call. An unknown property of a target fits every
rule: a lock that is known only as "all in the hall" is still a lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import product
from math import prod
from typing import Any, Literal

from ..config.tool_sections import ToolRule
from .tool import Json, Target, Tool, ToolError

Decision = Literal["allow", "confirm", "deny"]

TARGETS_MOST = 256
"""Maximum number of things that one call may name."""
_GENERAL = frozenset({"", "all", "group", "homeassistant"})
"""Domains that may stand for things of any domain."""
_ACTION = re.compile(r"([a-z_]+)\.[a-z0-9_]+")
_NAMES = {
    "domain": ("domain", "domains"),
    "device_class": ("deviceclass", "deviceclasses"),
    "entity": ("entityid", "entityids", "entity", "entities"),
    "area": ("areaid", "areaids", "area", "areas"),
    "action": ("action", "service"),
    "other": ("floor", "floorid", "labelid", "deviceid"),
}
"""The names of arguments that say what a call concerns, in lower case and without `_`."""

_FIELDS = ("domain", "device_class", "entity", "area")
_INSIDE = ("target", "data", "servicedata")


class Permissions:
    """Decides by rules; a rule without fields matches every call."""

    def __init__(self, confirm: Sequence[ToolRule], deny: Sequence[ToolRule]) -> None:
        self._confirm = tuple(confirm)
        self._deny = tuple(deny)

    def decide(self, tool: Tool, targets: Sequence[Target], wire_name: str = "") -> Decision:
        """Return what to do with a call of `tool` that concerns `targets`.

        `wire_name`: the name by which the model knows the tool; rules may use either name.
        `confirm` rules do not apply to tools or calls that only read; `deny` rules do.
        """
        names = (tool.name, wire_name)
        if any(_matches(rule, names, targets) for rule in self._deny):
            return "deny"
        if tool.confirm:
            return "confirm"
        if tool.read_only:
            return "allow"
        touched = [target for target in targets if not target.reading]
        if targets and not touched:
            return "allow"
        needed = any(_matches(rule, names, touched) for rule in self._confirm)
        return "confirm" if needed else "allow"

    def unknown_names(self, tools: Mapping[str, Tool]) -> list[str]:
        """Return the names in rules that fit none of `tools`, which are keyed by wire name."""
        known = [*tools, *(tool.name for tool in tools.values())]
        wanted = dict.fromkeys(rule.tool for rule in (*self._deny, *self._confirm) if rule.tool)
        return [each for each in wanted if not any(_like(name, each) for name in known)]


def targets_in(arguments: Json, schema: Json | None = None) -> tuple[Target, ...]:
    """Return what a call with these arguments concerns, as far as they say; () if they do not.

    Reads `domain`, `device_class`, `entity_id` (its domain precedes the dot), `area` and
    `area_id`, in any case, each a text or a list, also inside `target` or `data`; and `action` or
    `service` if it looks like `lock.unlock`. A floor, a label or a device stands for unknown
    things, and so does the `name` of a thing if `schema` (of the arguments) has a `domain`.
    Raises ToolError if a call names more than `TARGETS_MOST` things.
    """
    outer = _given(arguments)
    if _names_things(arguments, schema or {}):
        outer.setdefault("other", [""])
    inside = [each for key, each in arguments.items() if _plain(key) in _INSIDE]
    groups = [_given(each) for value in inside for each in _list(value) if isinstance(each, dict)]
    found: dict[Target, None] = {}
    for given in [each for each in groups if each] or [{}]:
        both = {kind: outer.get(kind, []) + given.get(kind, []) for kind in outer | given}
        found.update(dict.fromkeys(_combinations(both)))
    return tuple(found)


def _names_things(arguments: Json, schema: Json) -> bool:
    properties = schema.get("properties")
    known = map(_plain, properties) if isinstance(properties, dict) else ()
    named = any(_plain(key) in ("name", "names") and value for key, value in arguments.items())
    return named and any(name in _NAMES["domain"] for name in known)


def _given(arguments: Json) -> dict[str, list[str]]:
    """Return the meaningful values, by kind; "" stands for an unreadable one."""
    found: dict[str, list[str]] = {}
    for key, value in arguments.items():
        for kind, names in _NAMES.items():
            if _plain(key) in names and (texts := list(_texts(kind, value))):
                found.setdefault(kind, []).extend(texts)
    for action in found.pop("action", []):
        if like := _ACTION.fullmatch(action.casefold()):
            found.setdefault("domain", []).append(like[1])
    return found


def _texts(kind: str, value: Any) -> Iterator[str]:
    for each in _list(value):
        text = each.strip() if isinstance(each, str) else None
        if text is None:
            yield ""
        elif kind == "entity":  # Home Assistant accepts several in one text
            yield from (part.strip() for part in text.split(",") if part.strip())
        elif text:
            yield text


def _combinations(given: dict[str, list[str]]) -> Iterator[Target]:
    if not given:
        return
    kinds = [list(dict.fromkeys(given.get(kind, [""]))) for kind in _FIELDS]
    if prod(map(len, kinds)) > TARGETS_MOST:
        raise ToolError(f"too many things in one call: name at most {TARGETS_MOST}")
    for domain, device_class, entity, area in product(*kinds):
        if entity.casefold() == "all":
            entity = ""
        yield Target(domain or _domain_of(entity), device_class, entity, area)


def _matches(rule: ToolRule, names: Sequence[str], targets: Sequence[Target]) -> bool:
    if rule.tool and not any(name and _like(name, rule.tool) for name in names):
        return False
    if not any(getattr(rule, field) for field in _FIELDS):
        return True
    # A named tool whose call does not say what it concerns may concern the rule's target.
    named = rule.tool.strip("*") != ""
    return any(_fits(rule, target) for target in targets or ((Target(),) if named else ()))


def _fits(rule: ToolRule, target: Target) -> bool:
    domains = {target.domain.casefold(), _domain_of(target.entity).casefold()} - {""} or {""}
    wanted = [pattern for pattern in (rule.domain, _domain_of(rule.entity)) if pattern]
    if not domains & _GENERAL and not all(
        any(_like(domain, pattern) for domain in domains) for pattern in wanted
    ):
        return False
    # A group's name, or a name that is no entity id, does not determine the thing.
    known = _domain_of(target.entity).casefold() not in _GENERAL
    return (
        _unknown_or_like(target.device_class, rule.device_class)
        and _unknown_or_like(target.entity if known else "", rule.entity)
        and _unknown_or_like(target.area, rule.area)
    )


def _unknown_or_like(value: str, pattern: str) -> bool:
    return not value or not pattern or _like(value, pattern)


def _like(value: str, pattern: str) -> bool:
    return fnmatchcase(value.casefold(), pattern.casefold())


def _domain_of(entity: str) -> str:
    return entity.partition(".")[0] if "." in entity else ""


def _plain(key: str) -> str:
    return key.casefold().replace("_", "").replace("-", "")


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
