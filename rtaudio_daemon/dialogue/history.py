"""What was said so far, for a session that does not know it: words, tool calls and their results.

Sound is not repeated, except for a question whose words are unknown and which awaits its answer.
The assistant is quoted only as far as it was heard. Old context makes every answer more expensive,
so turns and characters are limited, and everything is forgotten after a while without a word.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from itertools import count

from ..protocol.events import (
    AudioDelta,
    CallArgumentsDone,
    Event,
    InputCommitted,
    Item,
    ItemDeleted,
    ItemReported,
    ItemTruncated,
    ResponseDone,
    TextDone,
    UserTranscript,
)
from ..protocol.session_format import Json
from .cut_words import heard_words

_ITEMS_MOST = 400  # more than any limit of turns allows; older items are forgotten
_WORDS_MOST = 8192  # characters of one item, unless the limit for all together is lower
_PENDING = ("in_progress", "incomplete")
_BYTES_PER_MS = 48
_Lesson = (
    AudioDelta
    | CallArgumentsDone
    | InputCommitted
    | ItemDeleted
    | ItemReported
    | ItemTruncated
    | ResponseDone
    | TextDone
    | UserTranscript
)
_UNNAMED = "turn"  # id of the question until the service names its item


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
        if self.heard_ms is None:
            return self.words
        if self.heard_ms <= 0:
            return ""
        return heard_words(self.words, self.heard_ms, self.received_ms)


class History:
    """Records the conversation from every event of the service and its time in seconds.

    `turns`: how many turns of the user are kept; `characters`: limit for all words together;
    `forget_after_s`: seconds without a word after which everything is forgotten (0: never).
    """

    def __init__(
        self, *, turns: int = 20, characters: int = 8000, forget_after_s: float = 600.0
    ) -> None:
        self.limit(turns=turns, characters=characters, forget_after_s=forget_after_s)
        self._entries: dict[str, _Entry] = {}
        self._last_word_at = 0.0
        self._numbers = count(1)
        self._question: _Entry | None = None
        self._renamed: dict[str, str] = {}  # ids of the previous session → ids in this one

    def limit(self, *, turns: int, characters: int, forget_after_s: float) -> None:
        """Apply these limits from now on."""
        self._turns = turns
        self._characters = characters
        self._forget_after_s = forget_after_s

    def __len__(self) -> int:
        return len(self._entries)

    def hear(self, event: Event, now: float, *, outside: bool = False) -> None:
        """Note an event; `outside`: it belongs to an answer outside the conversation."""
        if outside or not isinstance(event, _Lesson):
            return
        if self.stale(now):
            self._forget_past()
        self._last_word_at = now
        self._learn(event)
        while len(self._entries) > _ITEMS_MOST:
            del self._entries[next(iter(self._entries))]

    def heard(self, item_id: str, heard_ms: float) -> None:
        """Note how much of an answer was heard; its session may not know that, or be gone."""
        entry = self._entries.get(self._renamed.get(item_id, item_id))
        if entry is not None:
            entry.heard_ms = float(heard_ms)

    def said(self, words: str) -> None:
        """Add words of the assistant that were heard and that no session knows."""
        self._entries[f"said_{next(self._numbers)}"] = _Entry("assistant", self._kept(words))

    def result(self, call_id: str, output: str) -> None:
        """Note the result of a function call; the session may learn it later, or never."""
        item_id = f"result_{next(self._numbers)}"
        self._entries[item_id] = _Entry("result", words=self._kept(output), call_id=call_id)

    def ask(self, pcm: bytes) -> None:
        """Note that the turn that becomes an item now awaits its answer; `pcm`: input format."""
        self.answered()
        self._question = self._entries[_UNNAMED] = _Entry("user", sound=pcm)

    def answered(self) -> None:
        """Note that the question was answered, or never will be."""
        if self._question is not None:
            self._question.sound = b""
        self._question = None
        self._entries.pop(_UNNAMED, None)

    @property
    def answerable(self) -> bool:
        """Return whether a session that gets the items knows what there is to answer."""
        if self._question is not None:
            return bool(self._question.words or self._question.sound)
        entries = self._repeatable()
        return bool(entries) and entries[-1].kind in ("user", "result")

    def forget(self) -> None:
        """Forget everything."""
        self.answered()
        self._entries.clear()

    def stale(self, now: float) -> bool:
        """Return whether there is something that should be forgotten by now."""
        over = now - self._last_word_at > self._forget_after_s > 0
        return over and bool(self._entries)

    def slept(self, seconds: float) -> None:
        """Account for `seconds` of sleep of the machine, during which the clock stood still."""
        self._last_word_at -= seconds

    def retell(self, now: float) -> list[Json]:
        """Return the items (canonical spelling) that repeat the conversation, oldest first.

        Items are known by the ids given here from now on; `heard` accepts the former ids too.
        """
        if self.stale(now):
            self._forget_past()
        repeated = {id(entry) for entry in self._bounded(self._repeatable())}
        former, self._entries, self._renamed = self._entries, {}, {}
        items = []
        for former_id, entry in former.items():
            if id(entry) in repeated:
                item_id = f"past_{next(self._numbers)}"
                self._entries[item_id] = entry
                self._renamed[former_id] = item_id
                items.append({"id": item_id, **_item(entry)})
            elif entry.kind == "call":
                self._entries[former_id] = entry  # its result is still to come, and follows it
        return items

    # ------------------------------------------------------------------ private

    def _learn(self, event: _Lesson) -> None:
        match event:
            case AudioDelta(part, _, size):
                self._learn_sound(part.item_id, size)
            case InputCommitted(item_id):
                self._name_question(item_id)
            case ItemReported(item):
                if item.spoken:
                    self._name_question(item.id)
                self._learn_item(item)
            case ResponseDone(output=output):
                for item in output:
                    self._learn_item(item)
            case UserTranscript(item_id, text):
                self._learn_user_words(item_id, text)
            case TextDone(part, text):
                self._learn_assistant_words(part.item_id, text)
            case CallArgumentsDone():
                self._learn_arguments(event)
            case ItemTruncated(item_id, _, audio_end_ms):
                entry = self._entries.get(item_id)
                if entry is not None:
                    entry.heard_ms = float(audio_end_ms)
            case _:
                self._entries.pop(event.item_id, None)  # the item was deleted

    def _kept(self, words: str) -> str:
        """Return as many words as could ever be repeated, and one character more if cut."""
        return words[: max(self._characters, _WORDS_MOST) + 1]

    def _forget_past(self) -> None:
        entries = self._entries.items()
        self._entries = {key: entry for key, entry in entries if entry is self._question}

    def _repeatable(self) -> list[_Entry]:
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
        """Return the last turns, and of these the last entries whose words fit the limit."""
        starts = [n for n, entry in enumerate(entries) if entry.kind == "user"]
        first = starts[-self._turns] if len(starts) > self._turns else 0
        kept = entries[first:] if self._turns else []
        room = self._characters
        for position in range(len(kept) - 1, -1, -1):
            room -= len(kept[position].heard)
            if room < 0:
                kept = kept[position + 1 :]
                break
        # The question is always kept: without it there is no answer.
        asked = [n for n, entry in enumerate(entries) if entry is self._question]
        if asked and len(kept) < len(entries) - asked[0]:
            kept = entries[asked[0] :]
        # The service refuses a result without its call.
        called = {entry.call_id for entry in kept if entry.kind == "call"}
        return [entry for entry in kept if entry.kind != "result" or entry.call_id in called]

    def _entry(self, item_id: str, kind: str) -> _Entry | None:
        return self._entries.setdefault(item_id, _Entry(kind)) if item_id else None

    def _name_question(self, item_id: str) -> None:
        if item_id and _UNNAMED in self._entries and item_id not in self._entries:
            self._rename(_UNNAMED, item_id)

    def _learn_item(self, item: Item) -> None:
        if item.kind == "other":
            return
        if item.kind in ("call", "result"):
            self._name_call(item)
        entry = self._entry(item.id, item.kind)
        if entry is None:
            return
        if item.kind in ("call", "result"):
            entry.name = item.name or entry.name
            entry.call_id = item.call_id or entry.call_id
            entry.words = self._kept(item.text) or entry.words
        elif item.text and not entry.final:
            entry.words = self._kept(item.text)
            entry.final = item.status not in _PENDING

    def _name_call(self, item: Item) -> None:
        """Follow the service when it gives an id to a call or result that we created."""
        if not item.id or not item.call_id or item.id in self._entries:
            return
        for key, entry in self._entries.items():
            if entry.kind == item.kind and entry.call_id == item.call_id:
                self._rename(key, item.id)
                return

    def _rename(self, former: str, item_id: str) -> None:
        entries = self._entries.items()
        self._entries = {item_id if key == former else key: entry for key, entry in entries}

    def _learn_user_words(self, item_id: str, text: str) -> None:
        entry = self._entry(item_id, "user")
        if entry is not None:
            entry.words = self._kept(text.strip())

    def _learn_assistant_words(self, item_id: str, text: str) -> None:
        entry = self._entry(item_id, "assistant") if text else None
        if entry is not None:
            entry.words = self._kept(text)

    def _learn_arguments(self, event: CallArgumentsDone) -> None:
        entry = self._entry(event.item_id, "call")
        if entry is not None:
            entry.name = event.name or entry.name
            entry.call_id = event.call_id or entry.call_id
            entry.words = self._kept(event.arguments) or entry.words

    def _learn_sound(self, item_id: str, size: int) -> None:
        entry = self._entry(item_id, "assistant")
        if entry is not None:
            entry.received_ms += size / _BYTES_PER_MS


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
    """Return a tool's arguments as they came, or an empty object if they are not one."""
    try:
        json.loads(words)
    except ValueError:
        return "{}"
    return words
