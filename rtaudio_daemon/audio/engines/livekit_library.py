"""WebRTC's audio processing as contained in the package livekit, called through its C functions.

The package itself also loads everything for video conferences: 5 MB more, and more CPU time for
every 10 ms. The C functions take and return protobuf messages.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..processing.format import BYTES_PER_MS, SAMPLE_RATE

PIECE_BYTES = 10 * BYTES_PER_MS
"""Number of bytes processed at once."""
_LIBRARY = "rtc/resources/liblivekit_ffi.so"
# Field numbers in the messages of livekit 1.2.
_NEW, _PROCESS, _PROCESS_REVERSE = 50, 51, 52  # in a request; one less in its answer
_ECHO, _GAIN, _HIGH_PASS, _NOISE = 1, 2, 3, 4
_HANDLE, _ADDRESS, _SIZE, _RATE, _CHANNELS = 1, 2, 3, 4, 5
_VARINT, _BYTES = 0, 2  # wire types


class AudioProcessing:
    """One stream of sound, processed by WebRTC in pieces of `PIECE_BYTES`.

    Raises ImportError or OSError if livekit is missing, does not run or is of another version.
    """

    def __init__(
        self,
        *,
        echo_cancellation: bool = False,
        auto_gain: bool = False,
        noise_suppression: bool = False,
    ) -> None:
        self._library = _Library(_library())
        switches = {_ECHO: echo_cancellation, _GAIN: auto_gain, _NOISE: noise_suppression}
        handle = self._library.new_processing({**switches, _HIGH_PASS: False})
        weakref.finalize(self, self._library.drop, handle).atexit = False
        self._piece = ctypes.create_string_buffer(PIECE_BYTES)
        where = {_HANDLE: handle, _ADDRESS: ctypes.addressof(self._piece), _SIZE: PIECE_BYTES}
        self._where = encoded({**where, _RATE: SAMPLE_RATE, _CHANNELS: 1})

    def process(self, piece: bytes) -> bytes:
        """Return the next piece from the microphone, processed."""
        self._do(_PROCESS, piece)
        return self._piece.raw

    def process_reverse(self, piece: bytes) -> None:
        """Note the next piece that the loudspeaker plays."""
        self._do(_PROCESS_REVERSE, piece)

    def _do(self, what: int, piece: bytes) -> None:
        if len(piece) != PIECE_BYTES:
            raise ValueError(f"expected {PIECE_BYTES} bytes, got {len(piece)}")
        self._piece.raw = piece
        answer = self._library.ask(what, self._where)
        if answer != b"":  # otherwise it contains an error message
            raise RuntimeError(f"livekit cannot process sound: {answer!r}")


class _Library:
    """The C functions."""

    def __init__(self, path: Path) -> None:
        c = ctypes.CDLL(str(path))
        self._request: Any = c.livekit_ffi_request
        self._request.restype = ctypes.c_uint64
        self._request.argtypes = (
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.POINTER(ctypes.c_size_t),
        )
        self._drop: Any = c.livekit_ffi_drop_handle
        self._drop.restype, self._drop.argtypes = ctypes.c_bool, (ctypes.c_uint64,)

    def new_processing(self, switches: Mapping[int, int | bytes]) -> int:
        """Create a processing object; return its handle. Raises ImportError if that fails."""
        answer: int | bytes | None = self.ask(_NEW, encoded(switches))
        for _ in range(3):  # the owned object, its handle, the id of that
            answer = decoded(answer).get(1) if isinstance(answer, bytes) else None
        if not isinstance(answer, int):
            raise ImportError("this version of livekit answers otherwise than 1.2")
        return answer

    def ask(self, what: int, message: bytes) -> int | bytes | None:
        """Return the answer to a request; anything but bytes means that it is not supported."""
        request = encoded({what: message})
        place, size = ctypes.c_void_p(), ctypes.c_size_t()
        handle = self._request(request, len(request), place, size)
        if not handle:
            return None
        answer = decoded(ctypes.string_at(place, size.value))
        self.drop(handle)
        return answer.get(what - 1)

    def drop(self, handle: int) -> None:
        """Free the object with this handle."""
        self._drop(handle)


def _library() -> Path:
    import livekit  # a namespace package; this loads nothing

    for folder in livekit.__path__:
        if (library := Path(folder) / _LIBRARY).exists():
            return library
    raise ImportError("No module named 'livekit.rtc'")


def encoded(fields: Mapping[int, int | bytes]) -> bytes:
    """Encode a protobuf message with these fields, by number."""
    written = bytearray()
    for number, value in fields.items():
        if isinstance(value, bytes):
            written += _varint(number << 3 | _BYTES) + _varint(len(value)) + value
        else:
            written += _varint(number << 3 | _VARINT) + _varint(value)
    return bytes(written)


def decoded(message: bytes) -> dict[int, int | bytes]:
    """Decode the fields of a message, by number; empty if it is invalid."""
    fields: dict[int, int | bytes] = {}
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if key & 7 == _BYTES:
            fields[key >> 3], at = message[at : at + value], at + value
        else:
            fields[key >> 3] = value
    return fields


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*digits, value))


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        digit = message[at]
        value |= (digit & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if digit < 0x80:
            break
    return value, at
