"""Teaches a wake word: records somebody saying it several times, and learns it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import soxr

from ..audio.engines.taught_words import TaughtWords, certainty, embedder, material
from ..audio.engines.tflite import Library
from ..audio.processing.format import BYTES_PER_MS, SAMPLE_RATE, median
from ..audio.processing.taught_word import CUTOFF, LearnedWord
from ..audio.processing.word_learning import Material, learn, ordinary, unlike
from ..audio.processing.word_recording import RATE, Sound, WordRecording, word_recording
from ..controls import TeachingStep
from ..errors import NotNowError
from ..notifications import ModelStatus
from ..optional_packages import how_to_install, installed
from .assistant import Assistant

HOW = (
    "near the microphone, as you would call somebody",
    "from across the room",
    "faster",
    "more quietly",
    "turned away from the microphone",
    "once more, as you like",
    "and once more",
)
"""How to say the word, in order."""
_PACKAGE = "pyopen_wakeword"
_ENOUGH, _MOST = 5, 7  # recordings; the last one is the test
_LISTENED_S, _AFTER_S, _FIRST_S = 6.0, 0.6, 0.8
_LOOK_BYTES = 200 * BYTES_PER_MS
_PATIENCE_S = 10.0
_SHORT_S = 0.55
_AGAIN: Mapping[str, str] = MappingProxyType(
    {
        "silent": "nothing was heard that stands out; say it louder, or nearer",
        "clipped": "it was too loud for the microphone; say it from farther away, or more quietly",
        "cut": "it began too soon or ended too late; wait a moment, then say it once",
        "noisy": "it is too loud here; switch off what makes the noise, or say it nearer",
        "short": "it was too short; three to five syllables are best",
        "long": "it was too long; say the word and nothing else",
    }
)


class SoundSource(Protocol):
    """A microphone."""

    def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield its sound as pcm from now on. Raises RTAudioError if there is none."""


class WordTeaching:
    """Teaches one word at a time; `words` stores taught words; `given`: data of the program."""

    def __init__(
        self, source: SoundSource, words: TaughtWords, given: Callable[[], Material] = material
    ) -> None:
        self._given = given
        self._source = source
        self._words = words
        self._name = ""
        self._recordings: list[WordRecording] = []
        self._misfit: WordRecording | None = None  # the last recording if it was unlike the others
        self._lock = asyncio.Lock()

    def listed(self) -> dict[str, Any]:
        """Return all words for `GET /api/wake`."""
        return {"words": [{"name": each} for each in self._words.names()], "missing": missing()}

    def forget(self, name: str) -> None:
        """Remove a word with its recordings. Raises NotFoundError."""
        self._words.forget(name)

    async def take(self, name: str, step: TeachingStep) -> dict[str, Any]:
        """Carry out one step; return the result for `POST /api/wake/teach`.

        `record`: record the word once; another name starts again. `test`: record something, and
        return whether it is the word. Raises NotNowError, NotFoundError and DeviceError.
        """
        if self._lock.locked():
            raise NotNowError("a word is being heard already; wait until that is done")
        async with self._lock:
            if step == "cancel" or name != self._name:
                self._name, self._recordings, self._misfit = name, [], None
            if step == "cancel":
                return self._answer(accepted=False)
            library = await asyncio.to_thread(_library)
            heard = word_recording(await self._utterance())
            if step == "test":
                return await asyncio.to_thread(self._test, heard, library)
            return await asyncio.to_thread(self._record, heard, library)

    def _test(self, heard: WordRecording, library: Library) -> dict[str, Any]:
        learned = self._words.load(self._name, library)
        score = certainty(learned, heard, embedder(library))
        return self._answer(accepted=score > CUTOFF, score=round(score, 3), done=True)

    def _record(self, heard: WordRecording, library: Library) -> dict[str, Any]:
        if heard.fault is not None:
            return self._answer(accepted=False, reason=_AGAIN[heard.fault])
        given, embed = self._given(), embedder(library)
        misfit, self._misfit, reason = self._misfit, None, ""
        if self._recordings and unlike(heard, self._recordings, given.basis, embed):
            if misfit is None or unlike(heard, [misfit], given.basis, embed):
                self._misfit = heard
                return self._answer(accepted=False, reason="it was unlike the others; say it again")
            self._recordings, reason = [misfit], "those before the last two were unlike; left out"
        self._recordings.append(heard)
        count = len(self._recordings)
        if count < _ENOUGH or _ENOUGH < count < _MOST:
            return self._answer(accepted=True, reason=reason)
        learned = learn(self._recordings[:-1], given, embed)
        heard_again = certainty(learned, heard, embed) > CUTOFF
        if not heard_again and count < _MOST:
            return self._answer(
                accepted=True, reason="the last one was not recognized yet; say it two more times"
            )
        warnings = list(self._warnings(learned, library))
        if not heard_again:
            warnings.append("it may not always be heard; another word may do better")
        if ordinary(learned, given):
            warnings.append("it sounds like ordinary speech; a longer word wakes less for nothing")
        self._words.save(self._name, self._recordings[:-1], learned)
        self._recordings = []
        return self._answer(accepted=True, done=True, warnings=warnings)

    def _warnings(self, learned: LearnedWord, library: Library) -> list[str]:
        found, embed = [], embedder(library)
        lengths = [each.length_s for each in self._recordings]
        if median(lengths) < _SHORT_S:
            found.append("it is short: three to five syllables wake less for nothing")
        for other in self._words.names():
            if other == self._name:
                continue
            said = self._words.recordings(other)
            theirs = self._words.load(other, library)
            near = any(certainty(learned, each, embed) > CUTOFF for each in said)
            if near or any(certainty(theirs, each, embed) > CUTOFF for each in self._recordings):
                found.append(f'it sounds like "{other}", which was taught before')
        return found

    def _answer(
        self,
        *,
        accepted: bool,
        reason: str = "",
        done: bool = False,
        score: float | None = None,
        warnings: Sequence[str] = (),
    ) -> dict[str, Any]:
        count = len(self._recordings)
        return {
            "name": self._name,
            "accepted": accepted,
            "reason": reason,
            "recorded": count,
            "needed": _ENOUGH if count < _ENOUGH else _MOST,
            "how": "" if done else HOW[min(count, len(HOW) - 1)],
            "done": done,
            "score": score,
            "warnings": list(warnings),
        }

    async def _utterance(self) -> Sound:
        """Record what is said now: until it is over, or for some seconds."""
        pcm, looked = bytearray(), int(_FIRST_S * 1000) * BYTES_PER_MS
        async with aclosing(self._source.frames()) as frames:
            async for frame in frames:
                pcm += frame
                if len(pcm) < looked:
                    continue
                looked = len(pcm) + _LOOK_BYTES
                sound = _at_16_khz(bytes(pcm))
                length_s = len(sound) / RATE
                found = word_recording(sound)
                over = found.end_s > 0 and length_s - found.end_s > _AFTER_S and found.fault is None
                if over or length_s > _LISTENED_S:
                    return sound
        raise NotNowError("nothing was heard: the microphone gives no sound")


class DaemonSound:
    """The microphone of a daemon; meanwhile nobody else gets its sound, including the service."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield its sound as pcm from now on. Raises NotNowError and DeviceError."""
        microphone_input = self._assistant.microphone_input
        if microphone_input.gate.muted:
            raise NotNowError("nothing is heard: the microphone is muted; unmute it first")
        if self._assistant.status.status is not ModelStatus.IDLE or microphone_input.tap:
            raise NotNowError("somebody speaks; try again when it is quiet")
        self._assistant.devices.need_microphone()
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        microphone_input.tap, microphone_input.withheld = heard, True
        try:
            while True:
                async with asyncio.timeout(_PATIENCE_S):
                    frame = await heard.get()
                yield frame
        except TimeoutError:
            return
        finally:
            microphone_input.tap, microphone_input.withheld = None, False


def missing() -> str:
    """Return what must be installed before a word can be taught; "": nothing."""
    return "" if installed(_PACKAGE) else _needed()


def _needed() -> str:
    command = how_to_install(_PACKAGE)
    return (
        f"teaching a word needs the package pyopen-wakeword: `{command}`, then restart the daemon"
    )


def _library() -> Library:
    try:
        return Library()
    except (ImportError, OSError) as error:
        raise NotNowError(f"{_needed()} ({error})") from error


def _at_16_khz(pcm: bytes) -> Sound:
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    return np.asarray(soxr.resample(sound, SAMPLE_RATE, RATE), np.float32)
