"""The conversation as the service stores it: items in order, and operations on them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ..protocol.rejection import Rejection, invalid, missing

BYTES_PER_MS = 48
_AUDIO_KEPT = 20  # user items whose sound is kept for retrieve; the rest keep their words only
_AUDIO_KEPT_BYTES = 600_000 * BYTES_PER_MS
_ITEMS_KEPT = 4000
_WORDS_KEPT = 32 * 1024 * 1024

_CONTENT_TYPES = {
    "user": ("input_text", "input_audio", "input_image"),
    "system": ("input_text",),
    "assistant": ("text",),
}
_REQUIRED_FIELD = {"input_text": "text", "text": "text", "input_audio": "audio"}


def new_id(kind: str) -> str:
    """Return a new id such as ``item_9f0c…``, at most 32 characters."""
    return f"{kind}_{uuid4().hex[:20]}"


@dataclass(slots=True)
class ConversationItem:
    """One item with canonical names. `pcm` is the sound of user items, `understood` their words."""

    data: dict[str, Any]
    pcm: bytes = b""
    audio_ms: int = 0
    understood: str | None = None

    @property
    def id(self) -> str:
        """The item's id."""
        return str(self.data["id"])

    @property
    def words(self) -> str:
        """The words that it says, spoken or written."""
        if self.data["type"] == "function_call":
            return str(self.data["arguments"])
        if self.data["type"] == "function_call_output":
            return str(self.data["output"])
        parts = self.data.get("content", [])
        return " ".join(
            filter(None, (part.get("text") or part.get("transcript") for part in parts))
        )


class ConversationItems:
    """The default conversation. Iterates in order.

    When it grows too long, its beginning is dropped, as by a service that truncates.
    """

    def __init__(self) -> None:
        self._items: list[ConversationItem] = []
        self._ids: set[str] = set()
        self._words = 0

    def __iter__(self) -> Iterator[ConversationItem]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last_id(self) -> str | None:
        """The id of the last item, or None."""
        return self._items[-1].id if self._items else None

    def append(self, item: ConversationItem) -> str | None:
        """Append an item; return the id of the item before it."""
        previous = self.last_id
        self._items.append(item)
        self._forget(item)
        return previous

    def insert(self, item: ConversationItem, previous_item_id: str | None) -> str | None:
        """Insert after `previous_item_id` ("root": first, None: last); return the one before."""
        if item.id in self._ids:
            raise Rejection(
                f"Error adding item: an item with id '{item.id}' already exists.",
                code="item_create_duplicate_item_id",
                param="item.id",
            )
        self._check_call(item)
        if previous_item_id is None:
            return self.append(item)
        if previous_item_id == "root":
            self._items.insert(0, item)
            self._forget(item)
            return None
        index = self._index(previous_item_id, "item_create_invalid_previous_item_id")
        self._items.insert(index + 1, item)
        self._forget(item)
        return previous_item_id

    def retrieve(self, item_id: str) -> dict[str, Any]:
        """Return the item with canonical names and the user's sound in base64."""
        item = self._items[self._index(item_id, "item_retrieve_invalid_item_id")]
        if not item.pcm:
            return dict(item.data)
        sound = base64.b64encode(item.pcm).decode("ascii")
        content = [
            {**part, "audio": sound} if part["type"] == "input_audio" else part
            for part in item.data["content"]
        ]
        return {**item.data, "content": content}

    def delete(self, item_id: str) -> None:
        """Remove an item."""
        del self._items[self._index(item_id, "item_delete_invalid_item_id")]
        self._ids.discard(item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an answer after `audio_end_ms` of its sound; its transcript is removed."""
        item = self._items[self._index(item_id, "item_truncate_invalid_item_id")]
        content = item.data.get("content", [])
        if item.data.get("role") != "assistant" or not any(
            part["type"] == "audio" for part in content
        ):
            raise Rejection(
                "Only model output audio messages can be truncated",
                code="unsupported_content_type",
            )
        if content_index >= len(content) or content[content_index]["type"] != "audio":
            raise invalid("content_index", f"the item has no audio part {content_index}.")
        if audio_end_ms > item.audio_ms:
            raise Rejection(
                f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms",
                code="invalid_value",
                param="audio_end_ms",
            )
        item.audio_ms = audio_end_ms
        kept = list(content)
        kept[content_index] = {"type": "audio", "transcript": ""}
        item.data = {**item.data, "content": kept}

    def _forget(self, new: ConversationItem) -> None:
        self._ids.add(new.id)
        self._words += len(new.words)
        if len(self._items) > _ITEMS_KEPT or self._words > _WORDS_KEPT:
            self._items = self._items[len(self._items) // 2 :]
            self._words = sum(len(item.words) for item in self._items)
            self._ids = {item.id for item in self._items}
        if not new.pcm:
            return
        kept = kept_bytes = 0
        for item in reversed(self._items):
            if item.pcm:
                kept, kept_bytes = kept + 1, kept_bytes + len(item.pcm)
                if kept > _AUDIO_KEPT or kept_bytes > _AUDIO_KEPT_BYTES:
                    item.pcm = b""

    def _index(self, item_id: str, code: str) -> int:
        for index, item in enumerate(self._items):
            if item.id == item_id:
                return index
        param = "previous_item_id" if "previous" in code else "item_id"
        raise Rejection(f"Item with item_id not found: {item_id}", code=code, param=param)

    def _check_call(self, item: ConversationItem) -> None:
        if item.data["type"] != "function_call_output":
            return
        call_id = item.data["call_id"]
        if not any(
            each.data["type"] == "function_call" and each.data.get("call_id") == call_id
            for each in self._items
        ):
            raise Rejection(
                f"Tool call ID '{call_id}' not found in conversation.",
                code="invalid_tool_call_id",
                param="item.call_id",
            )


def item_from_client(data: dict[str, Any], new_id: str) -> ConversationItem:
    """Check an item sent by a client (canonical names) and fill in omitted fields."""
    kind = data.get("type")
    if kind is None:
        raise missing("item.type")
    if len(data.get("id", "")) > 32:
        raise invalid("item.id", "expected at most 32 characters.")
    required = {
        "message": ("role", "content"),
        "function_call": ("name", "arguments"),
        "function_call_output": ("call_id", "output"),
    }[kind]
    for name in required:
        if name not in data:
            raise missing(f"item.{name}")
    item = ConversationItem({**data, "id": data.get("id") or new_id, "status": "completed"})
    if kind == "message":
        _check_content(data["role"], data["content"])
        item.data["content"] = [_without_sound(part, item) for part in data["content"]]
    return item


def _check_content(role: str, content: list[dict[str, Any]]) -> None:
    for index, part in enumerate(content):
        path = f"item.content[{index}]"
        kind = part.get("type")
        if kind is None:
            raise missing(f"{path}.type")
        allowed = _CONTENT_TYPES[role]
        if kind not in allowed:
            names = ", ".join(repr(each) for each in allowed)
            raise Rejection(
                f"Invalid value: {kind!r}. Supported values are: {names}.",
                code="invalid_value",
                param=f"{path}.type",
            )
        field = _REQUIRED_FIELD.get(kind)
        if field is not None and field not in part:
            raise missing(f"{path}.{field}")


def _without_sound(part: dict[str, Any], item: ConversationItem) -> dict[str, Any]:
    if part["type"] != "input_audio":
        return part
    try:
        pcm = base64.b64decode(part["audio"], validate=True)
    except ValueError as error:
        raise invalid("item.content.audio", "expected base64.") from error
    item.pcm += pcm
    item.audio_ms += len(pcm) // BYTES_PER_MS
    return {"type": "input_audio", "transcript": part.get("transcript")}
