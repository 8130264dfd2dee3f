"""A microphone in its process: what it hears goes to the daemon.

Standard library only: the audio process loads nothing else.
"""

from __future__ import annotations

import threading
import time
from array import array
from functools import partial
from typing import Any

from .device_lookup import DeviceInfo, Direction
from .link import WorkerLink
from .messages import Kind, part_body, yes
from .stream import LONG_MS, WorkerStream

_OVERFLOW = 2  # paInputOverflow
_QUIET = 200  # softer samples than that are sent several frames at once, to wake the daemon less
_OVERLAP_S = 0.5  # for how long the sound of both streams is sent
_BEGINS_S = 1.5  # a stream that begins more slowly is not waited for
_TRY_AGAIN_S = 1.0


class InputStream(WorkerStream):
    """A microphone: what it hears goes to the daemon, numbered by stream."""

    direction: Direction = "input"

    def __init__(self, link: WorkerLink, channel: str = "left") -> None:
        super().__init__(link)
        self._channel = channel
        self._number = 0
        self._shared = True
        self._delivers = threading.Event()  # of the newest stream

    def receive(self, kind: Kind, body: bytes) -> None:
        """Carry out what the daemon says."""
        if kind is Kind.ATTEND:
            self.attend(yes(body))

    def report(self) -> None:
        """Do nothing: a microphone's callback reports everything."""

    @property
    def _channel_counts(self) -> tuple[int, ...]:
        # Asked for one channel, PortAudio gives the left one of a device that has only two.
        return (1, 2) if self._channel == "left" else (2, 1)

    def _mono(self, sound: bytes) -> bytes:
        if self._channels == 1:
            return sound
        samples = array("h", sound)
        left, right = samples[::2], samples[1::2]
        if self._channel == "mix":
            return array("h", [(a + b) >> 1 for a, b in zip(left, right, strict=True)]).tobytes()
        return (right if self._channel == "right" else left).tobytes()

    def _begin(self, frame_ms: int) -> Any:
        self._delivers = threading.Event()
        return partial(self._callback, self._number, self._delivers, LONG_MS // frame_ms, [])

    def _begun(self, stream: Any) -> None:
        """A microphone has nothing more to prepare."""

    def _reopen(self, audio: Any, info: DeviceInfo, frame_ms: int) -> bool:
        if not self._shared:
            return False
        self._number += 1
        stream = None
        try:
            stream = self._opened(audio, info, frame_ms, self._begin(frame_ms))
            stream.start_stream()
        except OSError:
            if stream is not None:
                stream.close()
            self._number -= 1
            if frame_ms == self._short_ms:  # it did open beside another: once it was cheap
                time.sleep(_TRY_AGAIN_S)
                self._pace_changed.set()
            else:
                self._shared = False  # a device that opens only once keeps the stream that it has
            return False
        self._delivers.wait(_BEGINS_S)
        time.sleep(_OVERLAP_S)
        self._stream.close()
        self._stream = stream
        self._link.send(Kind.SWITCHED, part_body(self._number))
        return True

    def _latency_s(self, stream: Any) -> float:
        return float(stream.get_input_latency())

    def _callback(
        self,
        number: int,
        delivers: threading.Event,
        together: int,
        heard: list[bytes],
        data: bytes | None,
        _frames: int,
        _times: Any,
        flags: int,
    ) -> tuple[None, int]:
        try:
            if flags & _OVERFLOW:
                self._link.send_soon(Kind.OVERFLOWED, b"")
            if data:
                delivers.set()
                heard.append(data)
                if len(heard) >= together or self._closely or not _is_quiet(data):
                    sound = b"".join(heard)
                    heard.clear()
                    self._link.send_soon(Kind.SOUND, part_body(number, self._mono(sound)))
        except Exception:
            pass
        return None, 0  # paContinue


def _is_quiet(pcm: bytes) -> bool:
    samples = array("h", pcm)
    return max(samples) < _QUIET and min(samples) > -_QUIET
