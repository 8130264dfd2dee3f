"""The meaning of a status to people: the states of the daemon, most important first.

The page, `daemon.py status` and systemd's status line show the same states in the same words, which
are in `languages`. `page_states.js` applies the same rules to updates in the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from .language import translated

Colour = Literal["calm", "listening", "thinking", "speaking", "rest", "bad", "none"]
"""The look of a state; `rest`: deliberately not listening, `none`: nothing is known."""


class State(StrEnum):
    """What people should know about a daemon."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    ASLEEP = "asleep"
    RENEWING = "renewing"
    CONNECTING = "connecting"
    CLOSING = "closing"
    MUTED = "muted"
    MICROPHONE_DEAF = "microphone_deaf"
    MICROPHONE_LOST = "microphone_lost"
    NO_MICROPHONE = "no_microphone"
    LOUDSPEAKER_LOST = "loudspeaker_lost"
    NO_LOUDSPEAKER = "no_loudspeaker"
    NO_CONNECTION = "no_connection"
    OVER_BUDGET = "over_budget"
    GONE = "gone"
    UNKNOWN = "unknown"


COLOURS: Mapping[State, Colour] = {
    State.IDLE: "calm",
    State.LISTENING: "listening",
    State.THINKING: "thinking",
    State.SPEAKING: "speaking",
    State.ASLEEP: "rest",
    State.RENEWING: "calm",
    State.CONNECTING: "thinking",
    State.CLOSING: "thinking",
    State.MUTED: "rest",
    State.MICROPHONE_DEAF: "bad",
    State.MICROPHONE_LOST: "bad",
    State.NO_MICROPHONE: "bad",
    State.LOUDSPEAKER_LOST: "bad",
    State.NO_LOUDSPEAKER: "bad",
    State.NO_CONNECTION: "bad",
    State.OVER_BUDGET: "bad",
    State.GONE: "none",
    State.UNKNOWN: "none",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A state that applies; `reason`: why, in the words of the daemon or the service."""

    state: State
    reason: str = ""
    variant: str = ""

    @property
    def sentence(self) -> str:
        """The key of its sentence in a language."""
        return f"sentence.{self.state}{f'.{self.variant}' if self.variant else ''}"


def conditions(status: Mapping[str, Any]) -> list[Condition]:
    """Return every state that applies in a `/api/status`, most important first; at least one.

    The activity of a conversation comes first, then what prevents one, then what is deliberately
    off. `UNKNOWN` if the status is empty or incomplete.
    """
    word = status.get("status")
    if word not in ("idle", "listening", "thinking", "speaking"):
        return [Condition(State.UNKNOWN)]
    found = [
        *_of_connection(status),
        *_of_device("microphone", status.get("microphone", {})),
        *_of_device("loudspeaker", status.get("speaker", {})),
    ]
    if status.get("muted"):
        found.append(Condition(State.MUTED))
    connection = status.get("connection", {})
    if connection.get("asleep"):
        found.append(Condition(State.ASLEEP))
    if connection.get("state") == "renewing":
        found.append(Condition(State.RENEWING))
    if word != "idle":
        return [Condition(State(word)), *found]
    sound = status.get("sound", {})
    listen = "push_to_talk" if sound.get("engine") == "never" else sound.get("listen")
    variant = listen if listen in ("wake_word", "push_to_talk") else "open"
    return found or [Condition(State.IDLE, variant=variant)]


def colour(found: list[Condition]) -> Colour:
    """Return the colour of the most important state."""
    return COLOURS[found[0].state]


def headline(found: list[Condition], words: Mapping[str, str]) -> str:
    """Return the most important state in a word or two."""
    return words[f"state.{found[0].state}"]


def sentences(found: list[Condition], words: Mapping[str, str]) -> list[str]:
    """Return a sentence for each state, with its reason, which is given once."""
    reasons = [each.reason for each in found]
    return [
        _with_reason(
            words[each.sentence], "" if reason in reasons[:place] else translated(reason, words)
        )
        for place, (each, reason) in enumerate(zip(found, reasons, strict=True))
    ]


def line(status: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """Return everything in one line without final full stop, such as `muted: The microphone …`."""
    found = conditions(status)
    return f"{headline(found, words)}: {' '.join(sentences(found, words))}".rstrip(".")


def _of_connection(status: Mapping[str, Any]) -> list[Condition]:
    connection, usage = status.get("connection", {}), status.get("usage", {})
    state, reason = connection.get("state"), connection.get("last_error") or ""
    limit = usage.get("daily_limit")
    if connection.get("asleep"):
        return []
    is_down = state in ("closed", "connecting")
    if is_down and limit is not None and usage.get("cost_today", 0) >= limit:
        return [Condition(State.OVER_BUDGET, reason)]
    if is_down:
        return [Condition(State.NO_CONNECTION if reason else State.CONNECTING, reason)]
    return [Condition(State.CLOSING)] if state == "closing" else []


def _of_device(
    name: Literal["microphone", "loudspeaker"], device: Mapping[str, Any]
) -> list[Condition]:
    state, reason = device.get("state", "ok"), device.get("reason") or ""
    if state in ("lost", "deaf"):
        return [Condition(State(f"{name}_{state}"), reason)]
    wanted = name == "microphone" or device.get("device") != "none"
    return [Condition(State(f"no_{name}"), reason)] if state == "none" and wanted else []


def _with_reason(sentence: str, reason: str) -> str:
    if not reason:
        return sentence
    end = "" if reason.endswith("?") else "."
    return f"{sentence.rstrip('.')}: {reason.rstrip('.')}{end}"
