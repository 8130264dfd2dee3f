"""What was said so far, for a session that does not know it: words, tool calls and their results.

Sound is not told again, but for a question whose words are unknown and that waits for its answer.
The assistant is quoted only as far as it was heard. Old context costs money with every answer, so
there is a limit to turns and characters, and after a while without a word everything is forgotten.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from rtaudio_daemon.realtime.shapes import Json

_ITEMS_MOST = 400  # more than any limit of turns can mean; what is older is forgotten
_PENDING = ("in_progress", "incomplete")
_UNNAMED = "turn"  # the question, until the service says which item it is


@dataclass(slots=True)
class _Entry:
    kind: str  # user, assistant, system, call or result
    words: str = ""
    call_id: str = ""
    name: str = ""
    received_ms: float = 0.0
    heard_ms: float | None = None
    final: bool = False
    sound: bytes = b""

    @property
    def heard(self) -> str:
        """The words as far as they were heard."""
        if self.heard_ms is None or self.heard_ms >= self.received_ms:
            return self.words
        share = self.heard_ms / self.received_ms if self.received_ms else 0.0
        cut = self.words[: round(len(self.words) * share)].rpartition(" ")[0].rstrip()
        return f"{cut} …" if cut else ""


class History:
    """Feed it every event of the service (in house spelling) with the time in seconds.

    `turns`: how many turns of the user are kept; `characters`: of all words together;
    `forget_after_s`: without a word for so long, everything is forgotten (0: never).
    """

    def __init__(
        self, *, turns: int = 20, characters: int = 8000, forget_after_s: float = 600.0
    ) -> None:
        self._turns = turns
        self._characters = characters
        self._forget_after_s = forget_after_s
        self._entries: dict[str, _Entry] = {}
        self._last_word_at = 0.0
        self._numbers = count(1)
        self._question: _Entry | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def hear(self, event: Mapping[str, Any], now: float, *, outside: bool = False) -> None:
        """Take note of an event; `outside`: of an answer that is no part of the conversation."""
        learn = _LESSONS.get(str(event.get("type")))
        if learn is None or outside:
            return
        if self.stale(now):
            self._forget_past()
        self._last_word_at = now
        learn(self, event)
        while len(self._entries) > _ITEMS_MOST:
            del self._entries[next(iter(self._entries))]

    def ask(self, pcm: bytes) -> None:
        """The turn that becomes an item now, in the input format, waits for its answer."""
        self.answered()
        self._question = self._entries[_UNNAMED] = _Entry("user", sound=pcm)

    def answered(self) -> None:
        """The question was answered, or never will be."""
        if self._question is not None:
            self._question.sound = b""
        self._question = None
        self._entries.pop(_UNNAMED, None)

    @property
    def answerable(self) -> bool:
        """Whether a session that is told the items knows what there is to answer."""
        if self._question is not None:
            return bool(self._question.words or self._question.sound)
        told = self._tellable()
        return bool(told) and told[-1].kind in ("user", "result")

    def forget(self) -> None:
        """Begin anew."""
        self.answered()
        self._entries.clear()

    def stale(self, now: float) -> bool:
        """Whether there is something that should be forgotten by now."""
        over = now - self._last_word_at > self._forget_after_s > 0
        return over and bool(self._entries)

    def items(self, now: float) -> list[Json]:
        """The items (house spelling) that tell a new session what was said, oldest first.

        From here on the items are known by the ids given here.
        """
        if self.stale(now):
            self._forget_past()
        told = self._bounded(self._tellable())
        self._entries = {}
        items = []
        for entry in told:
            item_id = f"past_{next(self._numbers)}"
            self._entries[item_id] = entry
            items.append({"id": item_id, **_item(entry)})
        return items

    # ------------------------------------------------------------------ private

    def _forget_past(self) -> None:
        entries = self._entries.items()
        self._entries = {key: entry for key, entry in entries if entry is self._question}

    def _tellable(self) -> list[_Entry]:
        answered = {e.call_id for e in self._entries.values() if e.kind == "result"}
        called = {e.call_id for e in self._entries.values() if e.kind == "call"}
        return [
            entry
            for entry in self._entries.values()
            if (entry.kind == "call" and entry.call_id in answered)
            or (entry.kind == "result" and entry.call_id in called)
            or (entry.kind in ("user", "assistant", "system") and entry.heard.strip())
            or entry.sound
        ]

    def _bounded(self, entries: list[_Entry]) -> list[_Entry]:
        """The last turns, and of them the last ones whose words there is room for."""
        starts = [n for n, entry in enumerate(entries) if entry.kind == "user"]
        first = starts[-self._turns] if len(starts) > self._turns else 0
        kept = entries[first:] if self._turns else []
        room = self._characters
        for position in range(len(kept) - 1, -1, -1):
            room -= len(kept[position].heard)
            if room < 0:
                kept = kept[position + 1 :]
                break
        # The question is no past: there is no answer without it.
        asked = [n for n, entry in enumerate(entries) if entry is self._question]
        if asked and len(kept) < len(entries) - asked[0]:
            kept = entries[asked[0] :]
        # A result without its call would be refused.
        called = {entry.call_id for entry in kept if entry.kind == "call"}
        return [entry for entry in kept if entry.kind != "result" or entry.call_id in called]

    def _entry(self, item_id: Any, kind: str) -> _Entry | None:
        if not isinstance(item_id, str) or not item_id:
            return None
        return self._entries.setdefault(item_id, _Entry(kind))

    def _learn_turn(self, event: Mapping[str, Any]) -> None:
        item_id = event.get("item_id")
        if isinstance(item_id, str) and item_id:
            self._name_question(item_id)

    def _name_question(self, item_id: str) -> None:
        if _UNNAMED in self._entries and item_id not in self._entries:
            entries = self._entries.items()
            self._entries = {item_id if k == _UNNAMED else k: entry for k, entry in entries}

    def _learn_item(self, event: Mapping[str, Any]) -> None:
        item = event.get("item")
        if isinstance(item, dict):
            if _spoken(item):
                self._name_question(str(item.get("id")))
            self._learn(item)

    def _learn_output(self, event: Mapping[str, Any]) -> None:
        response = event.get("response")
        output = response.get("output") if isinstance(response, dict) else None
        for item in output if isinstance(output, list) else ():
            if isinstance(item, dict):
                self._learn(item)

    def _learn(self, item: Mapping[str, Any]) -> None:
        kind = _kind(item)
        entry = self._entry(item.get("id"), kind) if kind else None
        if entry is None:
            return
        if kind == "call":
            entry.name = str(item.get("name") or entry.name)
            entry.call_id = str(item.get("call_id") or entry.call_id)
            entry.words = str(item.get("arguments") or entry.words)
        elif kind == "result":
            entry.call_id = str(item.get("call_id") or entry.call_id)
            entry.words = str(item.get("output") or entry.words)
        elif (words := _words(item)) and not entry.final:
            entry.words = words
            entry.final = item.get("status") not in _PENDING

    def _learn_user_words(self, event: Mapping[str, Any]) -> None:
        entry = self._entry(event.get("item_id"), "user")
        if entry is not None and isinstance(event.get("transcript"), str):
            entry.words = event["transcript"].strip()

    def _learn_assistant_words(self, event: Mapping[str, Any]) -> None:
        entry = self._entry(event.get("item_id"), "assistant")
        words = event.get("transcript", event.get("text"))
        if entry is not None and isinstance(words, str) and words:
            entry.words = words

    def _learn_arguments(self, event: Mapping[str, Any]) -> None:
        entry = self._entry(event.get("item_id"), "call")
        if entry is not None:
            entry.name = str(event.get("name") or entry.name)
            entry.call_id = str(event.get("call_id") or entry.call_id)
            entry.words = str(event.get("arguments") or entry.words)

    def _learn_sound(self, event: Mapping[str, Any]) -> None:
        entry = self._entry(event.get("item_id"), "assistant")
        if entry is not None and isinstance(event.get("delta"), str):
            entry.received_ms += len(event["delta"]) * 3 / 4 / 48

    def _learn_truncation(self, event: Mapping[str, Any]) -> None:
        entry = self._entries.get(str(event.get("item_id")))
        if entry is not None and isinstance(event.get("audio_end_ms"), int | float):
            entry.heard_ms = float(event["audio_end_ms"])

    def _learn_deletion(self, event: Mapping[str, Any]) -> None:
        self._entries.pop(str(event.get("item_id")), None)


_LESSONS = {
    "input_audio_buffer.committed": History._learn_turn,
    "conversation.item.created": History._learn_item,
    "conversation.item.done": History._learn_item,
    "response.output_item.added": History._learn_item,
    "response.output_item.done": History._learn_item,
    "response.done": History._learn_output,
    "conversation.item.input_audio_transcription.completed": History._learn_user_words,
    "response.audio_transcript.done": History._learn_assistant_words,
    "response.text.done": History._learn_assistant_words,
    "response.function_call_arguments.done": History._learn_arguments,
    "response.audio.delta": History._learn_sound,
    "conversation.item.truncated": History._learn_truncation,
    "conversation.item.deleted": History._learn_deletion,
}


def _kind(item: Mapping[str, Any]) -> str:
    kind = item.get("type")
    if kind == "function_call":
        return "call"
    if kind == "function_call_output":
        return "result"
    role = item.get("role")
    return str(role) if role in ("user", "assistant", "system") else ""


def _parts(item: Mapping[str, Any]) -> list[Json]:
    content = item.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _spoken(item: Mapping[str, Any]) -> bool:
    return any(part.get("type") == "input_audio" for part in _parts(item))


def _words(item: Mapping[str, Any]) -> str:
    said = (part.get("text") or part.get("transcript") for part in _parts(item))
    return " ".join(words for words in said if isinstance(words, str) and words)


def _item(entry: _Entry) -> Json:
    if entry.kind == "call":
        return {
            "type": "function_call",
            "call_id": entry.call_id,
            "name": entry.name,
            "arguments": _arguments(entry.words),
        }
    if entry.kind == "result":
        return {"type": "function_call_output", "call_id": entry.call_id, "output": entry.words}
    part = {"type": "text" if entry.kind == "assistant" else "input_text", "text": entry.heard}
    if entry.sound and not entry.words:
        part = {"type": "input_audio", "audio": base64.b64encode(entry.sound).decode("ascii")}
    return {"type": "message", "role": entry.kind, "content": [part]}


def _arguments(words: str) -> str:
    """A tool's arguments as they came, or an empty object for what is none."""
    try:
        json.loads(words)
    except ValueError:
        return "{}"
    return words
