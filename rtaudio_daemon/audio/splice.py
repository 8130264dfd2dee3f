"""Two streams of one microphone, joined where they say the same.

A stream cannot change the length of its frames. The next one is opened beside it, both are heard
for a while, and from the place on where the old one ends the new one goes on: nothing is lost and
nothing is heard twice. Sound is mono s16le at the rate of the device.
"""

from __future__ import annotations

import numpy as np

_WINDOW_MS = 100  # of the new stream, looked for in the old one
_REACH_MS = 400  # how much later or earlier than the other a stream may come
_ALIKE = 0.5
_HELD_MS = 2000


class Splice:
    """Feed it all that comes, by the number of its stream; it gives one stream."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._number = 0
        self._old = bytearray()
        self._new = bytearray()
        self._next: int | None = None
        self._skip_bytes = 0

    def feed(self, number: int, sound: bytes) -> bytes:
        """What the one stream goes on with; sound of the next stream waits for `switched`."""
        if number != self._number:
            self._next = number
            self._new += sound
            if len(self._new) > self._bytes(_HELD_MS):  # nobody says what became of the old one
                return self.switched(number)
            return b""
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(sound))
            self._skip_bytes -= skipped
            sound = sound[skipped:]
        self._old += sound
        del self._old[: -self._bytes(_HELD_MS)]
        return sound

    def switched(self, number: int) -> bytes:
        """The old stream has ended: what the new one knows beyond it."""
        if number != self._next:
            self._number = number  # nothing was heard of it yet
            return b""
        known = 2 * overlap(bytes(self._old), bytes(self._new), self._rate)
        rest = bytes(self._new[known:])
        self._number, self._next = number, None
        self._skip_bytes = max(0, known - len(self._new))
        self._new.clear()
        self._old += rest
        return rest

    def _bytes(self, ms: int) -> int:
        return self._rate * ms // 1000 * 2


def overlap(old: bytes, new: bytes, rate: int) -> int:
    """How many samples from the beginning of `new` are in `old` already; may be more than it has.

    Where they are not alike (in perfect silence, for instance) both are taken to end now.
    """
    before = np.frombuffer(old, dtype="<i2").astype(np.float64)
    after = np.frombuffer(new, dtype="<i2").astype(np.float64)
    window, reach = rate * _WINDOW_MS // 1000, rate * _REACH_MS // 1000
    begin = max(0, (len(after) - window) // 2)
    piece = after[begin : begin + window]
    expected = len(before) - len(after) + begin  # where it is, if both end now
    first = max(0, expected - reach)
    searched = before[first : expected + reach + window]
    if len(piece) < window or len(searched) < window:
        return len(after)
    size = 1 << (len(searched) + window).bit_length()
    product = np.fft.irfft(np.fft.rfft(searched, size) * np.conj(np.fft.rfft(piece, size)), size)
    energy = np.concatenate([[0.0], np.cumsum(searched * searched)])
    places = len(searched) - window + 1
    scale = np.sqrt((energy[window:] - energy[:-window]) * float(piece @ piece))
    likeness = product[:places] / np.maximum(scale, 1.0)
    best = int(np.argmax(likeness))
    if likeness[best] < _ALIKE:
        return len(after)
    return len(before) - (first + best) + begin
