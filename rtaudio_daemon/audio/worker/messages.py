"""The messages between the daemon and its audio processes, over a socket pair.

A message is one byte for its kind, four bytes for the length of its body, and the body. Sound has
the sample rate of the device. Standard library only: the audio process imports nothing else.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any, NamedTuple

from ...device_codes import DeviceCode
from ...errors import DeviceError
from .device_lookup import DeviceInfo

_HEAD = struct.Struct("<BI")
_PART = struct.Struct("<I")
_NUMBER = struct.Struct("<d")
_SPARE = struct.Struct("<d?")


class Kind(IntEnum):
    """To the output process: PUSH to ATTEND. To the input process: ATTEND and SPARE. From any
    process: READY and all that follow.
    """

    PUSH = 1  # part id (u32), pcm
    END = 2  # part id (u32)
    STOP = 3
    VOLUME = 4  # double, 0 to 1
    TAP = 5  # send PLAYED from now on
    OVERLAY = 6  # pcm to mix into whatever is played
    ATTEND = 7  # one byte: 1 for short frames, 0 for long ones
    SPARE = 8  # double: frames with a smaller root mean square may wait; one byte: 1 for pairs
    READY = 16  # json of StreamFacts
    SOUND = 17  # number of the stream (u32), some of its pcm, mono
    PROGRESS = 18  # json of Progress, several times a second while the device asks for sound
    STARTED = 19
    FINISHED = 20  # json of Progress
    STOPPED = 21  # json of Progress, of what was in the queue when it was cut off
    DEVICES = 22  # json, a list of DeviceInfo; sent again whenever more is known
    MISSING = 23  # json, code and reason: why there is no sound device in this direction
    FAILED = 24  # json, code and reason: why this process gives up
    PLAYED = 25  # position in frames (u32, wraps), pcm for the device, without long silence
    SWITCHED = 26  # number of the stream (u32) that continues alone; the former has ended
    REOPENING = 27  # the stream is closed and will be reopened; no messages until then
    OVERFLOWED = 28  # the microphone's sound was not taken in time; some of it is lost


class StreamFacts(NamedTuple):
    """The open stream: device name, sample rate, channels, and the device's buffer in frames."""

    device: str
    rate: int
    channels: int
    latency_frames: int


class Progress(NamedTuple):
    """How far playback has come.

    `last_id`: the newest part received. `heard`: part id and frames handed to the device, for each
    part not played whole; all others up to `last_id` were.
    """

    last_id: int
    heard: tuple[tuple[int, int], ...] = ()
    underruns: int = 0
    dropped_frames: int = 0


def pack(kind: Kind, body: bytes = b"") -> bytes:
    """Encode one message."""
    return _HEAD.pack(kind, len(body)) + body


def part_body(part_id: int, pcm: bytes = b"") -> bytes:
    """Encode the body of PUSH, END, SOUND, SWITCHED or PLAYED."""
    return _PART.pack(part_id) + pcm


def split_part(body: bytes) -> tuple[int, bytes]:
    """Decode PUSH, END, SOUND, SWITCHED or PLAYED: part id (stream, position) and pcm."""
    return _PART.unpack_from(body)[0], body[_PART.size :]


def number_body(number: float) -> bytes:
    """Encode the body of VOLUME."""
    return _NUMBER.pack(number)


def number_of(body: bytes) -> float:
    """Decode the body of VOLUME."""
    return float(_NUMBER.unpack(body)[0])


def spare_body(soft_below: float, pairs: bool) -> bytes:
    """Encode the body of SPARE: the root mean square (0 to 32768), and whether pairs may wait."""
    return _SPARE.pack(soft_below, pairs)


def spare_of(body: bytes) -> tuple[float, bool]:
    """Decode the body of SPARE."""
    soft_below, pairs = _SPARE.unpack(body)
    return float(soft_below), bool(pairs)


def yes_body(yes: bool) -> bytes:
    """Encode the body of ATTEND."""
    return bytes([yes])


def yes(body: bytes) -> bool:
    """Decode the body of ATTEND."""
    return body != b"\0"


def json_body(value: Any) -> bytes:
    """Encode the body of a message that carries a named tuple or a list of them."""
    plain = [item._asdict() for item in value] if isinstance(value, list) else value._asdict()
    return json.dumps(plain).encode()


def failure_body(failure: DeviceError) -> bytes:
    """Encode the body of MISSING or FAILED."""
    return json.dumps({"code": failure.code, "reason": str(failure)}).encode()


def failure_of(body: bytes) -> DeviceError:
    """Decode the error in MISSING or FAILED."""
    fields = json.loads(body)
    return DeviceError(fields["reason"], code=DeviceCode(fields["code"]))


def devices_of(body: bytes) -> list[DeviceInfo]:
    """Decode the body of DEVICES."""
    rows = json.loads(body)
    for row in rows:
        row["rates"] = None if row["rates"] is None else tuple(row["rates"])
    return [DeviceInfo(**row) for row in rows]


def progress_of(body: bytes) -> Progress:
    """Decode the body of PROGRESS, FINISHED or STOPPED."""
    fields = json.loads(body)
    fields["heard"] = tuple((part_id, frames) for part_id, frames in fields["heard"])
    return Progress(**fields)


class Unpacker:
    """Splits a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[Kind, bytes]]:
        """Return the messages complete now. Raises ValueError for an unknown kind."""
        data = self._rest + data
        messages = []
        at = 0
        while len(data) - at >= _HEAD.size:
            kind, length = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + length
            if len(data) < end:
                break
            messages.append((Kind(kind), data[at + _HEAD.size : end]))
            at = end
        self._rest = data[at:]
        return messages
