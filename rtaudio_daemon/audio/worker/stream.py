"""One direction of an audio process: a stream of PortAudio, and the messages about it.

A separate thread reopens the stream when another frame length is wanted: short while somebody
speaks or is answered, long (`long_ms`) when it is quiet, because every frame wakes two threads here
and one in the sound server. A loudspeaker's stream is closed for that, which is inaudible because
nothing is playing. A microphone's next stream is opened beside the current one, and the sound of
both is sent for a while, so that the daemon can join them without losing a sample.

Standard library only: the audio process imports nothing else.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from itertools import product
from typing import Any

from ...device_codes import DeviceCode
from ...errors import DeviceError
from .device_lookup import DeviceInfo, Direction
from .frame_bundle import LONG_MS
from .link import WorkerLink
from .messages import Kind, StreamFacts, failure_body

RATES = (24_000, 48_000, 44_100, 16_000)
INT16 = 8  # paInt16
_BUSY = -9985  # paDeviceUnavailable
_TRY_ANOTHER = (-9997, -9998)  # paInvalidSampleRate, paInvalidChannelCount


class WorkerStream(ABC):
    """One direction. Sound is copied and counted in a thread that does nothing else."""

    direction: Direction
    long_ms = LONG_MS
    """The frame length when it is quiet."""

    def __init__(self, link: WorkerLink) -> None:
        self._link = link
        self._rate, self._channels = RATES[0], 1
        self._short_ms = 0
        self._closely = True
        self._pace_changed = threading.Event()

    def open(self, audio: Any, info: DeviceInfo, frame_ms: int) -> StreamFacts:
        """Open the stream with the first rate and channel count that the device accepts."""
        audio.get_device_info_by_index(info.number)
        self._short_ms = frame_ms
        for channels, rate in product(self._channel_counts, RATES):
            self._channels, self._rate = channels, rate
            try:
                stream = self._opened(audio, info, self._brief_ms)
            except OSError as error:
                if error.errno in _TRY_ANOTHER:
                    continue
                what = f"{info.name!r} does not open: {_remedy(error)}"
                raise DeviceError(what, code=_code(error)) from error
            self._start(stream, self._brief_ms)
            latency = int(self._latency_s(stream) * self._rate)
            return StreamFacts(info.name, self._rate, self._channels, latency)
        raise DeviceError(
            f"{info.name!r} opens neither with one channel nor with two at 24000, 48000, 44100 or "
            "16000 Hz; use the sound server's default device (PipeWire, PulseAudio), which "
            "converts",
            code=DeviceCode.UNSUPPORTED,
        )

    def attend(self, closely: bool) -> None:
        """Switch soon to short frames, or to long ones."""
        self._closely = closely
        self._pace_changed.set()

    def follow(self, audio: Any, info: DeviceInfo) -> None:
        """Reopen the stream whenever `attend` requires it (in PortAudio's thread, for ever)."""
        frame_ms = self._brief_ms
        while True:
            self._pace_changed.wait()
            self._pace_changed.clear()
            wanted_ms = self._brief_ms if self._closely else self.long_ms
            try:
                if wanted_ms != frame_ms and self._reopen(audio, info, wanted_ms):
                    frame_ms = wanted_ms
            except OSError as error:
                reason = f"{info.name!r} does not open again: {_remedy(error)}"
                failure = DeviceError(reason, code=_code(error))
                self._link.send(Kind.FAILED, failure_body(failure))

    def _new_stream(self, audio: Any, info: DeviceInfo, frame_ms: int) -> Any:
        """Return a stream that is not started yet, to be read or written. Raises OSError."""
        return audio.open(
            rate=self._rate,
            channels=self._channels,
            format=INT16,
            frames_per_buffer=self._rate * frame_ms // 1000,
            start=False,
            **{self.direction: True, f"{self.direction}_device_index": info.number},
        )

    @abstractmethod
    def receive(self, kind: Kind, body: bytes) -> None:
        """Handle a message of the daemon."""

    @abstractmethod
    def report(self) -> None:
        """Send pending reports to the daemon, in the main thread."""

    @property
    def _brief_ms(self) -> int:
        """Return the frame length while somebody speaks or is answered."""
        return self._short_ms

    @property
    def _channel_counts(self) -> tuple[int, ...]:
        """Return which channel counts to try, in this order."""
        return 1, 2

    @abstractmethod
    def _opened(self, audio: Any, info: DeviceInfo, frame_ms: int) -> Any:
        """Return a new stream with this frame length, not started yet. Raises OSError."""

    @abstractmethod
    def _start(self, stream: Any, frame_ms: int) -> None:
        """Start to move sound through a new stream. Raises OSError if it does not start."""

    @abstractmethod
    def _reopen(self, audio: Any, info: DeviceInfo, frame_ms: int) -> bool:
        """Continue with this frame length; return False if that is not possible now.

        Raises OSError if no stream is open any more.
        """

    @abstractmethod
    def _latency_s(self, stream: Any) -> float:
        """Return the latency of the open stream in seconds."""


def _code(error: OSError) -> DeviceCode:
    return DeviceCode.BUSY if error.errno == _BUSY else DeviceCode.LOST


def _remedy(error: OSError) -> str:
    """Return PortAudio's error with a remedy."""
    if error.errno == _BUSY:
        return f"{error}; another program uses it (`fuser -v /dev/snd/*` shows which)"
    return str(error)
