"""A program's question: spoken verbatim, and answered by one spoken turn.

The model does not answer that turn. What was said is the answer: its transcript if turns are
transcribed; otherwise what the model understood, which is asked outside the conversation::

    phase          since                          until
    waiting        the program asked              the question begins
    asking         the question begins            it was heard, or somebody speaks over it
    listening      then                           a turn is over, or it has been quiet for too long
    understanding  the turn is over               its words are known

Only one question is open at a time. However it ends, there is exactly one `QuestionClosed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from unicodedata import category, normalize

from ..notifications import QuestionOutcome, SaidOutcome
from ..protocol.bounds import text_of
from ..protocol.session_format import Json
from .answer import Request
from .answers import Answers
from .function_calls import FunctionCall
from .inputs import AskRequested, OfferedAnswer
from .outputs import (
    ListenWithoutWakeWord,
    Output,
    PauseReplies,
    QuestionClosed,
    ResumeReplies,
)

WORDS_MOST = 2000
"""Maximum number of characters of an answer; the rest is left out."""
_TRANSCRIPT_S = 5.0  # time for a transcript to arrive; after that the model is asked
_MODEL_S = 20.0  # time for the model to report what was meant
_SPEECH_MOST_S = 60.0  # how far somebody, or a television, may speak beyond the time limit
_COMMIT_S = 3.0  # time for the service to turn finished speech into an item
_FUNCTION = "report_answer"
_METADATA = {"rtaudio": "ask"}
_INSTRUCTIONS = (
    "Somebody was asked a question and has answered it. Do not answer them: call report_answer. "
    "Its text is what they said, word for word in their language; empty if there were no words. "
    "Its answer is the id of the offered answer that they mean; empty if they mean none of them."
)
_WHY: Mapping[SaidOutcome, str] = {
    "interrupted": "the question was interrupted",
    "not_played": "the question could not be played",
    "dropped": "the question was dropped before it was spoken",
    "failed": "the service did not speak the question",
}


@dataclass(slots=True)
class _Question:
    asked: AskRequested
    phase: Literal["waiting", "asking", "listening", "understanding"] = "waiting"
    listen_until: float = 0.0
    known_until: float = 0.0
    item_id: str = ""  # of the turn that is the answer
    words: str = ""
    request: Request | None = None  # to the model
    spoken: bool = False


class Asking:
    """The open question, if any. Times are seconds on the caller's clock. Asks via `answers`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._question: _Question | None = None

    # ----------------------------------------------------------------- facts

    @property
    def active(self) -> bool:
        """Whether a question is open."""
        return self._question is not None

    @property
    def waiting(self) -> str:
        """The id of the question if it has not begun; otherwise ""."""
        return self._question.asked.ask if self._question and self._phase == "waiting" else ""

    @property
    def refuses_replies(self) -> bool:
        """Whether the service must not answer by itself."""
        return self._phase in ("asking", "listening", "understanding")

    @property
    def listening(self) -> bool:
        """Whether an answer is awaited, so that it is the user's turn to speak."""
        return self._phase == "listening"

    @property
    def takes_turns(self) -> bool:
        """Whether a turn that ends now is the answer, so that the model must not answer it."""
        return self._phase in ("asking", "listening")

    @property
    def lacks_item(self) -> bool:
        """Whether we ended the turn that is the answer and its item has no name yet."""
        return self.understanding and self._question is not None and not self._question.item_id

    @property
    def understanding(self) -> bool:
        """Whether the answer was spoken and its words are not known yet."""
        return self._phase == "understanding"

    @property
    def _phase(self) -> str:
        return self._question.phase if self._question else ""

    def deadline(self, *, speaking: bool) -> float | None:
        """Return when `expire` has something to do; `speaking`: somebody speaks."""
        question = self._question
        if question is not None and self.understanding:
            return question.known_until
        if question is None or not self.listening:
            return None
        return question.listen_until + (_SPEECH_MOST_S if speaking else 0.0)

    def reads(self, request: Request | None) -> bool:
        """Return whether this request asks the model for the answer to this or an old question."""
        return request is not None and (request.settings or {}).get("metadata") is _METADATA

    # ---------------------------------------------------------------- events

    def begin(self, asked: AskRequested) -> None:
        """Open a question of a program. The caller has the question spoken."""
        self._question = _Question(asked)

    def begun(self, said: str) -> list[Output]:
        """Note that an answer of the service begins to speak the text with this id."""
        question = self._question
        if question is None or question.phase != "waiting" or said != question.asked.ask:
            return []
        question.phase = "asking"
        return [PauseReplies()]

    def spoken(self, said: str, outcome: SaidOutcome, now: float) -> list[Output]:
        """Note the outcome of the text with this id."""
        question = self._question
        if question is None or said != question.asked.ask:
            return []
        question.spoken = True
        if outcome == "said" and self.takes_turns:
            return self._listen(question, now)
        if question.phase in ("waiting", "asking"):
            ended: QuestionOutcome = "interrupted" if outcome == "interrupted" else "no_answer"
            return self.close(ended, _WHY.get(outcome, "the question was not spoken"))
        return []

    def speech_started(self, now: float) -> list[Output]:
        """Note that somebody speaks; speech over the question is already the answer."""
        question = self._question
        return self._listen(question, now) if question and question.phase == "asking" else []

    def goes_on(self) -> list[Output]:
        """Note that nobody spoke over the question after all: its rest is heard."""
        question = self._question
        if question is None or question.phase != "listening" or question.spoken:
            return []
        question.phase = "asking"
        return [ListenWithoutWakeWord(False)]

    def nobody_answered(self, item_id: str, now: float, rest_s: float) -> None:
        """Undo the answer in this item: nobody said it, and the question's rest takes `rest_s`."""
        question = self._understood_from(item_id)
        if question is not None:
            question.phase, question.item_id = "listening", ""
            question.listen_until = now + rest_s + question.asked.timeout_s

    def speech_stopped(self, now: float) -> None:
        """Note that nobody speaks any more; the service may take a moment to make a turn of it."""
        if self._question is not None:
            self._question.listen_until = max(self._question.listen_until, now + _COMMIT_S)

    def turn_ended(self, now: float, item_id: str = "") -> None:
        """Take a finished turn as the answer; `item_id`: "" if the service names it later."""
        question = self._question
        assert question is not None
        question.phase, question.item_id = "understanding", item_id
        question.known_until = now + _TRANSCRIPT_S
        if item_id and not question.asked.transcribed:
            self._ask_model(question, now)

    def transcribed(self, item_id: str, words: str, now: float) -> list[Output]:
        """Note the words of an item."""
        question = self._understood_from(item_id)
        if question is None:
            return []
        question.words = words.strip()[:WORDS_MOST]
        if not question.words:
            return self._not_understood(question, now)
        fits = fitting(question.words, question.asked.answers)
        if fits is not None or not question.asked.answers:
            return self._answered(question, fits)
        self._ask_model(question, now)
        return []

    def not_transcribed(self, item_id: str, now: float) -> None:
        """Note that the transcription of an item failed."""
        question = self._understood_from(item_id)
        if question is not None:
            self._ask_model(question, now)

    def read(
        self, request: Request | None, calls: Sequence[FunctionCall], now: float
    ) -> list[Output]:
        """Take the answer that the model reports in response to this request of ours."""
        question = self._question
        if question is None or request is not question.request:
            return []
        reported = _reported(calls)
        question.words = question.words or _text(reported, "text")
        if not question.words:
            return self._not_understood(question, now)
        chosen = _text(reported, "answer")
        known = chosen if any(each.id == chosen for each in question.asked.answers) else None
        return self._answered(question, fitting(question.words, question.asked.answers) or known)

    def refused(self, request: Request | None) -> list[Output]:
        """Note that the service refused this request to the model."""
        question = self._question
        meant = question is not None and request is question.request
        return self._without_model() if meant else []

    def expire(self, now: float, *, speaking: bool) -> list[Output]:
        """Act if it has been quiet for too long or the words of the answer have not arrived."""
        question, deadline = self._question, self.deadline(speaking=speaking)
        if question is None or deadline is None or now < deadline:
            return []
        if question.phase == "listening" and speaking:
            return self.close("no_answer", "somebody speaks, and does not come to an end")
        if question.phase == "listening":
            return self.close("no_answer", f"nobody answered in {question.asked.timeout_s:g} s")
        if question.item_id and question.request is None:
            self._ask_model(question, now)
            return []
        return self._without_model()

    def close(
        self, outcome: QuestionOutcome, reason: str, words: str = "", answer: str | None = None
    ) -> list[Output]:
        """Close the question, if one is open."""
        question, self._question = self._question, None
        if question is None:
            return []
        done: list[Output] = []
        self._answers.queue.drop(question.request)
        if question.phase != "waiting":
            done.append(ResumeReplies())
        if question.phase in ("listening", "understanding"):
            done.append(ListenWithoutWakeWord(False))
        return [*done, QuestionClosed(question.asked.ask, outcome, words, answer, reason)]

    # --------------------------------------------------------------- private

    def _listen(self, question: _Question, now: float) -> list[Output]:
        begins, question.phase = question.phase != "listening", "listening"
        question.listen_until = now + question.asked.timeout_s
        return [ListenWithoutWakeWord(True)] if begins else []

    def _understood_from(self, item_id: str) -> _Question | None:
        """Return the question that this item answers, if only its transcript is missing."""
        question = self._question
        waits = self.understanding and question is not None and question.request is None
        return question if waits and question and item_id == question.item_id else None

    def _ask_model(self, question: _Question, now: float) -> None:
        question.known_until = now + _MODEL_S
        question.request = _request(question)
        self._answers.queue.wish(question.request, first=True)

    def _not_understood(self, question: _Question, now: float) -> list[Output]:
        """Listen again if time is left: the turn held no words, such as a cough."""
        question.item_id, question.request = "", None
        if now >= question.listen_until:
            return self.close("no_answer", "what was answered could not be understood")
        question.phase = "listening"
        return []

    def _without_model(self) -> list[Output]:
        question = self._question
        if question is not None and question.words:
            return self._answered(question, None)
        return self.close("no_answer", "what was answered could not be understood")

    def _answered(self, question: _Question, answer: str | None) -> list[Output]:
        return self.close("answered", "", question.words, answer)


def fitting(words: str, answers: Sequence[OfferedAnswer]) -> str | None:
    """Return the id of the first offered answer with these words; None if there is none.

    Case, accents and punctuation are ignored.
    """
    said = _plain(words)
    found = (each.id for each in answers if said in map(_plain, each.sentences))
    return next(found, None) if said else None


def _plain(words: str) -> str:
    letters = normalize("NFKD", words.replace("'", "").replace("’", "")).casefold()
    kept = "".join(letter for letter in letters if not category(letter).startswith("M"))
    return " ".join(re.findall(r"[^\W_]+", kept))


def _request(question: _Question) -> Request:
    """Return a request for the model to report, inaudibly, what was answered."""
    asked = question.asked
    offered = {each.id: list(each.sentences) for each in asked.answers}
    known = json.dumps({"question": asked.text, "answers": offered}, ensure_ascii=False)
    parameters = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "answer": {"type": "string", "enum": [*offered, ""]},
        },
        "required": ["text", "answer"],
    }
    function = {"type": "function", "name": _FUNCTION, "description": "Report what was answered."}
    settings: Json = {
        "conversation": "none",
        "metadata": _METADATA,
        "modalities": ["text"],
        "instructions": f"{_INSTRUCTIONS}\n{known}",
        "tools": [{**function, "parameters": parameters}],
        "tool_choice": "required",
    }
    if question.words:  # otherwise the model goes by the sound of the last item
        part = {"type": "input_text", "text": question.words}
        settings["input"] = [{"type": "message", "role": "user", "content": [part]}]
    return Request(settings, outside=True, aloud=False, after_speech=False)


def _reported(calls: Sequence[FunctionCall]) -> Mapping[str, Any]:
    """Return the arguments of the first call of our function that are an object."""
    for call in calls:
        try:
            found = json.loads(call.arguments) if call.name == _FUNCTION else None
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def _text(reported: Mapping[str, Any], name: str) -> str:
    return text_of(reported.get(name)).strip()[:WORDS_MOST]
