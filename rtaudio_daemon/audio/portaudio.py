"""An audio process: PortAudio and nothing else, so that its faults cannot reach the daemon.

``python -m rtaudio_daemon.audio.portaudio input|output|list FD DEVICE FRAME_MS CHANNEL``

One process serves one direction. It speaks `child_protocol` over the socket with the number FD
and ends when that socket closes. It is expected to be killed at any time. Known faults of
PortAudio 19.6 that shape this file:

* An exception in a callback surfaces in the main thread at a random place: callbacks catch all.
* `stop_stream()` hangs on a stalled device, and an unknown input index is a segmentation fault.
* Opening can hang for ever: it happens in a thread, while the main thread watches the socket.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from abc import ABC, abstractmethod
from array import array
from collections import deque
from itertools import product
from pathlib import Path
from typing import Any

from ..errors import DeviceError
from .child_protocol import (
    Kind,
    Progress,
    StreamFacts,
    Unpacker,
    json_body,
    pack,
    part_body,
    split_part,
    volume_of,
)
from .device_names import DeviceInfo, Direction, find_device
from .playback import Moment, PlaybackQueue
from .usb import place_of, places

RATES = (24_000, 48_000, 44_100, 16_000)
_INT16 = 8  # paInt16
_BUSY = -9985  # paDeviceUnavailable
_TRY_ANOTHER = (-9997, -9998)  # paInvalidSampleRate, paInvalidChannelCount
_PROGRESS_S = 0.1
_QUIET = (
    200  # samples below that are sent several frames at once, which wakes the daemon less often
)
_TOGETHER = 5
_WAITING_FRAMES = 50  # one second; older sound goes first when the daemon does not read


def main(arguments: list[str]) -> None:
    """Serve until the socket closes or something fails; never returns."""
    role, fd, device, frame_ms, channel = arguments
    sys.setswitchinterval(0.001)
    os.environ["JACK_NO_START_SERVER"] = "1"
    daemon = socket.socket(fileno=int(fd))
    pump = _Output() if role == "output" else _Input(channel) if role == "input" else None
    worker = threading.Thread(
        target=_open, args=(daemon, pump, device, int(frame_ms)), name="portaudio", daemon=True
    )
    worker.start()
    try:
        _serve(daemon, pump)
    except (OSError, ValueError):
        pass
    os._exit(0)  # PortAudio may hang in any orderly end


def _open(daemon: socket.socket, pump: _Pump | None, device: str, frame_ms: int) -> None:
    try:
        import pyaudio

        audio = pyaudio.PyAudio()
        devices = _devices(audio)
        if pump is None:
            daemon.sendall(pack(Kind.DEVICES, json_body(devices)))
            return
        if not any(info.direction == pump.direction for info in devices):
            daemon.sendall(pack(Kind.MISSING, _no_device().encode()))
            return
        info = find_device(devices, device, pump.direction)
        facts = pump.open(audio, info, frame_ms)
        daemon.sendall(pack(Kind.READY, json_body(facts)))
        pump.ready = True
        pump.wake()
    except ImportError as error:
        _give_up(
            daemon,
            "PyAudio cannot be loaded: `apt-get install libportaudio2`, then `pip install PyAudio` "
            f"(needs gcc python3-dev portaudio19-dev) ({error})",
        )
    except DeviceError as error:
        _give_up(daemon, str(error))
    except Exception as error:  # whatever it is: the daemon says it and starts us again
        _give_up(daemon, f"{type(error).__name__}: {error}")


def _give_up(daemon: socket.socket, reason: str) -> None:
    try:
        daemon.sendall(pack(Kind.FAILED, reason.encode()))
    except OSError:
        pass


def _serve(daemon: socket.socket, pump: _Pump | None) -> None:
    unpacker = Unpacker()
    with selectors.DefaultSelector() as selector:
        selector.register(daemon, selectors.EVENT_READ)
        if pump is not None:
            selector.register(pump.woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if daemon in ready:
                data = daemon.recv(1 << 18)
                if not data:
                    return
                for kind, body in unpacker.feed(data):
                    if pump is not None:
                        pump.told(kind, body, daemon)
            if pump is not None and pump.woken in ready:
                pump.woken.recv(4096)
                if pump.ready:
                    pump.report(daemon)


class _Pump(ABC):
    """One stream. Its callback runs in PortAudio's thread: it copies bytes and counts."""

    direction: Direction

    def __init__(self) -> None:
        self.ready = False
        self.woken, self._waker = socket.socketpair()
        self.woken.setblocking(False)
        self._waker.setblocking(False)
        self._stream: Any = None

    def wake(self) -> None:
        """Let the main thread call `report` soon."""
        try:
            self._waker.send(b"!")
        except BlockingIOError:
            pass  # it has been woken often enough

    def open(self, audio: Any, info: DeviceInfo, frame_ms: int) -> StreamFacts:
        """Open the stream at the first rate and channel count the device takes."""
        audio.get_device_info_by_index(info.index)
        for channels, rate in product((1, 2), RATES):
            self._prepare(rate, channels)
            try:
                self._stream = audio.open(
                    rate=rate,
                    channels=channels,
                    format=_INT16,
                    frames_per_buffer=rate * frame_ms // 1000,
                    stream_callback=self._callback,
                    start=False,
                    **{self.direction: True, f"{self.direction}_device_index": info.index},
                )
            except OSError as error:
                if error.errno in _TRY_ANOTHER:
                    continue
                raise DeviceError(f"{info.name!r} does not open: {_remedy(error)}") from error
            self._latency_known(int(self._latency_s() * rate))
            self._stream.start_stream()
            return StreamFacts(info.name, rate, channels, int(self._latency_s() * rate))
        raise DeviceError(f"{info.name!r} takes none of the rates {RATES}")

    @abstractmethod
    def told(self, kind: Kind, body: bytes, daemon: socket.socket) -> None:
        """Carry out what the daemon says."""

    @abstractmethod
    def report(self, daemon: socket.socket) -> None:
        """Tell the daemon what is new (in the main thread)."""

    @abstractmethod
    def _prepare(self, rate: int, channels: int) -> None:
        """Make ready for a stream of this shape."""

    @abstractmethod
    def _callback(self, data: bytes | None, frames: int, info: Any, status: int) -> Any:
        """What PortAudio calls for every block: copies and counts, and never raises."""

    @abstractmethod
    def _latency_s(self) -> float:
        """The latency of the open stream, in seconds."""

    @abstractmethod
    def _latency_known(self, frames: int) -> None:
        """The latency of the open stream, in frames."""


class _Input(_Pump):
    direction = "input"

    def __init__(self, channel: str = "left") -> None:
        super().__init__()
        self._channel = channel
        self._heard: deque[bytes] = deque(maxlen=_WAITING_FRAMES)
        self._channels = 1

    def told(self, kind: Kind, body: bytes, daemon: socket.socket) -> None:
        """A microphone is told nothing."""

    def _latency_known(self, frames: int) -> None:
        """Nothing that is heard waits for it."""

    def report(self, daemon: socket.socket) -> None:
        while self._heard:
            daemon.sendall(pack(Kind.SOUND, self._mono(self._heard.popleft())))

    def _mono(self, sound: bytes) -> bytes:
        if self._channels == 1:
            return sound
        samples = array("h", sound)
        left, right = samples[::2], samples[1::2]
        if self._channel == "mix":
            return array("h", [(a + b) >> 1 for a, b in zip(left, right, strict=True)]).tobytes()
        return (right if self._channel == "right" else left).tobytes()

    def _prepare(self, rate: int, channels: int) -> None:
        self._channels = channels

    def _latency_s(self) -> float:
        return float(self._stream.get_input_latency())

    def _callback(self, data: bytes | None, frames: int, info: Any, status: int) -> Any:
        try:
            if data:
                self._heard.append(data)
                samples = array("h", data)
                quiet = max(samples) < _QUIET and min(samples) > -_QUIET
                if quiet and len(self._heard) < _TOGETHER:
                    return None, 0
            self.wake()
        except Exception:
            pass
        return None, 0  # paContinue


class _Output(_Pump):
    direction = "output"

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._queue: PlaybackQueue[int] = PlaybackQueue(RATES[0])
        self._channels = 1
        self._last_id = 0
        self._asked = self._asked_before = 0
        self._told_at = 0.0
        self._tapped = False
        self._rate = self._silent_frames = RATES[0]
        self._position = 0
        self._played: deque[tuple[int, bytes]] = deque(maxlen=_WAITING_FRAMES)

    def told(self, kind: Kind, body: bytes, daemon: socket.socket) -> None:
        if kind is Kind.STOP:
            self._report_moments(daemon)
            with self._lock:
                heard = self._queue.stop()
                progress = self._progress(heard)
            daemon.sendall(pack(Kind.STOPPED, json_body(progress)))
            return
        with self._lock:
            if kind is Kind.PUSH:
                part_id, pcm = split_part(body)
                self._last_id = max(part_id, self._last_id)
                self._queue.push(part_id, pcm)
            elif kind is Kind.END:
                self._queue.end(split_part(body)[0])
            elif kind is Kind.VOLUME:
                self._queue.set_volume(volume_of(body))
            elif kind is Kind.TAP:
                self._tapped = True

    def report(self, daemon: socket.socket) -> None:
        while self._played:
            position, sound = self._played.popleft()
            daemon.sendall(pack(Kind.PLAYED, part_body(position, sound)))
        self._report_moments(daemon)
        now = time.monotonic()
        if self._asked == self._asked_before or now - self._told_at < _PROGRESS_S:
            return
        self._asked_before, self._told_at = self._asked, now
        with self._lock:
            progress = self._progress(self._queue.positions())
        daemon.sendall(pack(Kind.PROGRESS, json_body(progress)))

    def _report_moments(self, daemon: socket.socket) -> None:
        with self._lock:
            moments = self._queue.moments()
            progress = self._progress(self._queue.positions())
        for moment in moments:
            if moment is Moment.STARTED:
                daemon.sendall(pack(Kind.STARTED))
            else:
                daemon.sendall(pack(Kind.FINISHED, json_body(progress)))

    def _progress(self, heard: list[tuple[int, int]]) -> Progress:
        queue = self._queue
        return Progress(self._last_id, tuple(heard), queue.underruns, queue.dropped_frames)

    def _prepare(self, rate: int, channels: int) -> None:
        self._channels = channels
        self._rate = rate

    def _latency_s(self) -> float:
        return float(self._stream.get_output_latency())

    def _latency_known(self, frames: int) -> None:
        self._queue = PlaybackQueue(self._rate, frames)

    def _callback(self, data: bytes | None, frames: int, info: Any, status: int) -> Any:
        try:
            with self._lock:
                sound = self._queue.read(frames * 2)
            self._silent_frames = 0 if sound.strip(b"\0") else self._silent_frames + frames
            if self._tapped and self._silent_frames < self._rate:
                self._played.append((self._position & 0xFFFFFFFF, sound))
            self._position += frames
            self._asked += 1
            self.wake()
            return (_both(sound) if self._channels == 2 else sound), 0  # paContinue
        except Exception:
            return bytes(frames * 2 * self._channels), 0


def _remedy(error: OSError) -> str:
    """PortAudio's error with what can be done about it."""
    if error.errno == _BUSY:
        return f"{error}; another program uses it (`fuser -v /dev/snd/*` tells which)"
    return str(error)


def _no_device() -> str:
    """Why PortAudio may see no device at all."""
    forbidden = [path for path in Path("/dev/snd").glob("pcm*") if not os.access(path, os.R_OK)]
    if forbidden:
        return (
            "no permission for the sound devices; put the user into the group audio "
            "(`usermod -aG audio USER`) and start the daemon again"
        )
    return "PortAudio finds no sound device"


def _devices(audio: Any) -> list[DeviceInfo]:
    sides: tuple[Direction, Direction] = ("input", "output")
    defaults: dict[Direction, int] = {}
    for side in sides:
        try:
            default = getattr(audio, f"get_default_{side}_device_info")()
            defaults[side] = int(default["index"])
        except OSError:
            pass
    found, by_card = [], places()
    for index in range(audio.get_device_count()):
        info = audio.get_device_info_by_index(index)
        for side in sides:
            channels = int(info["maxInputChannels" if side == "input" else "maxOutputChannels"])
            if channels > 0:
                name, rate = str(info["name"]), int(info["defaultSampleRate"])
                default = defaults.get(side) == index
                place = place_of(name, by_card)
                found.append(DeviceInfo(name, side, default, channels, rate, index, place))
    return found


def _both(sound: bytes) -> bytes:
    mono = array("h", sound)
    stereo = array("h", bytes(2 * len(sound)))
    stereo[::2] = stereo[1::2] = mono
    return stereo.tobytes()


if __name__ == "__main__":
    main(sys.argv[1:])
