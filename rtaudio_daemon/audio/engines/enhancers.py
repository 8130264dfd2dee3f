"""Noise suppression and automatic gain by WebRTC, from the optional package livekit."""

from __future__ import annotations

import logging
from typing import Any

from ...config import Input
from ...optional_packages import how_to_install
from ..processing.enhancement import Enhancement
from ..processing.format import BYTES_PER_MS, SAMPLE_RATE

_LOG = logging.getLogger(__name__)
_PIECE_BYTES = 10 * BYTES_PER_MS  # unit of work of the library


class LivekitEnhancer:
    """Lowers stationary noise by about 12 dB (7 ms delay), or evens out voices (1 ms delay).

    This is not the module that cancels echo. That one is idle while nothing is played. Besides,
    the level of its output shows who speaks over an answer, and a changing gain would hide that.

    Raises ImportError or OSError if livekit is missing or does not run.
    """

    def __init__(self, *, noise_suppression: bool, auto_gain: bool) -> None:
        from livekit import rtc

        self._new_frame: Any = rtc.AudioFrame
        self._module: Any = rtc.AudioProcessingModule(
            noise_suppression=noise_suppression, auto_gain_control=auto_gain
        )

    def enhanced(self, pcm: bytes) -> bytes:
        """Return the next 10 ms of a stream, or a multiple, enhanced."""
        pieces = []
        for start in range(0, len(pcm), _PIECE_BYTES):
            piece = bytearray(pcm[start : start + _PIECE_BYTES])
            frame = self._new_frame(piece, SAMPLE_RATE, 1, len(piece) // 2)
            self._module.process_stream(frame)
            pieces.append(bytes(frame.data))
        return b"".join(pieces)


def open_enhancement(settings: Input) -> Enhancement:
    """Return the enhancement for `audio.input`; without livekit, the fixed gain alone."""
    wanted = [
        name
        for name, value in (
            ("noise_suppression", settings.noise_suppression),
            ("auto_gain", settings.auto_gain),
        )
        if value == "on"
    ]
    if not wanted:
        return Enhancement(settings.gain_db)
    try:
        enhancer = LivekitEnhancer(
            noise_suppression="noise_suppression" in wanted, auto_gain="auto_gain" in wanted
        )
    except (ImportError, OSError) as error:
        what = " and ".join(f"audio.input.{each}" for each in wanted)
        note = (
            f"{what} cannot be on, as the package livekit cannot be loaded ({error}). "
            f"To install it: `{how_to_install('livekit.rtc')}`, then restart the daemon"
        )
        _LOG.warning("%s", note)
        return Enhancement(settings.gain_db, note=note)
    return Enhancement(settings.gain_db, (enhancer,))
