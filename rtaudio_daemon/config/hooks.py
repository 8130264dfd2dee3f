"""Rules for `hooks`: an event, and a program or an address for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .hook_events import fields_of
from .hosts import beyond_loopback
from .own_tools import misplaced
from .placeholders import as_text, names_in, revealed
from .secret import Secret, did_you_mean
from .sections import Hook
from .source import Mistake

GIVEN = ("event", "time")
"""What a hook gets in addition to the fields of the event."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def mistakes(hooks: Sequence[Hook]) -> Iterator[Mistake]:
    """Yield every mistake: at which option below `hooks`, and the remedy."""
    for index, hook in enumerate(hooks):
        for steps, what in (*_whole(hook), *_when(hook), *_program(hook), *_webhook(hook)):
            yield (index, *steps), what


def cautions(hooks: Sequence[Hook], *, said: bool) -> Iterator[Mistake]:
    """Yield what works but is not advisable. `said`: whether events show what was said."""
    for index, hook in enumerate(hooks):
        url = urlsplit(revealed(hook.url))
        if hook.headers and url.scheme == "http" and beyond_loopback(url.hostname or ""):
            what = "http:// sends the headers where others in the network can read them; use "
            yield (index, "url"), f"{what}https:// if the other side knows it"
        if hook.on == "transcript" and not said:
            what = "nothing will come: what was said is given to nobody unless "
            yield (index, "on"), f"{what}http.publish_transcripts is true"


def wanted(hook: Hook, data: Mapping[str, Any]) -> bool:
    """Return whether an event with these fields matches `when`."""
    return all(
        as_text(data.get(name)) in _values(value) for name, value in (hook.when or {}).items()
    )


def described(hook: Hook) -> str:
    """Return event and action on one line; secrets are shown as **."""
    when = "".join(
        f", {name} {' or '.join(_values(value))}" for name, value in (hook.when or {}).items()
    )
    return f"{hook.on}{when}: {' '.join(map(str, hook.run)) or f'POST {hook.url!s}'}"


def _values(value: Any) -> list[str]:
    return [as_text(each) for each in (value if isinstance(value, list) else [value])]


def _whole(hook: Hook) -> Iterator[Mistake]:
    if not hook.on:
        yield (), "waits for nothing; write on: and the name of an event, as in on: wake"
    if hook.run and hook.url:
        yield ("url",), "a hook has either run or url; make two of it"
    elif not hook.run and not hook.url:
        yield (), "does nothing; give it run: [/path/to/program], or url: http://…"
    if hook.headers and not hook.url:
        yield ("headers",), "only a hook with a url sends headers"


def _when(hook: Hook) -> Iterator[Mistake]:
    for name, value in (hook.when or {}).items():
        if hook.on and name not in fields_of(hook.on):
            yield ("when", name), f"is no field of the event {hook.on}{_hint(hook, name)}"
            continue
        given = value if isinstance(value, list) else [value]
        if not given or any(isinstance(each, Mapping | list) or each is None for each in given):
            yield ("when", name), "expected a value, or a list of values"
            continue
        words = fields_of(hook.on)[name] if hook.on else ()
        for each in map(as_text, given):
            if words and each not in words:
                hint = did_you_mean(each, words)
                yield ("when", name), f"expected {_listed(words)}, got {each[:24]}{hint}"


def _program(hook: Hook) -> Iterator[Mistake]:
    for index, element in enumerate(hook.run):
        if isinstance(element, Secret) and not element:
            yield ("run", index), "is empty: the secret holds nothing"
        for _, name in names_in(element):
            if hook.on and name not in (*fields_of(hook.on), *GIVEN):
                what = f"{{{name}}} is no field of the event {hook.on}{_hint(hook, name)}"
                yield ("run", index), what
    for index, what in misplaced(hook.run, "an event"):
        yield ("run", index), what


def _webhook(hook: Hook) -> Iterator[Mistake]:
    try:
        _ = urlsplit(revealed(hook.url)).port
    except ValueError:
        yield ("url",), "its port is none: expected a number from 1 to 65535"
    if any(names_in(hook.url)):
        yield ("url",), "nothing of the event stands in the address; all of it is in the body"
    for name, value in (hook.headers or {}).items():
        if not _HEADER.fullmatch(str(name)):
            yield ("headers", name), "is no name of a header"
        elif not value:
            yield ("headers", name), "is empty: write a value, or leave the header out"


def _hint(hook: Hook, name: Any) -> str:
    names = fields_of(hook.on)
    return did_you_mean(name, names) or f"; it has {', '.join(names) or 'none'}"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
