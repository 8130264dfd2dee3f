"""Keeps what reminders say as sound, so that they speak without a session and a network.

The words are spoken by the session, for nobody to hear, when it is connected and nobody has the
floor. Its transcript is compared with them; after three tries that differ, or when the session
does not come in time, espeak-ng speaks them if it is installed. Without either a reminder only
rings, and the model is given its words afterwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import shutil
import wave
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from ..audio.devices.wav_devices import read_wav
from ..audio.processing.clips import at_volume, plausible, trimmed
from ..audio.processing.format import SAMPLE_RATE
from ..config.file_writing import write_whole
from ..dialogue.announcements import recital
from ..dialogue.inputs import AnswerRequested, Input
from ..errors import DeviceError
from ..protocol.events import AudioDelta, Event, ResponseCreated, ResponseDone, TextDone
from ..tools.timers.keeper import TimerKeeper
from ..tools.timers.schedule import Happened
from ..tools.timers.timer import Timer
from ..tools.timers.words import same_words

CLIPS_FOLDER = "clips"
_LOG = logging.getLogger(__name__)
_TRIES_MOST = 3
_PATIENCE_S = 30.0  # for one answer
_SOON_S = 20.0  # so long before its end, or after it was set, any voice will do
_LOOK_S = 1.0
_LONGEST_BYTES = 90 * SAMPLE_RATE * 2


class Session(Protocol):
    """Where words can be spoken."""

    @property
    def speaks_now(self) -> bool:
        """Whether there is a session, and nobody has the floor."""

    def handle(self, event: Input) -> None:
        """Let the conversation take this in."""


@dataclass(slots=True)
class _Clip:
    """The sound of a text, as far as it goes."""

    since: float
    pcm: bytes = b""
    tries: int = 0
    final: bool = False
    """Whether no better one will be made."""


class _Recital:
    """One answer that is recorded."""

    def __init__(self, metadata: object) -> None:
        self._metadata = metadata
        self._response_id: str | None = None
        self._sound = bytearray()
        self._words: list[str] = []
        self.over = asyncio.Event()

    def hear(self, event: Event) -> None:
        """The service sent this."""
        match event:
            case ResponseCreated(response_id, metadata) if metadata == self._metadata:
                self._response_id = response_id
            case AudioDelta(part, audio) if part.response_id == self._response_id:
                if len(self._sound) < _LONGEST_BYTES:
                    self._sound += audio
            case TextDone(part, text, True) if part.response_id == self._response_id:
                self._words.append(text)
            case ResponseDone(response_id) if response_id == self._response_id:
                self.over.set()

    def of(self, text: str) -> bytes:
        """The sound, if it is that of `text`; else nothing."""
        pcm = trimmed(bytes(self._sound))
        fits = same_words(text, " ".join(self._words)) and plausible(pcm, text)
        return pcm if fits else b""


class ReminderClips:
    """The sounds of what the reminders of `keeper` say, kept in `folder` (None: in memory).

    `volume`: that of what rings. `language`: what espeak-ng speaks, as in de.
    """

    def __init__(self, keeper: TimerKeeper, session: Session, folder: Path | None) -> None:
        self.volume = 0.6
        self.language = ""
        self._keeper = keeper
        self._session = session
        self._folder = folder
        self._clips: dict[str, _Clip] = {}
        self._recital: _Recital | None = None
        self._numbers = count(1)
        self._changed = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        keeper.listeners.append(self)

    def pcm(self, timer: Timer) -> bytes:
        """The words of a reminder, spoken at `volume`; empty if there is no such sound."""
        clip = self._clips.get(timer.text)
        return at_volume(clip.pcm, self.volume) if clip is not None else b""

    def timer_changed(self, _happened: Happened) -> None:
        """There may be other words to speak, or fewer."""
        self._changed.set()

    def received(self, event: Event) -> None:
        """The service sent this."""
        if self._recital is not None:
            self._recital.hear(event)

    async def run(self) -> None:
        """Make the sounds that are missing, and forget those that nobody needs, until cancelled."""
        await self._purge()
        while True:
            self._changed.clear()
            timers = [timer for timer in self._keeper.timers() if timer.text]
            await self._tidy(timers)
            missing = [each for each in timers if not self._clips[each.text].final]
            for timer in missing:
                await self._make(timer, self._clips[timer.text])
            try:
                async with asyncio.timeout(_LOOK_S if missing else None):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _purge(self) -> None:
        """Remove the files of reminders that are gone."""
        if self._folder is not None:
            kept = {self._path(timer.text).name for timer in self._keeper.timers()}
            await asyncio.to_thread(_remove_others, self._folder, kept)

    async def _tidy(self, timers: Sequence[Timer]) -> None:
        wanted = {timer.text for timer in timers}
        for text in [text for text in self._clips if text not in wanted]:
            del self._clips[text]
            if self._folder is not None:
                await asyncio.to_thread(self._path(text).unlink, missing_ok=True)
        for text in wanted - self._clips.keys():
            clip = self._clips[text] = _Clip(self._clock())
            clip.pcm = await asyncio.to_thread(self._read, text)
            clip.final = bool(clip.pcm)

    async def _make(self, timer: Timer, clip: _Clip) -> None:
        if clip.tries < _TRIES_MOST and self._session.speaks_now:
            clip.tries += 1
            if pcm := await self._recited(timer.text):
                await self._keep(timer.text, clip, pcm)
                return
        ends_soon = timer.left_s(self._keeper.now()) < _SOON_S
        waited = self._clock() - clip.since > _SOON_S
        if not clip.pcm and (clip.tries >= _TRIES_MOST or ends_soon or waited):
            clip.pcm = trimmed(await asyncio.to_thread(_spoken, timer.text, self.language))
        clip.final = clip.tries >= _TRIES_MOST

    async def _recited(self, text: str) -> bytes:
        """The text as the session speaks it; nothing if it says something else."""
        settings = recital(text, next(self._numbers))
        self._recital = found = _Recital(settings["metadata"])
        self._session.handle(AnswerRequested(settings, outside=True))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await found.over.wait()
        except TimeoutError:
            _LOG.info("a reminder was not spoken in time; it is tried again")
        finally:
            self._recital = None
        return found.of(text)

    async def _keep(self, text: str, clip: _Clip, pcm: bytes) -> None:
        clip.pcm, clip.final = pcm, True
        if self._folder is not None:
            await asyncio.to_thread(self._write, text, pcm)

    def _path(self, text: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.wav"

    def _read(self, text: str) -> bytes:
        if self._folder is None:
            return b""
        try:
            return read_wav(self._path(text))
        except DeviceError as error:
            _LOG.debug("%s", error)
            return b""

    def _write(self, text: str, pcm: bytes) -> None:
        content = io.BytesIO()
        with wave.open(content, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(SAMPLE_RATE)
            wav.writeframes(pcm)
        try:
            write_whole(self._path(text), content.getvalue())
        except OSError as error:
            _LOG.warning("what a reminder says cannot be kept: %s", error.strerror)


def _remove_others(folder: Path, kept: Set[str]) -> None:
    try:
        for path in folder.glob("*.wav"):
            if path.name not in kept:
                path.unlink()
    except OSError as error:
        _LOG.warning("what former reminders said cannot be removed: %s", error.strerror)


def _spoken(text: str, language: str) -> bytes:
    if shutil.which("espeak-ng") is None:
        return b""
    from ..simulator.model.voices import espeak  # takes memory, and is rarely needed

    return espeak(text, language) or b""
