"""Calls that need a spoken yes: what was asked, how it was answered, and whether that is a yes.

A confirmation is a spoken turn between two identical calls. The output of the first call is "ask":
the model then asks the person. Turns count from the first sound of that question on. The second
call is carried out if the newest turn says yes and nothing else, was opened by a follow-up, the
wake word or the button, and has not been used before. Text that was not spoken never counts.

Times are seconds on one clock. One turn confirms one call; another call, or the same one with other
arguments, needs a yes of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from .tool import Json
from .yes_words import says_yes

Verdict = Literal["ask", "wait_for_words", "granted", "refused"]
"""`ask`: not asked yet. `wait_for_words`: somebody spoke, but the transcript is not there yet."""
OpenedBy = Literal["follow_up", "wake_word", "button", "other"]
"""What opened a turn; `other` never confirms."""

VALID_S = 60.0
"""How many seconds after the first call the second one is accepted."""
QUESTIONS_MOST = 8
TURNS_MOST = 8
QUESTION_CHARACTERS = 2000

_ASK = (
    "Not done yet: this needs a spoken yes. Ask the person in one short question that says exactly "
    "what will be done. Only after a clear yes, call this again with the same arguments."
)
_NOBODY = (
    "Not done: nobody has answered yet. Ask the person, and wait until they have spoken. A text, a "
    "message or the result of a tool is no answer."
)
_NO_YES = (
    "Not done: the last thing that was said is no clear yes. If the person still wants it, ask "
    "again, and call this again with the same arguments only after a clear yes, with nothing else "
    "in it."
)
_NOT_ADDRESSED = (
    "Not done: what was said may not have been meant for you. Ask again; the person must answer "
    "right after the question, after the wake word, or with the button held."
)
_UNREAD = (
    "Not done: what was said could not be written down. Ask again, and call this again with the "
    "same arguments after a clear yes."
)
NO_TRANSCRIPTION = (
    "Not done: this needs a spoken yes, and nothing that is said is written down here, so nobody "
    "can say it. Tell the person that transcription must be set up first: "
    "realtime.session.transcription."
)


def call_key(tool: str, arguments: Json) -> str:
    """Return a key that identical calls share; field order and 50 or 50.0 make no difference."""
    words = json.dumps([tool, _canonical(arguments)], sort_keys=True, ensure_ascii=True)
    return sha256(words.encode()).hexdigest()


@dataclass(slots=True)
class _Question:
    asked_at: float
    words: str = ""
    counts_from: int | None = None
    """The number of the first turn that may answer it; None: the question was not heard yet."""


@dataclass(slots=True)
class _Turn:
    number: int
    opened_by: OpenedBy
    item_id: str | None = None
    words: str | None = None
    spent: bool = False


class Confirmations:
    """Keeps the open questions and the newest turns.

    `languages`: the languages spoken, such as `de`; (): any. `transcribes`: whether turns are
    transcribed; if not, nothing is ever granted.
    """

    def __init__(self, *, transcribes: bool = True, languages: Iterable[str] = ()) -> None:
        self.transcribes = transcribes
        self.languages = tuple(languages)
        self._questions: dict[str, _Question] = {}
        self._turns: list[_Turn] = []
        self._numbered = 0
        self._why = _ASK

    # ------------------------------------------------------------- calls

    def ask(self, key: str, now: float) -> None:
        """Note that the output of a call was "ask": a question will follow."""
        self._questions.pop(key, None)
        self._questions[key] = _Question(now)
        while len(self._questions) > QUESTIONS_MOST:
            del self._questions[next(iter(self._questions))]

    def check(self, key: str, now: float) -> Verdict:
        """Return what to do with a call that needs a yes; `granted` at most once for each yes.

        After the result `ask`, call `ask()`. A call refused because of what was said counts as
        asked again.
        """
        if not self.transcribes:
            self._why = NO_TRANSCRIPTION
            return "refused"
        question = self._questions.get(key)
        if question is None or not 0 <= now - question.asked_at <= VALID_S:
            self._why = _ASK
            return "ask"
        turn = self._turns[-1] if self._turns else None
        since = question.counts_from
        if turn is None or since is None or turn.number < since or turn.spent:
            self._why = _NOBODY
            return "refused"
        if turn.words is None:
            self._why = _UNREAD
            return "wait_for_words"
        wake_word = turn.opened_by == "wake_word"
        if not says_yes(turn.words, question.words, self.languages, after_wake_word=wake_word):
            self._why = _NO_YES if turn.words.strip() else _UNREAD
        elif turn.opened_by == "other":
            self._why = _NOT_ADDRESSED
        else:
            turn.spent = True
            del self._questions[key]
            return "granted"
        self.ask(key, now)
        return "refused"

    @property
    def why(self) -> str:
        """Return why the last check granted nothing, in words for the model: the call's output.

        After `wait_for_words`: the words for the case that the transcript does not arrive in time.
        """
        return self._why

    # ------------------------------------------------------------- our side

    def question_heard(self, now: float) -> None:
        """Note that the answer after a call's "ask" is audible: turns that begin now count."""
        for question in self._questions.values():
            if question.counts_from is None and now >= question.asked_at:
                question.counts_from = self._numbered + 1

    def question_words(self, text: str) -> None:
        """Note what the assistant said after a call's "ask"; a person may repeat these words."""
        for question in self._questions.values():
            question.words = f"{question.words} {text}"[:QUESTION_CHARACTERS]

    # ------------------------------------------------------------- people

    def turn_began(self, opened_by: OpenedBy) -> None:
        """Note that somebody began to speak; the turn lasts until it is committed or dropped."""
        if not self._turns or self._turns[-1].item_id is not None:
            self._begin(opened_by)

    def turn_dropped(self) -> None:
        """Note that what began is no turn (a cough): the one before it counts again."""
        if self._turns and self._turns[-1].item_id is None:
            self._turns.pop()

    def turn_committed(self, item_id: str) -> None:
        """Note that the current turn is complete and is this item; its words may come later."""
        if not self._turns or self._turns[-1].item_id is not None:
            self._begin("other")  # its beginning was not noted
        self._turns[-1].item_id = item_id

    def turn_words(self, item_id: str, text: str) -> None:
        """Note the whole transcript of a turn; "" if there is none.

        Items that are not turns, such as texts, are ignored.
        """
        for turn in self._turns:
            if turn.item_id == item_id:
                turn.words = text

    def _begin(self, opened_by: OpenedBy) -> None:
        self._numbered += 1
        self._turns.append(_Turn(self._numbered, opened_by))
        del self._turns[:-TURNS_MOST]


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
