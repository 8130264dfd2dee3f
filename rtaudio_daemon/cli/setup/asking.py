"""How a step asks, tests the answers, and lets people decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeAlias

from ...config import Config
from ...daemon import log
from ...errors import ConfigError, RTAudioError, WrongValueError
from ..doctor.examination import line
from ..doctor.finding import Finding
from .draft import Draft, Values
from .terminal import Choice, Terminal

Check: TypeAlias = Callable[[Config], AsyncIterator[Finding]]

_AGAIN = Choice("again", "answer again")
_KEEP = Choice("keep", "keep it although it does not work yet")
_LEAVE = "Which one? Enter leaves it as it was"


def settle(
    terminal: Terminal,
    draft: Draft,
    answers: Callable[[], Values],
    check: Check,
) -> str | None:
    """Ask until the answers work, are kept unchanged, or are left out.

    `answers` returns nothing if the step is skipped. Returns the problem with answers that did
    not work, "" if nothing is wrong, and None if the step is skipped.
    """
    draft.offered = {}
    while values := answers():
        choices = [_AGAIN]
        try:
            settings = draft.tried(values)
        except ConfigError as error:
            for problem in error.problems:
                terminal.say(f"FAIL  {_without_line(problem)}")
        else:
            log.redaction.add(settings)
            if asyncio.run(show(terminal, check(settings))):
                draft.keep(values)
                return ""
            choices.append(_KEEP)
        chosen = terminal.choose(_LEAVE, choices)
        if chosen == _KEEP.value:
            draft.keep(values)
            return "does not work yet"
        if chosen != _AGAIN.value:
            return "as it was, because the answers did not work"
        draft.offered = values
    return None


async def show(terminal: Terminal, found: AsyncIterator[Finding]) -> bool:
    """Print findings as they come; return whether nothing failed."""
    fine = True
    try:
        async for finding in found:
            terminal.say(line(finding))
            fine = fine and finding.verdict != "fail"
    except RTAudioError as error:
        terminal.say(f"FAIL  {log.redaction(str(error))}")
        return False
    return fine


def text(
    terminal: Terminal,
    draft: Draft,
    option: str,
    question: str,
    clean: Callable[[str], str] = str,
) -> Mapping[tuple[str, ...], Any]:
    """Return the answer for an option as values to set; empty for Enter."""
    while True:
        answer = terminal.ask(question, draft.current(option))
        if not answer:
            return draft.unchanged(option)
        try:
            return {tuple(option.split(".")): draft.checked(option, clean(answer))}
        except WrongValueError as error:
            terminal.say(f"{error}.")


def secret(
    terminal: Terminal, draft: Draft, option: str, question: str
) -> Mapping[tuple[str, ...], Any]:
    """Like `text`, for a key or a token, which is never shown."""
    kept = "; Enter keeps the one that is there" if draft.current(option) else ""
    answer = terminal.ask_secret(f"{question}{kept}")
    return {tuple(option.split(".")): answer} if answer else draft.unchanged(option)


def _without_line(problem: str) -> str:
    """Return a problem without file and line, since the file is not written yet."""
    return problem.partition(": ")[2] or problem
