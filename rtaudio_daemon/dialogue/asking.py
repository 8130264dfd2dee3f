"""A question of a program: spoken as it stands, and answered by one spoken turn.

The model does not answer that turn. What was said becomes the answer: its transcript where turns
are transcribed, else what the model, asked beside the conversation, understood::

    phase          since                          until
    waiting        the program asked              the question begins
    asking         the question begins            it was heard, or somebody speaks over it
    listening      then                           a turn is over, or it has been quiet for too long
    understanding  the turn is over               its words are known

There is one question at a time. However it ends, `QuestionClosed` says so, once.
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
"""Characters of an answer; what is beyond is left out."""
_TRANSCRIPT_S = 5.0  # that a transcript may take; after that the model is asked
_MODEL_S = 20.0  # that the model may take to say what was meant
_SPEECH_MOST_S = 60.0  # that somebody, or a television, may go on speaking when the time is over
_COMMIT_S = 3.0  # that the service may take to make a turn of speech that is over
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
    item_id: str = ""  # of the turn that answers it
    words: str = ""
    request: Request | None = None  # to the model
    spoken: bool = False


class Asking:
    """Times are seconds of any one clock. Asks the model by way of `answers`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._question: _Question | None = None

    # ----------------------------------------------------------------- facts

    @property
    def active(self) -> bool:
        """Whether there is a question that is not closed."""
        return self._question is not None

    @property
    def waiting(self) -> str:
        """The id of the question if it has not begun; else ""."""
        return self._question.asked.ask if self._question and self._phase == "waiting" else ""

    @property
    def refuses_replies(self) -> bool:
        """Whether the service must not answer by itself."""
        return self._phase in ("asking", "listening", "understanding")

    @property
    def listening(self) -> bool:
        """Whether an answer is waited for, so that the floor is the user's."""
        return self._phase == "listening"

    @property
    def takes_turns(self) -> bool:
        """Whether a turn that ends now is the answer, and not for the model to answer."""
        return self._phase in ("asking", "listening")

    @property
    def lacks_item(self) -> bool:
        """Whether we ended the turn that is the answer, and the service has not named it yet."""
        return self.understanding and self._question is not None and not self._question.item_id

    @property
    def understanding(self) -> bool:
        """Whether the answer was spoken, and its words are not known yet."""
        return self._phase == "understanding"

    @property
    def _phase(self) -> str:
        return self._question.phase if self._question else ""

    def deadline(self, *, speaking: bool) -> float | None:
        """When `expire` has something to do; `speaking`: somebody speaks."""
        question = self._question
        if question is not None and self.understanding:
            return question.known_until
        if question is None or not self.listening:
            return None
        return question.listen_until + (_SPEECH_MOST_S if speaking else 0.0)

    def reads(self, request: Request | None) -> bool:
        """Whether this lets the model say what was answered, to this question or one before."""
        return request is not None and (request.settings or {}).get("metadata") is _METADATA

    # ------------------------------------------------------------ what happens

    def begin(self, asked: AskRequested) -> None:
        """A program asks. Whoever calls this lets the question be spoken."""
        self._question = _Question(asked)

    def begun(self, said: str) -> list[Output]:
        """An answer of the service that speaks the text with this id begins."""
        question = self._question
        if question is None or question.phase != "waiting" or said != question.asked.ask:
            return []
        question.phase = "asking"
        return [PauseReplies()]

    def spoken(self, said: str, outcome: SaidOutcome, now: float) -> list[Output]:
        """What became of the text with this id."""
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
        """Somebody speaks; over the question, that is the answer already."""
        question = self._question
        return self._listen(question, now) if question and question.phase == "asking" else []

    def goes_on(self) -> list[Output]:
        """Nobody spoke over the question: the rest of it is heard."""
        question = self._question
        if question is None or question.phase != "listening" or question.spoken:
            return []
        question.phase = "asking"
        return [ListenWithoutWakeWord(False)]

    def nobody_answered(self, item_id: str, now: float, rest_s: float) -> None:
        """Nobody said this item: the rest of the question takes `rest_s`, and is answered then."""
        question = self._understood_from(item_id)
        if question is not None:
            question.phase, question.item_id = "listening", ""
            question.listen_until = now + rest_s + question.asked.timeout_s

    def speech_stopped(self, now: float) -> None:
        """Nobody speaks any more; the service may take a moment to make a turn of it."""
        if self._question is not None:
            self._question.listen_until = max(self._question.listen_until, now + _COMMIT_S)

    def turn_ended(self, now: float, item_id: str = "") -> None:
        """A turn is over, and is the answer; `item_id`: "" if the service will name it later."""
        question = self._question
        assert question is not None
        question.phase, question.item_id = "understanding", item_id
        question.known_until = now + _TRANSCRIPT_S
        if item_id and not question.asked.transcribed:
            self._ask_model(question, now)

    def transcribed(self, item_id: str, words: str, now: float) -> list[Output]:
        """These are the words of an item."""
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
        """The transcription of an item failed."""
        question = self._understood_from(item_id)
        if question is not None:
            self._ask_model(question, now)

    def read(
        self, request: Request | None, calls: Sequence[FunctionCall], now: float
    ) -> list[Output]:
        """The model says what was answered, as this request asked it to."""
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
        """The service does not make this request to the model."""
        question = self._question
        meant = question is not None and request is question.request
        return self._without_model() if meant else []

    def expire(self, now: float, *, speaking: bool) -> list[Output]:
        """It has been quiet for too long, or the words of the answer did not come."""
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
        """End the question, if there is one."""
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
        """The question whose answer this item is, if only its transcript is waited for."""
        question = self._question
        waits = self.understanding and question is not None and question.request is None
        return question if waits and question and item_id == question.item_id else None

    def _ask_model(self, question: _Question, now: float) -> None:
        question.known_until = now + _MODEL_S
        question.request = _request(question)
        self._answers.queue.wish(question.request, first=True)

    def _not_understood(self, question: _Question, now: float) -> list[Output]:
        """There were no words in it, as in a cough: go on listening, if there is time left."""
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
    """The id of the first answer that is offered with these words; None if there is none.

    Case, accents and punctuation do not count.
    """
    said = _plain(words)
    found = (each.id for each in answers if said in map(_plain, each.sentences))
    return next(found, None) if said else None


def _plain(words: str) -> str:
    letters = normalize("NFKD", words.replace("'", "").replace("’", "")).casefold()
    kept = "".join(letter for letter in letters if not category(letter).startswith("M"))
    return " ".join(re.findall(r"[^\W_]+", kept))


def _request(question: _Question) -> Request:
    """What lets the model say what was answered, beside the conversation and for nobody to hear."""
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
    if question.words:  # else the model hears it, as what was said last
        part = {"type": "input_text", "text": question.words}
        settings["input"] = [{"type": "message", "role": "user", "content": [part]}]
    return Request(settings, outside=True, aloud=False, after_speech=False)


def _reported(calls: Sequence[FunctionCall]) -> Mapping[str, Any]:
    """The arguments of the first call of ours that are an object."""
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
