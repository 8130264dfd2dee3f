"""Scenarios: YAML files that say what the simulator answers, how, and what goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import yaml_loader
from ..config.secret import Secret
from ..config.yaml_nodes import Loader
from ..errors import ConfigError
from .fault_injection import InjectedFault, fault_from
from .model.reply import Call, Reply, Turn, default_reply
from .protocol.rejection import Rejection, invalid, missing
from .protocol.validation import (
    Shape,
    anything,
    boolean,
    check,
    either,
    integer,
    list_of,
    number,
    one_of,
    some_text,
    text,
)

_SECONDS = number(0.0, 86_400.0)
_WORDS = either(text, list_of(text))
_CALL: Shape = {"name": text, "arguments": anything, "delay_s": _SECONDS}
_SCENARIO: dict[str, Shape] = {
    "name": text,
    "description": text,
    "voice": one_of("auto", "parrot", "espeak", "tone", "silence"),
    "pacing": one_of("burst", "realtime", "slow"),
    "think_s": _SECONDS,
    "late_deltas": integer(0, 1000),
    "lifetime_s": number(0.1, 86_400.0),
    "transcription": one_of("normal", "early", "late", "failed", "streamed", "never"),
    "extras": boolean,
    "quirks": one_of("localai", "huggingface", "huggingface-old", "xai", "sglang"),
    "api_key": some_text,
    "answers": list_of(
        {
            "heard": _WORDS,
            "turn": integer(1, 2**31),
            "result_of": text,
            "result_contains": _WORDS,
            "round": integer(1, 2**31),
            "preamble": text,
            "say": text,
            "calls": list_of(_CALL),
            "delay_s": _SECONDS,
        }
    ),
    "refused_schemas": list_of(text),
    "faults": list_of(anything),
}
_BEHAVIOUR = (
    "voice",
    "pacing",
    "think_s",
    "late_deltas",
    "transcription",
    "extras",
    "quirks",
    "refused_schemas",
)


class _Loader(Loader):
    """YAML in which ``on`` is a word: it is the key for when a fault strikes."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """One answer, and the conditions under which it is given (none: always)."""

    reply: Reply
    heard: tuple[str, ...] = ()
    turn: int | None = None
    result_of: str | None = None
    result_contains: tuple[str, ...] = ()
    round: int | None = None

    def fits(self, turn: Turn) -> bool:
        """Return whether this is the answer to `turn`."""
        if self.round is not None and self.round != turn.round:
            return False
        if self.result_contains and not any(
            words.casefold() in turn.text.casefold() for words in self.result_contains
        ):
            return False
        if self.result_of is not None:
            return turn.result_of == self.result_of
        if self.result_contains or self.round:
            return turn.function_output
        if self.turn is not None and self.turn != turn.number:
            return False
        if self.heard:
            said = plain(turn.words or turn.text)
            return not turn.function_output and any(
                re.search(rf"\b{re.escape(plain(phrase))}\b", said) for phrase in self.heard
            )
        return self.turn is not None or not turn.function_output


@dataclass(frozen=True, slots=True)
class Scenario:
    """The content of a scenario. `behaviour` contains the fields of `Behaviour` that it sets."""

    answers: tuple[ScriptedAnswer, ...] = ()
    faults: tuple[InjectedFault, ...] = ()
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    lifetime_s: float | None = None
    api_key: str | None = None

    @property
    def phrases(self) -> tuple[str, ...]:
        """The phrases to recognize in speech, in plain words."""
        return tuple(plain(phrase) for answer in self.answers for phrase in answer.heard)

    def reply(self, turn: Turn) -> Reply:
        """Return the first answer that fits; if none does, repeat what was said."""
        if turn.say or turn.asks:
            return default_reply(turn)
        found = (answer.reply for answer in self.answers if answer.fits(turn))
        return next(found, None) or default_reply(turn)


def load(path: str | Path) -> Scenario:
    """Read a scenario; raises ConfigError that names the file and the mistake."""
    source = yaml_loader.read(path, _Loader)
    if source.problems:
        raise ConfigError([str(each) for each in source.problems])
    try:
        return scenario_from(_revealed(source.value))
    except Rejection as error:
        raise ConfigError([f"{path}: {error.message}"]) from error


def scenario_from(data: Any) -> Scenario:
    """Return the scenario that `data` describes; raises `Rejection`."""
    check(data, _SCENARIO, "")
    for index, answer in enumerate(data.get("answers", [])):
        for number_, call in enumerate(answer.get("calls", [])):
            if "name" not in call:
                raise missing(f"answers[{index}].calls[{number_}].name")
    faults = data.get("faults", [])
    return Scenario(
        answers=tuple(
            _answer(each, f"answers[{index}]") for index, each in enumerate(data.get("answers", []))
        ),
        faults=tuple(_fault(each, index) for index, each in enumerate(faults)),
        behaviour={key: data[key] for key in _BEHAVIOUR if key in data},
        lifetime_s=data.get("lifetime_s"),
        api_key=data.get("api_key"),
    )


def _revealed(value: Any) -> Any:
    """Return `value` with results of !secret and similar tags as plain text."""
    if isinstance(value, dict):
        return {key: _revealed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_revealed(each) for each in value]
    return value.reveal() if isinstance(value, Secret) else value


def plain(words: str) -> str:
    """Return lower case, single spaces, no punctuation: what is left of words when spoken."""
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)*", words.lower()))


def _fault(data: Any, index: int) -> InjectedFault:
    path = f"faults[{index}]"
    check(data, anything if isinstance(data, dict) else {}, path)
    return fault_from(data, path)


def _answer(data: dict[str, Any], path: str) -> ScriptedAnswer:
    calls = enumerate(data.get("calls", ()))
    reply = Reply(
        data.get("say", ""),
        calls=tuple(_call(each, f"{path}.calls[{index}]") for index, each in calls),
        delay_s=float(data.get("delay_s", 0.0)),
        preamble=data.get("preamble", ""),
    )
    return ScriptedAnswer(
        reply,
        heard=_several(data.get("heard", ())),
        turn=data.get("turn"),
        result_of=data.get("result_of"),
        result_contains=_several(data.get("result_contains", ())),
        round=data.get("round"),
    )


def _several(words: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def _call(data: dict[str, Any], path: str) -> Call:
    arguments = data.get("arguments", {})
    try:
        words = arguments if isinstance(arguments, str) else json.dumps(arguments, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid(f"{path}.arguments", "not anything that JSON can say") from error
    return Call(data["name"], words, delay_s=float(data.get("delay_s", 0.0)))
