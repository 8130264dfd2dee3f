"""The page: its parts, joined into one file in one language, and its Content-Security-Policy.

`page.html` contains the structure, `page.css` the style, `page.js` and its like the behaviour, and
`language` all words. They are sent as one file because the page may be at any path, with or without
a trailing slash. A browser without JavaScript gets the present status, and reloads by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from ..language import languages, page_words, reasons, words
from ..status_words import colour, conditions, headline, sentences

_SCRIPTS = ("page_states", "page_drawing", "page_lists", "page")
"""The scripts in this order; together they are one script."""
_PLACE = re.compile(r"\{\{([\w.]+)\}\}")


def html(code: str = "en", status: Mapping[str, Any] | None = None) -> str:
    """Return the whole page in the language `code`, one of `language.languages`.

    `status`: the content of `/api/status`, for browsers without JavaScript; None if that needs a
    token.
    """
    raw = {"languages": language_links(code), "status": _status(code, status)}
    return _PLACE.sub(lambda place: raw.get(place[1], ""), _parts(code))


@cache
def content_policy(framed_by: tuple[str, ...] = ()) -> str:
    """Return the page's Content-Security-Policy: only its own style and script may run.

    `framed_by`: origins that may show it in a frame.
    """
    frames = " ".join(framed_by) or "'none'"
    return (
        f"default-src 'none'; script-src {_hash('js')}; style-src {_hash('css')}; "
        f"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors {frames}"
    )


@cache
def _part(kind: str) -> str:
    names = _SCRIPTS if kind == "js" else ("page",)
    found = (files(__package__) / f"{name}.{kind}" for name in names)
    return "\n".join(each.read_text(encoding="utf-8") for each in found)


@cache
def _parts(code: str) -> str:
    """Return the page with everything that is the same for every request."""
    found = words(code)
    shown = {**page_words(code), "reasons": reasons(code)}
    plain = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    raw = {"code": code, "style": _part("css"), "script": _part("js"), "words": plain}

    def fill(place: re.Match[str]) -> str:
        name = place[1]
        if name in raw:
            return raw[name]
        return escape(found[name]) if name in found else place[0]

    return _PLACE.sub(fill, _part("html"))


def _hash(kind: str) -> str:
    digest = hashlib.sha256(_part(kind).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def language_links(now: str) -> str:
    """Return a link to the page in every language, each named in its own language."""
    return " ".join(
        f'<a href="?lang={code}" lang="{code}" hreflang="{code}"'
        f"{' aria-current=true' if code == now else ''}>{escape(words(code)['language'])}</a>"
        for code in languages()
    )


def _status(code: str, status: Mapping[str, Any] | None) -> str:
    """Return the present status; without one, how to get it."""
    found = words(code)
    if status is None:
        return f"<p>{escape(found['ui.no_script_token'])}</p>"
    now = conditions(status)
    said = " ".join(sentences(now, found))
    uplink = found["ui.sends" if status["uplink"]["open"] else "ui.stays"]
    facts = [
        (found["ui.microphone"], status["microphone"]["device"]),
        (found["ui.loudspeaker"], status["speaker"]["device"]),
        (found["ui.volume"], f"{status['volume'] * 100:.0f} %"),
        (found["ui.cost_today"], f"{status['usage']['cost_today']:.3f}"),
        *(
            (found[f"timer.{each['kind']}"], each["name"] or each["id"])
            for each in status["timers"]
        ),
    ]
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(text))}</dd>" for name, text in facts)
    return (
        f'<div data-colour="{colour(now)}"><p class="word">{escape(headline(now, found))}</p></div>'
        f"<p>{escape(said)}</p><p>{escape(uplink)}</p><dl>{rows}</dl>"
    )
