"""Transcribes what the user said, and decides when the client gets the words."""

from __future__ import annotations

import asyncio
from typing import Any

from ..fault_injection import FaultInjector
from .behaviour import Behaviour
from .items import ConversationItem
from .pacing import pieces
from .reply import heard_words
from .send_queue import EventSink
from .token_usage import transcription_usage

_EVENT = "conversation.item.input_audio_transcription"
_DELAYS_S = {"early": 0.0, "late": 3.0}
_USUAL_DELAY_S = 0.25
_STREAM_S = 0.05


class Transcriber:
    """Recognizes each spoken item once, for the answer and for the transcription."""

    def __init__(self, sink: EventSink, behaviour: Behaviour, faults: FaultInjector) -> None:
        self._sink = sink
        self._behaviour = behaviour
        self._faults = faults
        self._understood: dict[str, asyncio.Task[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def hear(self, item: ConversationItem, asked: dict[str, Any] | None) -> None:
        """Start to recognize a spoken `item`, and report it if a transcription is `asked` for."""
        work = self._understand(item)
        task = asyncio.create_task(work, name="simulator-understand")
        self._understood[item.id] = task
        task.add_done_callback(lambda _: self._understood.pop(item.id, None))
        fault = self._faults.take("transcription")
        options = fault.options if fault else {}
        mode = options.get("mode", self._behaviour.transcription)
        if asked is None or mode == "never":
            return
        delay_s = options.get("delay_s", _DELAYS_S.get(mode, _USUAL_DELAY_S))
        reporting = self._report(item, task, asked.get("model"), mode, delay_s)
        if mode == "early":
            await reporting
            return
        report = asyncio.create_task(reporting, name="simulator-transcribe")
        self._tasks.add(report)
        report.add_done_callback(self._tasks.discard)

    async def words(self, item: ConversationItem) -> str:
        """Return what was said in a spoken item."""
        task = self._understood.get(item.id)
        if task is not None:
            return await asyncio.shield(task)
        return item.understood or heard_words(item.pcm)

    async def close(self) -> None:
        """End every task."""
        tasks = [*self._tasks, *self._understood.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _understand(self, item: ConversationItem) -> str:
        understand = self._behaviour.understand
        if not item.pcm:
            words = ""
        elif understand is heard_words:
            words = heard_words(item.pcm)
        else:
            words = await asyncio.to_thread(understand, item.pcm)
        item.understood = words
        return words

    async def _report(
        self,
        item: ConversationItem,
        understood: asyncio.Task[str],
        model: str | None,
        mode: str,
        delay_s: float,
    ) -> None:
        words = await asyncio.shield(understood)
        await asyncio.sleep(delay_s)
        place = {"item_id": item.id, "content_index": 0}
        if mode == "failed":
            error = {
                "type": "server_error",
                "code": "DeploymentNotFound",
                "message": f"Input transcription failed for item '{item.id}'.",
            }
            self._sink.emit({"type": f"{_EVENT}.failed", **place, "error": error})
            return
        if mode == "streamed":
            for piece in pieces(words):
                self._sink.emit({"type": f"{_EVENT}.delta", **place, "delta": piece})
                await asyncio.sleep(_STREAM_S)
        item.data = {**item.data, "content": [{"type": "input_audio", "transcript": words}]}
        usage = transcription_usage(model, item.audio_ms, words)
        self._sink.emit(
            {"type": f"{_EVENT}.completed", **place, "transcript": words, "usage": usage}
        )
