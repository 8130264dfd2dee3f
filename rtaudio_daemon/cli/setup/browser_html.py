"""The pages of the first run in a browser, in the browser's language."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import NamedTuple

from ...api.page import language_links
from ...language import setup_line, words
from .terminal import Choice

_STYLE = (files(f"{__package__.partition('.')[0]}.api") / "page.css").read_text("utf-8") + (
    "header, main { max-width: 44rem; } main { display: block; } section { margin-bottom: 1rem; }"
    "fieldset { border: 0; margin: 0; padding: 0; } legend { font-weight: 700; padding: 0; }"
    "fieldset label { display: flex; align-items: baseline; gap: .6rem; padding: .6rem 0; }"
    "h2:not(:first-child) { margin-top: 1rem; } .remedy { padding-inline-start: 1.5rem; }"
    ".said { overflow-wrap: anywhere; } .said + .said { margin-top: .3rem; }"
    ".ok { color: var(--speaking); } .warn { color: var(--thinking); } .fail { color: var(--bad); }"
    "form input[type=text], form input[type=password] { width: 100%; margin: .6rem 0; }"
    "form button { margin-top: .6rem; padding-inline: 1.5rem; color: var(--card);"
    " background: var(--listening); border-color: var(--listening); }"
)
_STEP, _REMEDY = "--- ", "      -> "
_MARK = re.compile(r"(ok|WARN|FAIL) +(.*)")
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; "
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
    ),
}
"""Headers of every response."""


class Question(NamedTuple):
    """The present question; `choices` is empty for a text. `default`: one of the choices."""

    number: int
    text: str
    choices: Sequence[Choice] = ()
    hidden: bool = False
    default: str = ""


class Said(NamedTuple):
    """A paragraph or a question; `answer`: the answer, empty if nothing was asked."""

    text: str
    answer: str = ""


class PageText:
    """Writes the page in the language `code`; all input is in English."""

    def __init__(self, code: str) -> None:
        self._code, self._words = code, words(code)

    def html(
        self, before: Sequence[Said], said: Sequence[Said], question: Question | None, *, done: bool
    ) -> str:
        """Return the page with what was said `before` the last answer, and what was `said` since.

        Without a question it reloads by itself, unless all is `done`.
        """
        waits = question is None and not done
        parts = [
            f'<!doctype html><html lang="{self._code}" dir="{self._words["direction"]}"><head>'
            '<meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">',
            '<meta http-equiv="refresh" content="2">' if waits else "",
            f"<title>{self._text('Set up')}</title><style>{_STYLE}</style></head><body><header>"
            f"<h1>{self._text('Set up the voice assistant')}</h1>"
            f'<nav aria-label="{escape(self._words["ui.language"])}">{language_links(self._code)}'
            "</nav></header><main>",
        ]
        if before:
            summary = self._text("Before")
            parts.append(f"<details><summary>{summary}</summary>{self._lines(before)}</details>")
        if said:
            label = self._text("What it says")
            parts.append(f'<section aria-label="{label}">{self._lines(said)}</section>')
        if question is not None:
            parts.append(self._form(question))
        elif waits:
            parts.append(self._status("It tests what you answered; this takes some seconds …"))
        else:
            parts.append(self._status("This is the end; you may close the page."))
        return "".join([*parts, "</main></body></html>"])

    def _text(self, english: str) -> str:
        """Return a line translated to the language, as HTML."""
        return escape(setup_line(english, self._words))

    def _status(self, english: str) -> str:
        return f'<p role="status">{self._text(english)}</p>'

    def _lines(self, said: Sequence[Said]) -> str:
        return "".join(
            self._line(line, each.answer) for each in said for line in each.text.split("\n")
        )

    def _line(self, english: str, answer: str) -> str:
        text = self._text(english)
        if english.startswith(_STEP):
            return f"<h2>{text.removeprefix(_STEP)}</h2>"
        if english.startswith(_REMEDY):
            return f'<p class="said remedy">{text.removeprefix(escape(_REMEDY))}</p>'
        if mark := _MARK.fullmatch(text):
            kind = mark[1].lower()
            shown = escape(self._words[f"setup.mark.{kind}"])
            text = f'<strong class="{kind}">{shown}</strong> {mark[2]}'
        return f'<p class="said">{text}{self._answer(answer)}</p>'

    def _answer(self, answer: str) -> str:
        return f": {self._text(answer)}" if answer else ""

    def _form(self, question: Question) -> str:
        text, kind = self._text(question.text), "password" if question.hidden else "text"
        if question.choices:
            fields = "".join(
                f'<label><input type="radio" name="answer" value="{escape(each.value)}"'
                f"{' checked' if each.value == question.default else ''}>"
                f"<span>{self._choice(each)}</span></label>"
                for each in question.choices
            )
            fields = f"<fieldset><legend>{text}</legend>{fields}</fieldset>"
        else:
            fields = (
                f'<label for="answer">{text}</label><input type="{kind}" id="answer" name="answer" '
                'autocomplete="off" spellcheck="false" autofocus>'
                f'<p class="note">{self._text("Empty leaves it as it is.")}</p>'
            )
        return (
            f'<section><form method="post" action="./">{fields}<input type="hidden" name="number" '
            f'value="{question.number}"><button type="submit">{self._text("Go on")}</button>'
            "</form></section>"
        )

    def _choice(self, each: Choice) -> str:
        named = f"<strong>{self._text(each.value)}</strong>" if each.value else ""
        return f"{named}{': ' if each.value and each.meaning else ''}{self._text(each.meaning)}"
