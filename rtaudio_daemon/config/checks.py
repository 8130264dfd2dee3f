"""What an option is made of: its default, meaning, unit, and the check that says what is allowed.

A check is called with what the file says and returns the value to use, or raises
``voluptuous.Invalid`` with a sentence fit for people. It also knows its own words
(``allowed``) and its JSON Schema (``json``), so that the documents cannot differ from the code.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import voluptuous as vol

from ..program_name import PROGRAM
from .secret import EmptySecret, Secret, did_you_mean

_LONGEST_NUMBER = 24
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""All but tab, line feed and carriage return."""


@dataclass(frozen=True)
class Check:
    """A rule for one value, ready to be called; `allowed` says it, `json` is its JSON Schema."""

    allowed: str
    convert: Callable[[Any], Any]
    json: Mapping[str, Any]
    entries: type[Any] | None = None
    """The section that each entry of a list is, if it is a list of such."""

    def __call__(self, value: Any) -> Any:
        """`value` as it is to be used, or vol.Invalid."""
        return self.convert(value)


def option(default: Any, meaning: str, check: Check, unit: str = "") -> Any:
    """A setting: its default, its meaning for people, what is allowed, and its unit."""
    return field(default=default, metadata={"meaning": meaning, "check": check, "unit": unit})


def section(kind: type[Any], meaning: str) -> Any:
    """A group of settings of its own."""
    return field(default_factory=kind, metadata={"meaning": meaning, "section": kind})


def number(low: float, high: float) -> Check:
    """A number from `low` to `high`, both included; text that spells one is taken too."""
    return _between(low, high, float, "number", f"a number from {low:g} to {high:g}")


def integer(low: int, high: int, endless: str = "") -> Check:
    """A whole number from `low` to `high`, both included; text that spells one is taken too.

    `endless` is what to write instead of inf.
    """
    allowed = f"a whole number from {low} to {high}"
    return _between(low, high, int, "integer", allowed, endless)


def boolean() -> Check:
    """True or false; yes, no, on and off in any case are taken too."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

    def convert(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        found = words.get(_plain(value).strip().lower()) if isinstance(value, str) else None
        if found is None:
            raise vol.Invalid(f"expected true or false (or yes, no, on, off){_got(value)}")
        return found

    return Check("true or false", convert, {"type": "boolean"})


def choice(*names: str) -> Check:
    """One of `names`, in any case."""
    allowed = f"{', '.join(names[:-1])} or {names[-1]}"

    def convert(value: Any) -> str:
        if isinstance(value, str) and _plain(value).strip().lower() in names:
            return _plain(value).strip().lower()
        if value is False and "off" in names:
            return "off"  # YAML reads off and no as false
        if value is True and "on" in names:
            return "on"
        hint = "" if isinstance(value, Secret) else did_you_mean(value, names)
        if value is False:
            near = next((name for name in names if name in ("none", "never")), "")
            hint = f"; did you mean {near}?" if near else ""
        raise vol.Invalid(f"expected {allowed}{_got(value)}{hint}")

    return Check(allowed, convert, {"enum": list(names)})


def text(pattern: str = "", allowed: str = "text") -> Check:
    """Text without control characters; with `pattern`, empty or wholly like it.

    Numbers and yes/no must be quoted.
    """

    def convert(value: Any) -> str:
        if not isinstance(value, str):
            raise vol.Invalid(f"expected {allowed}{_got(value)}{_quoting(value)}")
        plain = _plain(value)
        _refuse_control_characters(plain)
        if pattern and plain and not re.fullmatch(pattern, plain):
            raise vol.Invalid(f"expected {allowed}{_got(value)}")
        return plain

    schema = {"type": "string", "pattern": f"^({pattern})?$"} if pattern else {"type": "string"}
    return Check(allowed, convert, schema)


def address() -> Check:
    """An IPv4 or IPv6 address, the latter also in brackets, or a host's name."""
    allowed = "an address of this machine, as in 127.0.0.1 or 0.0.0.0"
    pattern = r"[A-Za-z0-9.:%_-]+|\[[0-9A-Fa-f:.]+\]"
    spelled = text(pattern, allowed)

    def convert(value: Any) -> str:
        plain: str = spelled(value)
        if ":" in plain or re.fullmatch(r"[\d.]+", plain):
            try:
                ipaddress.ip_address(plain.strip("[]"))
            except ValueError:
                raise vol.Invalid(f"expected {allowed}{_got(value)}, which is none") from None
        return plain

    return Check(allowed, convert, spelled.json)


def proxy_address() -> Check:
    """The address of a machine on which no browser runs, or nothing."""
    allowed = "the IP address of another machine or container, as in 172.30.32.2"
    spelled = text(r"[0-9A-Fa-f:.]*", allowed)

    def convert(value: Any) -> str:
        plain: str = spelled(value)
        try:
            found = ipaddress.ip_address(plain) if plain else None
        except ValueError:
            raise vol.Invalid(f"expected {allowed}{_got(value)}, which is none") from None
        if str(found) in ("127.0.0.1", "::1", "0.0.0.0", "::"):
            raise vol.Invalid(
                f"expected {allowed}: a browser of this machine could pass for the proxy, and web "
                "pages for the browser's user"
            )
        return plain

    return Check(allowed, convert, spelled.json)


def device() -> Check:
    """A device: default, none, part of a device's name, usb:BUSPATH or wav:PATH."""
    allowed = "default, none, part of a device's name, usb:BUSPATH or wav:PATH"

    def convert(value: Any) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise vol.Invalid(
                f"expected {allowed}{_got(value)}; numbers change with every start, "
                f"`{PROGRAM} devices` lists the names"
            )
        if not isinstance(value, str) or not _plain(value).strip():
            hint = "; did you mean none?" if value is False else _quoting(value)
            raise vol.Invalid(f"expected {allowed}{_got(value)}{hint}")
        plain = _plain(value).strip()
        _refuse_control_characters(plain)
        if plain in ("wav:", "usb:"):
            raise vol.Invalid(f"expected {allowed}, got nothing after {plain}")
        return plain

    return Check(allowed, convert, {"type": "string", "minLength": 1})


def secret() -> Check:
    """A secret: text without spaces or line breaks. What it is never shows in a message.

    Only "" means that there is none: nothing after the colon, or a tag that yields nothing, is a
    mistake.
    """

    wrong = "expected a key without spaces, line breaks or accents; was it copied whole?"
    return _secret("!secret api_key", r"[!-~]*", wrong)


def password() -> Check:
    """A password that a person chose: as `secret`, but with any letters, and with spaces."""
    wrong = "expected a password on one line, without control characters"
    return _secret("!secret password", r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*", wrong)


def names_to(check: Check) -> Check:
    """A group of entries with free names, each as `check` has it; empty = none."""

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise vol.Invalid(f"expected a group of `name: value` lines{_got(value)}")
        found, problems = {}, []
        for name, entry in value.items():
            try:
                found[name] = check(entry)
            except vol.Invalid as error:
                problems.append(vol.Invalid(error.error_message, [name]))
        if problems:
            raise vol.MultipleInvalid(problems)
        return found

    return Check(
        f"a group of entries, each {check.allowed}",
        convert,
        {"type": ["object", "null"], "additionalProperties": dict(check.json)},
    )


def several(check: Check) -> Check:
    """A list whose entries are each as `check` has it; a single entry may stand alone."""

    def convert(value: Any) -> tuple[Any, ...]:
        if isinstance(value, Mapping):
            raise vol.Invalid(f"expected a list, each {check.allowed}{_got(value)}")
        entries = list(value) if isinstance(value, list | tuple) else [value]
        return tuple(check(entry) for entry in entries)

    return Check(
        f"a list, each {check.allowed}", convert, {"type": "array", "items": dict(check.json)}
    )


def kept(check: Check) -> Check:
    """As `check` has it, but a secret stays one, and never shows."""

    def convert(value: Any) -> Any:
        found = check(value)
        return Secret(found) if isinstance(value, Secret) and isinstance(found, str) else found

    return Check(check.allowed, convert, check.json)


def plain_value() -> Check:
    """Text, a number, true or false; a secret stays one."""

    def convert(value: Any) -> Any:
        if isinstance(value, str | bool | int) or (
            isinstance(value, float) and math.isfinite(value)
        ):
            return value
        raise vol.Invalid(f"expected text or a number{_got(value)}")

    return Check("text or a number", convert, {"type": ["string", "number", "boolean"]})


def hidden() -> Check:
    """Text on one line, or a number, that may be a secret and therefore never shows."""

    def convert(value: Any) -> Secret:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise vol.Invalid(f"expected text{_got(value)}{_quoting(value)}")
        plain = _plain(value) if isinstance(value, str) else str(value)
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", plain):
            raise vol.Invalid("expected text on one line, without control characters")
        return Secret(plain)

    return Check("text on one line", convert, {"type": ["string", "number"]})


def free_mapping() -> Check:
    """Any group of settings that JSON can express, taken as it stands; empty = none."""

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise vol.Invalid(f"expected a group of `name: value` lines{_got(value)}")
        return {name: _json_able(entry, [name]) for name, entry in value.items()}

    return Check("a group of any settings", convert, {"type": ["object", "null"]})


def shown(value: Any) -> str:
    """`value` in a few words for a message; empty when it is secret or might well be one."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a group of settings"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "a yes/no value"
    words = "" if isinstance(value, Secret) else repr(value) if value == "" else str(value)
    # Long unbroken words are what keys look like: a key in the wrong place must not be printed, nor
    # a password in an address.
    return words if len(words) <= 24 and words.isprintable() and "@" not in words else ""


def _secret(example: str, pattern: str, wrong: str) -> Check:
    def convert(value: Any) -> Secret:
        if value is None or isinstance(value, EmptySecret):
            raise vol.Invalid(
                "nothing is left of what was written here (YAML takes words that begin with !, & "
                'or # for its own); put it in quotes, or write "" where none is wanted'
            )
        if not isinstance(value, str):
            raise vol.Invalid(f"expected text, as in {example}; a number needs quotes")
        plain = _plain(value)
        if not re.fullmatch(pattern, plain):
            raise vol.Invalid(wrong)
        return Secret(plain)

    return Check(f"text, as in {example}", convert, {"type": "string"})


def _between(
    low: float,
    high: float,
    kind: type[int] | type[float],
    json_type: str,
    allowed: str,
    endless: str = "",
) -> Check:
    def convert(value: Any) -> float:
        found = _spelled(value, kind)
        if found is None or not low <= found <= high:
            hint = endless if _says_endless(value) else _spelling_hint(value)
            raise vol.Invalid(f"expected {allowed}{_got(value)}{f'; {hint}' if hint else ''}")
        return kind(found)

    return Check(allowed, convert, {"type": json_type, "minimum": low, "maximum": high})


def _got(value: Any) -> str:
    words = shown(value)
    return f", got {words}" if words else ""


def _quoting(value: Any) -> str:
    if isinstance(value, dict) and list(value.values()) == [None]:  # {name} without quotes
        return f'; put it in quotes, as in "{{{next(iter(value))}}}"'
    return "; put it in quotes" if isinstance(value, bool | int | float) else ""


def _refuse_control_characters(plain: str) -> None:
    if found := _CONTROL.search(plain):
        where = f"{found.start() + 1} of {len(plain)}"
        raise vol.Invalid(f"character {where} is a control character ({found[0]!a}); remove it")


def _plain(value: str) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _spelled(value: Any, kind: type[int] | type[float]) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            return kind(_plain(value))
        except ValueError:
            return None
    if kind is int and isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int | float) else None


def _says_endless(value: Any) -> bool:
    """Whether somebody wants no limit."""
    words = "" if isinstance(value, Secret) else str(value).strip().lower()
    return words in ("inf", ".inf", "infinity", "infinite", "unlimited", "none", "off")


def _spelling_hint(value: Any) -> str:
    """What to write instead of a number that is spelled as people do; empty if it is no such."""
    if not isinstance(value, str) or isinstance(value, Secret) or len(value) > _LONGEST_NUMBER:
        return ""
    found = re.fullmatch(r"\s*([-+]?\d+)(?:([.,])(\d+))?\s*(%|[A-Za-zµ]+)?\s*", value)
    if found is None:
        return ""
    whole, mark, decimals, unit = found.groups()
    plain = f"{whole}.{decimals}" if decimals else whole
    if unit == "%":
        return f"write {float(plain) / 100:g} instead of a percentage"
    if unit:
        return f"write {plain} alone; the option's name says the unit"
    return f"a decimal takes a point: write {plain}" if mark == "," else ""


def _json_able(value: Any, path: list[Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: _json_able(entry, [*path, name]) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_json_able(entry, [*path, index]) for index, entry in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise vol.Invalid("expected something that JSON knows, got .nan or .inf", path)
    return value
