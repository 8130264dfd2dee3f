"""WAV files, and `none`, as microphone and loudspeaker.

They keep the pace of real devices by the clock of the event loop.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO

from ...config.file_reading import read_bounded
from ...errors import DeviceError
from ...notifications import (
    AudioPart,
    DeviceChanged,
    DeviceCode,
    DeviceState,
    Heard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
)
from ..processing.format import BYTES_PER_MS, FRAME_BYTES, FRAME_MS, SAMPLE_RATE, Frame
from ..processing.wav import Wav, parse_wav
from ..worker.playback_queue import Moment, PlaybackQueue
from .frame_queue import FrameQueue
from .protocols import DeviceListener, PlayedListener, SpeakerListener

_LOG = logging.getLogger(__name__)
_LARGEST_BYTES = 1 << 28  # limit for a file to read into memory: more than an hour
_LONGEST_RECORDING_BYTES = 2**31  # a WAV file is limited to 4 GiB; this is 12 hours


class SilentMicrophone:
    """A microphone for `none`: it yields nothing."""

    dropped = 0
    state = DeviceState.NONE
    reason: str | None = None
    device = "none"

    def __init__(self, listener: DeviceListener) -> None:
        self._listener = listener
        self._frames = FrameQueue()

    def pause(self, paused: bool) -> None:
        """Do nothing: there is nothing to close."""

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Do nothing: frames always arrive at once."""

    def speech_noticed(self) -> None:
        """Do nothing: nobody speaks here."""

    def spare(self, softer_dbfs: float | None, *, pairs: bool) -> None:
        """Do nothing: there are no frames."""

    async def run(self) -> None:
        """Wait for ever."""
        self._listener.device_changed(DeviceChanged("microphone", self.state, self.device))
        await asyncio.Event().wait()

    def __aiter__(self) -> AsyncIterator[Frame]:
        """Yield no frames, for ever."""
        return self._frames.__aiter__()

    async def give_to(self, taker: Callable[[Frame], None]) -> None:
        """Pass nothing to `taker`, until cancelled."""
        await self._frames.give_to(taker)


class WavMicrophone:
    """A microphone that plays a WAV file once, in real time, and then digital silence.

    With `repeat`, it plays the file again and again. Any sample rate, any number of channels, and
    8, 16, 24 or 32 bits. Raises DeviceError for any other file.
    """

    reason: str | None = None

    def __init__(self, path: str | Path, listener: DeviceListener, *, repeat: bool = False) -> None:
        self._path = Path(path)
        self._repeat = repeat
        self.device = f"wav:{path}"
        self.state = DeviceState.OK
        self._listener = listener
        self._frames = FrameQueue()
        self._paused = False
        check_wav(self._path)

    @property
    def dropped(self) -> int:
        """How many frames were lost because nobody took them in time."""
        return self._frames.dropped

    async def run(self) -> None:
        """Play the file, then silence, for ever."""
        pcm = await asyncio.to_thread(read_wav, self._path)
        self._listener.device_changed(DeviceChanged("microphone", self.state, self.device))
        position = 0

        def tick() -> None:
            nonlocal position
            piece = pcm[position : position + FRAME_BYTES]
            position += len(piece)
            if self._repeat and position >= len(pcm):
                position = 0
            if not self._paused:
                self._frames.put(Frame(piece.ljust(FRAME_BYTES, b"\0")))

        # A microphone delivers a frame once its last sample has been heard.
        await asyncio.sleep(FRAME_MS / 1000)
        await _pace(tick)

    def pause(self, paused: bool) -> None:
        """Skip the sound while paused, without stopping the file."""
        self._paused = paused
        self._frames.clear()

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Do nothing: frames always arrive at once."""

    def speech_noticed(self) -> None:
        """Do nothing: a file cannot be deaf."""

    def spare(self, softer_dbfs: float | None, *, pairs: bool) -> None:
        """Do nothing: frames always arrive at once."""

    def __aiter__(self) -> AsyncIterator[Frame]:
        """The frames, for one reader."""
        return self._frames.__aiter__()

    async def give_to(self, taker: Callable[[Frame], None]) -> None:
        """Pass every frame to `taker` at once, as the one reader, until cancelled."""
        await self._frames.give_to(taker)


class SilentSpeaker:
    """A loudspeaker for `none`: inaudible, but playback takes its time."""

    state = DeviceState.NONE
    reason: str | None = None

    def __init__(
        self, listener: SpeakerListener, *, volume: float = 1.0, device: str = "none"
    ) -> None:
        self.device = device
        self._listener = listener
        self._queue: PlaybackQueue[AudioPart] = PlaybackQueue(SAMPLE_RATE)
        self._queue.set_volume(volume)
        self._wanted = asyncio.Event()
        self._tap: PlayedListener | None = None

    @property
    def underruns(self) -> int:
        """How often sound arrived too late."""
        return self._queue.underruns

    @property
    def dropped_ms(self) -> int:
        """How many ms of sound were dropped because too much was queued."""
        return self._queue.dropped_frames * 1000 // SAMPLE_RATE

    @property
    def busy(self) -> bool:
        """Whether anything is queued, is being played, or is still expected."""
        return self._queue.busy

    async def run(self) -> None:
        """Report that the device works, and let time pass for what is played."""
        self._listener.device_changed(DeviceChanged("speaker", self.state, self.device))
        await self.pass_time()

    async def pass_time(self) -> None:
        """Let time pass for what is played, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await _pace(self._tick, lambda: self._queue.busy)

    def play(self, part: AudioPart, pcm: bytes) -> None:
        """Append `pcm` to what is played."""
        self._queue.push(part, pcm)
        self._wanted.set()

    def end(self, part: AudioPart) -> None:
        """Note that no more sound arrives for `part`."""
        self._queue.end(part)

    def stop(self) -> None:
        """Fall silent now; `PlaybackStopped` follows."""
        heard = tuple(
            Heard(part, frames * 1000 // SAMPLE_RATE, frames) for part, frames in self._queue.stop()
        )
        asyncio.get_running_loop().call_soon(
            self._listener.playback_changed, PlaybackStopped(heard)
        )

    def set_volume(self, level: float) -> None:
        """Play at `level` (0 to 1)."""
        self._queue.set_volume(level)

    def attend(self, closely: bool, *, taken: bool = False) -> None:
        """Do nothing: it is always ready."""

    def overlay(self, pcm: bytes) -> float:
        """Return 0: nobody hears it."""
        return 0.0

    def tap(self, listener: PlayedListener) -> None:
        """Pass what is played to `listener`."""
        self._tap = listener

    def _tick(self) -> bytes:
        overlaid = self._queue.overlaid
        pcm = self._queue.read(FRAME_BYTES)
        if self._tap is not None and (overlaid or self._queue.busy):
            self._tap.played(pcm, 0)
        for moment in self._queue.moments():
            started = moment is Moment.STARTED
            self._listener.playback_changed(PlaybackStarted() if started else PlaybackFinished())
        return pcm


class WavSpeaker(SilentSpeaker):
    """A loudspeaker that records what would be heard, silence included, to a WAV file.

    The file is always complete up to a second ago. Raises DeviceError if it cannot be written.
    """

    state = DeviceState.OK

    def __init__(self, path: str | Path, listener: SpeakerListener, *, volume: float = 1.0) -> None:
        super().__init__(listener, volume=volume, device=f"wav:{path}")
        self._path = Path(path)
        self._unwritten = bytearray()
        self._full = False
        try:
            _prepare_file(self._path)
        except OSError as error:
            raise _unusable(f"cannot record into {path}: {error.strerror}") from error

    def overlay(self, pcm: bytes) -> float:
        """Mix a short sound into the recording."""
        self._queue.overlay(pcm)
        return FRAME_MS + len(pcm) / BYTES_PER_MS

    async def run(self) -> None:
        """Record until cancelled."""
        self._listener.device_changed(DeviceChanged("speaker", self.state, self.device))
        with self._path.open("wb") as file, wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(SAMPLE_RATE)
            try:
                await _pace(lambda: self._record(wav, file))
            finally:
                self._write(wav, file)

    def _record(self, wav: wave.Wave_write, file: IO[bytes]) -> None:
        self._unwritten += self._tick()
        if len(self._unwritten) >= 1000 * BYTES_PER_MS:
            self._write(wav, file)

    def _write(self, wav: wave.Wave_write, file: IO[bytes]) -> None:
        # A second of sound is 48 kB into the page cache: cheaper than passing it to a thread.
        if not self._full:
            wav.writeframes(self._unwritten)
            file.flush()
        self._unwritten.clear()
        if not self._full and wav.tell() * 2 >= _LONGEST_RECORDING_BYTES:
            self._full = True
            _LOG.warning("%s is full; playing goes on without recording", self.device)


def _prepare_file(path: Path) -> None:
    """Make `path` an empty file. Raises OSError, also for a pipe, which would wait for a reader."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except ValueError as error:  # the path contains a NUL
        raise OSError(errno.EINVAL, "no such name") from error
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISFIFO(mode):
            raise OSError(errno.EINVAL, "it is a pipe")
        if stat.S_ISREG(mode):
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def check_wav(path: Path) -> None:
    """Raise DeviceError if `read_wav` could not read this file."""
    _parsed(path)


def read_wav(path: Path) -> bytes:
    """Return the sound of a WAV file as mono pcm. Raises DeviceError if it cannot be read."""
    return _parsed(path).pcm()


def _parsed(path: Path) -> Wav:
    try:
        return parse_wav(read_bounded(path, _LARGEST_BYTES))
    except OSError as error:
        raise _unusable(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(f"{path} {error}") from error


def _unusable(what: str) -> DeviceError:
    return DeviceError(what, code=DeviceCode.FILE)


async def _pace(tick: Callable[[], object], wanted: Callable[[], bool] = lambda: True) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while wanted():
        tick()
        due += FRAME_MS / 1000
        behind = loop.time() - due
        if behind > 1:
            due += behind  # the machine slept: do not catch up
        await asyncio.sleep(max(0.0, due - loop.time()))
