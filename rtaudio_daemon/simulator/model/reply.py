"""What the simulated model is asked (`Turn`), and what it answers (`Reply`)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from .items import BYTES_PER_MS, ConversationItem

SAY = "say"  # response metadata {"rtaudio": "say"}: speak the words of the input verbatim
ASK = "ask"  # {"rtaudio": "ask"}: report the answer to a question, by a call


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; `arguments` is a JSON string. It begins after `delay_s`."""

    name: str
    arguments: str = "{}"
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: words, their sound (None: created by the voice), and function calls.

    A `preamble` is said first, as a message of its own. Without text and pcm, no other message is
    said, only the calls are made. It begins after `delay_s` more of thinking; with `echoes`, a
    parrot repeats what it heard.
    """

    text: str = ""
    pcm: bytes | None = None
    calls: tuple[Call, ...] = ()
    delay_s: float = 0.0
    echoes: bool = False
    preamble: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What an answer is requested for.

    `heard` is the sound of the user's turn (empty for text), `words` the words understood in it.
    `text` is the last text written, the output of the function `result_of`, or with `say` the
    words to speak verbatim. `round` counts how often results of functions came since the user's
    last words, including this time.
    """

    number: int
    heard: bytes = b""
    words: str = ""
    text: str = ""
    say: bool = False
    function_output: bool = False
    result_of: str | None = None
    round: int = 0
    instructions: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    tools: tuple[dict[str, Any], ...] = ()

    @property
    def asks(self) -> bool:
        """Whether it asks for the answer to a program's question."""
        return self.metadata.get("rtaudio") == ASK and bool(self.tools)


ReplyFunction = Callable[[Turn], "Reply | str | Awaitable[Reply | str]"]


def turn_from(
    context: list[ConversationItem],
    *,
    number: int,
    instructions: str,
    metadata: dict[str, str],
    tools: list[dict[str, Any]],
) -> Turn:
    """Return the turn that the last item of `context` requests an answer for."""
    last = context[-1] if context else None
    say = metadata.get("rtaudio") == SAY
    return Turn(
        number=number,
        heard=b"" if last is None or say else last.pcm,
        text="" if last is None or (last.pcm and not say) else last.words,
        say=say,
        function_output=last is not None and last.data["type"] == "function_call_output",
        result_of=_function(context, last),
        round=_rounds(context),
        instructions=instructions,
        metadata=dict(metadata),
        tools=tuple(tools),
    )


def default_reply(turn: Turn) -> Reply:
    """Repeat what was heard or written."""
    if turn.say:
        return Reply(turn.text)
    if turn.asks:
        return _report(turn)
    if turn.heard:
        return Reply(turn.words or heard_words(turn.heard), echoes=True)
    if turn.function_output:
        return Reply(f"The answer is {turn.text}.")
    return Reply(turn.text or "I am listening.")


def _report(turn: Turn) -> Reply:
    """Call the function with the words and the first offered answer that contains some of them."""
    words = turn.words or turn.text
    offered = json.loads(turn.instructions.splitlines()[-1])["answers"]
    said = words.casefold()
    meant = (
        name
        for name, sentences in offered.items()
        if any(each.casefold() in said for each in (name, *sentences))
    )
    arguments = json.dumps({"text": words, "answer": next(meant, "")})
    return Reply(calls=(Call(turn.tools[0]["name"], arguments),))


def heard_words(pcm: bytes) -> str:
    """Return the transcript of speech that was not recognized."""
    return f"speech of {len(pcm) / BYTES_PER_MS / 1000:.1f} s"


def _rounds(context: list[ConversationItem]) -> int:
    """Return how many groups of results `context` ends with, besides calls and own words."""
    rounds, before = 0, ""
    for item in reversed(context):
        kind = str(item.data["type"])
        if kind == "message" and item.data["role"] != "assistant":
            break
        rounds += kind == "function_call_output" != before
        before = kind
    return rounds


def _function(context: list[ConversationItem], last: ConversationItem | None) -> str | None:
    if last is None or last.data["type"] != "function_call_output":
        return None
    for item in context:
        if item.data["type"] == "function_call" and item.data["call_id"] == last.data["call_id"]:
            return str(item.data["name"])
    return None
