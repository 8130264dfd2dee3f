"""Calls that need a spoken yes: what was asked, who answered what, and whether that is a yes.

A confirmation is a spoken turn between two identical calls. The first call is answered with the
words of "ask": the model asks the person. From the first sound of that question on, turns count.
The second call is carried out if the newest turn says yes and nothing else, was opened by a
follow-up, the wake word or the button, and is not spent. Text that was never spoken counts nothing.

Times are seconds of one clock. One turn confirms one call; another call, or the same with other
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
"""`ask`: not asked yet. `wait_for_words`: somebody spoke, the transcript is still to come."""
OpenedBy = Literal["follow_up", "wake_word", "button", "other"]
"""What opened a turn; `other` never confirms."""

VALID_S = 60.0
"""How long after the first call the second one may come."""
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
    """What identical calls have in common: the order of fields and 50 or 50.0 do not matter."""
    words = json.dumps([tool, _canonical(arguments)], sort_keys=True, ensure_ascii=True)
    return sha256(words.encode()).hexdigest()


@dataclass(slots=True)
class _Question:
    asked_at: float
    words: str = ""
    counts_from: int | None = None
    """The number of the first turn that may answer it; None: it was not heard yet."""


@dataclass(slots=True)
class _Turn:
    number: int
    opened_by: OpenedBy
    item_id: str | None = None
    words: str | None = None
    spent: bool = False


class Confirmations:
    """Keeps the open questions and the newest turns.

    `languages`: those that are spoken, as in `de`; () = any. `transcribes`: whether the words of
    turns become known at all; if not, nothing is ever granted.
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
        """A call was answered with "ask": a question will follow."""
        self._questions.pop(key, None)
        self._questions[key] = _Question(now)
        while len(self._questions) > QUESTIONS_MOST:
            del self._questions[next(iter(self._questions))]

    def check(self, key: str, now: float) -> Verdict:
        """What becomes of a call that needs a yes; `granted` once for each yes.

        After `ask`, call `ask()`. A call that is refused because of what was said counts as asked
        again.
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
        """Why the newest check granted nothing, in words for the model: the output of the call.

        After `wait_for_words`: those for when the words do not come in time.
        """
        return self._why

    # ------------------------------------------------------------- what we say

    def question_heard(self, now: float) -> None:
        """The answer that followed a call's "ask" can be heard: turns that begin now count."""
        for question in self._questions.values():
            if question.counts_from is None and now >= question.asked_at:
                question.counts_from = self._numbered + 1

    def question_words(self, text: str) -> None:
        """The assistant said this after a call's "ask"; a person may repeat these words."""
        for question in self._questions.values():
            question.words = f"{question.words} {text}"[:QUESTION_CHARACTERS]

    # ------------------------------------------------------------- what people say

    def turn_began(self, opened_by: OpenedBy) -> None:
        """Somebody began to speak; until that turn is committed or dropped, it is the same turn."""
        if not self._turns or self._turns[-1].item_id is not None:
            self._begin(opened_by)

    def turn_dropped(self) -> None:
        """What began is no turn after all, as a cough: the one before it counts again."""
        if self._turns and self._turns[-1].item_id is None:
            self._turns.pop()

    def turn_committed(self, item_id: str) -> None:
        """The turn that began is complete, and is this item; its words may come later."""
        if not self._turns or self._turns[-1].item_id is not None:
            self._begin("other")  # nobody saw it begin
        self._turns[-1].item_id = item_id

    def turn_words(self, item_id: str, text: str) -> None:
        """The whole transcript of a turn, "" if there is none.

        Items that no turn became, as texts, are ignored.
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
