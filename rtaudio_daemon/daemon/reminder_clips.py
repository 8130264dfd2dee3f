"""Stores the texts of reminders as sound, so that they need neither session nor network.

The session speaks the texts inaudibly when it is connected and idle. The transcript is compared
with the text. After three attempts that differ, or if there is no session in time, espeak-ng speaks
the text if it is installed. Without either, a reminder only rings, and the model gets its text
afterwards.
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
_PATIENCE_S = 30.0  # per answer
_SOON_S = 20.0  # before its end, or after it was set; from then on any voice will do
_LOOK_S = 1.0
_LONGEST_BYTES = 90 * SAMPLE_RATE * 2


class Session(Protocol):
    """Speaks texts."""

    @property
    def speaks_now(self) -> bool:
        """Whether there is a session, and it is idle."""

    def handle(self, event: Input) -> None:
        """Pass an input to the conversation."""


@dataclass(slots=True)
class _Clip:
    """The sound of a text, as far as available."""

    since: float
    pcm: bytes = b""
    tries: int = 0
    final: bool = False
    """Whether no better one will be made."""


class _Recital:
    """One answer that is being recorded."""

    def __init__(self, metadata: object) -> None:
        self._metadata = metadata
        self._response_id: str | None = None
        self._sound = bytearray()
        self._words: list[str] = []
        self.over = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Handle an event of the service."""
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
        """Return the sound if it is that of `text`; otherwise nothing."""
        pcm = trimmed(bytes(self._sound))
        fits = same_words(text, " ".join(self._words)) and plausible(pcm, text)
        return pcm if fits else b""


class ReminderClips:
    """The sounds for the reminders of `keeper`, stored in `folder` (None: in memory).

    `volume`: the volume of ringing. `language`: the language of espeak-ng, such as de.
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
        """Return the spoken text of a reminder at `volume`; empty if there is none."""
        clip = self._clips.get(timer.text)
        return at_volume(clip.pcm, self.volume) if clip is not None else b""

    def timer_changed(self, _happened: Happened) -> None:
        """Note that the texts to be spoken may have changed."""
        self._changed.set()

    def received(self, event: Event) -> None:
        """Handle an event of the service."""
        if self._recital is not None:
            self._recital.hear(event)

    async def run(self) -> None:
        """Make missing sounds, and delete those no longer needed, until cancelled."""
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
        """Delete the files of reminders that no longer exist."""
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
        """Return the text as spoken by the session; nothing if it says something else."""
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
    from ..simulator.model.voices import espeak  # uses memory, and is rarely needed

    return espeak(text, language) or b""
