"""Servers that are almost compatible: rewrites events to what those servers send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...protocol.codec import canonical_name

Json = dict[str, Any]
Rewrite = Callable[[Json], list[Json]]


def quirk(name: str | None) -> Rewrite:
    """Return a function from a wire event to what this kind of server sends instead."""
    if name == "localai":
        return _LocalAI()
    if name in ("huggingface", "huggingface-old"):
        return _HuggingFace(old_names=name.endswith("old"))
    if name == "xai":
        return _xai
    return lambda event: [event]


class _LocalAI:
    """GA names, no item.added; the transcript is done before the sound is."""

    def __init__(self) -> None:
        self._held: list[Json] = []

    def __call__(self, event: Json) -> list[Json]:
        kind = canonical_name(event["type"])
        if kind == "conversation.item.created":
            return []
        if kind == "response.audio.done":
            self._held.append(event)
            return []
        if kind == "response.audio_transcript.done":
            held, self._held = self._held, []
            return [event, *held]
        return [event]


class _HuggingFace:
    """speech-to-speech: few events, a late response.created, a repeated speech_stopped."""

    _UNKNOWN = frozenset(
        {
            "conversation.item.done",
            "input_audio_buffer.committed",
            "response.output_item.added",
            "response.output_item.done",
            "response.content_part.added",
            "response.content_part.done",
            "rate_limits.updated",
        }
    )
    _OUTPUT = ("response.audio", "response.text.", "response.function_call_arguments.")

    def __init__(self, *, old_names: bool) -> None:
        self._old_names = old_names
        self._created: dict[str, Json] = {}

    def __call__(self, event: Json) -> list[Json]:
        kind = canonical_name(event["type"])
        if kind in self._UNKNOWN:
            return []
        if kind == "conversation.item.created" or self._old_names:
            event = {**event, "type": kind}
        if kind == "response.created":
            self._created[event["response"]["id"]] = event
            return []
        if kind == "input_audio_buffer.speech_stopped":
            return [event, event]
        if kind.startswith(self._OUTPUT):
            return [*self._late(event["response_id"]), event]
        if kind == "response.done":
            return [*self._late(event["response"]["id"]), event]
        return [event]

    def _late(self, response_id: str) -> list[Json]:
        created = self._created.pop(response_id, None)
        return [] if created is None else [created]


def _xai(event: Json) -> list[Json]:
    """status_details is a plain string."""
    if event["type"] == "response.done" and event["response"]["status_details"]:
        details = event["response"]["status_details"]
        words = details.get("reason") or (details.get("error") or {}).get("message") or "unknown"
        return [{**event, "response": {**event["response"], "status_details": words}}]
    return [event]
