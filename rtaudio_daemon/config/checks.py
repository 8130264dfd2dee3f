"""The elements of an option: its default, meaning and unit, and the check that validates it.

A check is called with the value in the file and returns the value to use, or raises
``voluptuous.Invalid`` with a sentence fit for people. It also provides its description
(``allowed``) and its JSON Schema (``json``), so that the documents always agree with the code.
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
"""All control characters except tab, line feed and carriage return."""


@dataclass(frozen=True)
class Check:
    """A callable rule for one value; `allowed` describes it, `json` is its JSON Schema."""

    allowed: str
    convert: Callable[[Any], Any]
    json: Mapping[str, Any]
    entries: type[Any] | None = None
    """The section type of each entry, if this is a list of sections."""

    def __call__(self, value: Any) -> Any:
        """Return `value` as it is to be used, or raise vol.Invalid."""
        return self.convert(value)


def option(default: Any, meaning: str, check: Check, unit: str = "") -> Any:
    """Declare a setting: its default, its meaning for people, its check, and its unit."""
    return field(default=default, metadata={"meaning": meaning, "check": check, "unit": unit})


def section(kind: type[Any], meaning: str) -> Any:
    """Declare a group of settings."""
    return field(default_factory=kind, metadata={"meaning": meaning, "section": kind})


def number(low: float, high: float) -> Check:
    """Accept a number from `low` to `high` inclusive, or text that spells one."""
    return _between(low, high, float, "number", f"a number from {low:g} to {high:g}")


def integer(low: int, high: int, endless: str = "") -> Check:
    """Accept a whole number from `low` to `high` inclusive, or text that spells one.

    `endless`: a word that may be written instead of inf.
    """
    allowed = f"a whole number from {low} to {high}"
    return _between(low, high, int, "integer", allowed, endless)


def boolean() -> Check:
    """Accept true or false; also yes, no, on and off, in any case."""
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
    """Accept one of `names`, in any case."""
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
    """Accept text without control characters; with `pattern`, empty text or a full match.

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
    """Accept an IPv4 or IPv6 address, the latter also in brackets, or a host name."""
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
    """Accept the address of a machine without browsers, or nothing."""
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
    """Accept a device: default, none, part of a device's name, usb:BUSPATH or wav:PATH."""
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
    """Accept a secret: text without spaces or line breaks. Messages never contain its value.

    Only "" means that there is none: nothing after the colon, or a tag without result, is a
    mistake.
    """

    wrong = "expected a key without spaces, line breaks or accents; was it copied whole?"
    return _secret("!secret api_key", r"[!-~]*", wrong)


def password() -> Check:
    """Accept a password chosen by a person: like `secret`, but with any letters and spaces."""
    wrong = "expected a password on one line, without control characters"
    return _secret("!secret password", r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*", wrong)


def names_to(check: Check) -> Check:
    """Accept a group with free names whose values pass `check`; empty: none."""

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
    """Accept a list whose entries pass `check`; a single entry may stand alone."""

    def convert(value: Any) -> tuple[Any, ...]:
        if isinstance(value, Mapping):
            raise vol.Invalid(f"expected a list, each {check.allowed}{_got(value)}")
        entries = list(value) if isinstance(value, list | tuple) else [value]
        return tuple(check(entry) for entry in entries)

    return Check(
        f"a list, each {check.allowed}", convert, {"type": "array", "items": dict(check.json)}
    )


def kept(check: Check) -> Check:
    """Apply `check`, but keep a secret secret."""

    def convert(value: Any) -> Any:
        found = check(value)
        return Secret(found) if isinstance(value, Secret) and isinstance(found, str) else found

    return Check(check.allowed, convert, check.json)


def plain_value() -> Check:
    """Accept text, a number, true or false; a secret remains one."""

    def convert(value: Any) -> Any:
        if isinstance(value, str | bool | int) or (
            isinstance(value, float) and math.isfinite(value)
        ):
            return value
        raise vol.Invalid(f"expected text or a number{_got(value)}")

    return Check("text or a number", convert, {"type": ["string", "number", "boolean"]})


def hidden() -> Check:
    """Accept text on one line, or a number, that may be secret and is therefore never shown."""

    def convert(value: Any) -> Secret:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise vol.Invalid(f"expected text{_got(value)}{_quoting(value)}")
        plain = _plain(value) if isinstance(value, str) else str(value)
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", plain):
            raise vol.Invalid("expected text on one line, without control characters")
        return Secret(plain)

    return Check("text on one line", convert, {"type": ["string", "number"]})


def free_mapping() -> Check:
    """Accept any group of settings that JSON can express, unchanged; empty: none."""

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise vol.Invalid(f"expected a group of `name: value` lines{_got(value)}")
        return {name: _json_able(entry, [name]) for name, entry in value.items()}

    return Check("a group of any settings", convert, {"type": ["object", "null"]})


def shown(value: Any) -> str:
    """Return `value` in a few words for a message; "" if it is, or might be, secret."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a group of settings"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "a yes/no value"
    words = "" if isinstance(value, Secret) else repr(value) if value == "" else str(value)
    # Long unbroken words look like keys: a key in the wrong place must not be printed, nor a
    # password in an address.
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
    if isinstance(value, dict) and list(value.values()) == [None]:  # an unquoted {name}
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
    """Return whether the value means no limit."""
    words = "" if isinstance(value, Secret) else str(value).strip().lower()
    return words in ("inf", ".inf", "infinity", "infinite", "unlimited", "none", "off")


def _spelling_hint(value: Any) -> str:
    """Return how to write a number that is spelled informally; "" if it is not one."""
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
