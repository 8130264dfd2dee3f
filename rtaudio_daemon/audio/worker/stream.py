"""One direction of an audio process: a stream of PortAudio, and what is said about it.

A pump opens its stream anew when another length of frames is wanted: short while somebody speaks
or is answered, long (`long_ms`) in a quiet room, as every frame wakes two threads here and one in
the sound server. A loudspeaker's stream is closed for that, which nobody hears, as it plays
nothing; a microphone's next stream is opened beside the one there is, and the sound of both is
sent for a while, so that the daemon can join them without losing a sample.

Standard library only: the audio process loads nothing else.
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
    """How long a frame is in a quiet room."""

    def __init__(self, link: WorkerLink) -> None:
        self._link = link
        self._rate, self._channels = RATES[0], 1
        self._short_ms = 0
        self._closely = True
        self._pace_changed = threading.Event()

    def open(self, audio: Any, info: DeviceInfo, frame_ms: int) -> StreamFacts:
        """Open the stream at the first rate and channel count the device takes."""
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
        """Short frames from soon on, or long ones."""
        self._closely = closely
        self._pace_changed.set()

    def follow(self, audio: Any, info: DeviceInfo) -> None:
        """Open the stream anew whenever `attend` asks for it (in PortAudio's thread, for ever)."""
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
        """A stream that is not started yet, to be read or written. Raises OSError."""
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
        """Carry out what the daemon says."""

    @abstractmethod
    def report(self) -> None:
        """Report to the daemon, in the main thread, what is not reported yet."""

    @property
    def _brief_ms(self) -> int:
        """How long a frame is while somebody speaks or is answered."""
        return self._short_ms

    @property
    def _channel_counts(self) -> tuple[int, ...]:
        """How many channels to ask for, in this order."""
        return 1, 2

    @abstractmethod
    def _opened(self, audio: Any, info: DeviceInfo, frame_ms: int) -> Any:
        """A new stream with frames of this length, not started yet. Raises OSError."""

    @abstractmethod
    def _start(self, stream: Any, frame_ms: int) -> None:
        """Let a new stream move sound. Raises OSError if it does not start."""

    @abstractmethod
    def _reopen(self, audio: Any, info: DeviceInfo, frame_ms: int) -> bool:
        """Go on with frames of this length; False if that is not possible now.

        Raises OSError when no stream is open any more.
        """

    @abstractmethod
    def _latency_s(self, stream: Any) -> float:
        """The latency of the open stream, in seconds."""


def _code(error: OSError) -> DeviceCode:
    return DeviceCode.BUSY if error.errno == _BUSY else DeviceCode.LOST


def _remedy(error: OSError) -> str:
    """PortAudio's error with what can be done about it."""
    if error.errno == _BUSY:
        return f"{error}; another program uses it (`fuser -v /dev/snd/*` shows which)"
    return str(error)
