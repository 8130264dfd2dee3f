"""A microphone in its process: the daemon gets what it hears.

Standard library only: the audio process imports nothing else.
"""

from __future__ import annotations

import threading
import time
from array import array
from typing import Any

from ...device_codes import DeviceCode
from ...errors import DeviceError
from .device_lookup import DeviceInfo, Direction
from .frame_bundle import FrameBundle
from .link import WorkerLink
from .messages import Kind, failure_body, part_body, spare_of, yes
from .stream import WorkerStream

_OVERFLOWED = -9981  # paInputOverflowed
_OVERLAP_S = 0.5  # how long the sound of both streams is sent
_BEGINS_S = 1.5  # how long to wait for the first sound of a new stream
_ENDS_S = 1.0  # how long to wait for the old stream to end
_TRY_AGAIN_S = 1.0


class InputStream(WorkerStream):
    """A microphone: the daemon gets what it hears, numbered by stream."""

    direction: Direction = "input"
    long_ms = 100  # a short word would be over before a switch from longer frames is done

    def __init__(self, link: WorkerLink, channel: str = "left") -> None:
        super().__init__(link)
        self._channel = channel
        self._number = 0
        self._shared = True
        self._spare = (0.0, False)
        self._readers: list[_Reader] = []  # two during the change from one stream to the next

    def receive(self, kind: Kind, body: bytes) -> None:
        """Handle a message of the daemon."""
        if kind is Kind.ATTEND:
            self.attend(yes(body))
        elif kind is Kind.SPARE:
            self._spare = spare_of(body)

    def report(self) -> None:
        """Do nothing: the thread that reads a microphone reports everything."""

    def heard(self, number: int, bundle: FrameBundle, frame: bytes) -> None:
        """Handle a `frame` of the stream with this `number`. Called by its reader."""
        frame = self._mono(frame)
        soft_below, pairs = self._spare
        sound = bundle.add(frame, closely=self._closely, soft_below=soft_below, pairs=pairs)
        if sound:
            self._link.send_soon((Kind.SOUND, part_body(number, sound)))

    def overflowed(self) -> None:
        """Report that a frame is lost because an earlier one was not taken in time."""
        self._link.send_soon((Kind.OVERFLOWED, b""))

    def failed(self, error: OSError) -> None:
        """Report that no more sound arrives."""
        what = f"the device delivers no sound any more: {error}"
        failure = DeviceError(what, code=DeviceCode.LOST)
        self._link.send_soon((Kind.FAILED, failure_body(failure)))

    @property
    def _channel_counts(self) -> tuple[int, ...]:
        # With one channel requested, PortAudio delivers the left one of a stereo-only device.
        return (1, 2) if self._channel == "left" else (2, 1)

    def _mono(self, sound: bytes) -> bytes:
        if self._channels == 1:
            return sound
        samples = array("h", sound)
        left, right = samples[::2], samples[1::2]
        if self._channel == "mix":
            return array("h", [(a + b) >> 1 for a, b in zip(left, right, strict=True)]).tobytes()
        return (right if self._channel == "right" else left).tobytes()

    def _opened(self, audio: Any, info: DeviceInfo, frame_ms: int) -> Any:
        return self._new_stream(audio, info, frame_ms)

    def _start(self, stream: Any, frame_ms: int) -> None:
        frames = self._rate * frame_ms // 1000
        reader = _Reader(self, self._number, stream, frames, FrameBundle(frame_ms))
        reader.start()
        self._readers.append(reader)

    def _reopen(self, audio: Any, info: DeviceInfo, frame_ms: int) -> bool:
        if not self._shared:
            return False
        self._number += 1
        try:
            self._start(self._opened(audio, info, frame_ms), frame_ms)
        except OSError:
            self._number -= 1
            if frame_ms == self._short_ms:  # it did open beside another when opening was cheap
                time.sleep(_TRY_AGAIN_S)
                self._pace_changed.set()
            else:
                self._shared = False  # a device that opens only once keeps its stream
            return False
        self._readers[-1].delivers.wait(_BEGINS_S)
        time.sleep(_OVERLAP_S)
        self._readers.pop(0).end()
        self._link.send(Kind.SWITCHED, part_body(self._number))
        return True

    def _latency_s(self, stream: Any) -> float:
        return float(stream.get_input_latency())


class _Reader:
    """Reads a stream in a thread of its own, which costs less than a callback of PortAudio.

    Only `end` closes the stream, and never during a read.
    """

    def __init__(
        self, owner: InputStream, number: int, stream: Any, frames: int, bundle: FrameBundle
    ) -> None:
        self.delivers = threading.Event()
        self._owner, self._number, self._stream = owner, number, stream
        self._frames, self._bundle = frames, bundle
        self._ending = False
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)

    def start(self) -> None:
        """Start the stream and read it. Raises OSError, with the stream closed, if that fails."""
        try:
            self._stream.start_stream()
        except OSError:
            self._stream.close()
            raise
        self._thread.start()

    def end(self) -> None:
        """Close the stream after the frame being read, unless that takes too long."""
        self._ending = True
        self._thread.join(_ENDS_S)
        if not self._thread.is_alive():
            self._stream.close()

    def _read(self) -> None:
        while not self._ending:
            try:
                frame = self._stream.read(self._frames)
            except OSError as error:
                if error.errno == _OVERFLOWED:
                    self._owner.overflowed()
                    continue
                if not self._ending:
                    self._owner.failed(error)
                return
            if not self.delivers.is_set():
                self.delivers.set()
            self._owner.heard(self._number, self._bundle, frame)
