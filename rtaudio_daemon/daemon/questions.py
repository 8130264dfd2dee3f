"""Programs' questions to people, until they are answered."""

from __future__ import annotations

import asyncio
import secrets

from ..dialogue.inputs import AskRequested, OfferedAnswer
from ..dialogue.outputs import QuestionClosed
from .assistant import Assistant


class Questions:
    """Asks on behalf of programs, one question at a time."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._asked: dict[str, asyncio.Future[QuestionClosed]] = {}
        assistant.questions = self

    async def ask(
        self, text: str, answers: tuple[OfferedAnswer, ...], *, timeout_s: float, chime: bytes
    ) -> QuestionClosed:
        """Ask, and return the outcome; the question stays open if the caller is cancelled."""
        ask = f"ask_{secrets.token_hex(8)}"
        self._asked[ask] = closed = asyncio.get_running_loop().create_future()
        transcribed = bool(self._assistant.driver.settings.get("input_audio_transcription"))
        self._assistant.handle(AskRequested(ask, text, answers, timeout_s, transcribed, chime))
        return await asyncio.shield(closed)

    def closed(self, question: QuestionClosed) -> None:
        """Note the outcome of a question."""
        waiting = self._asked.pop(question.ask, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(question)
