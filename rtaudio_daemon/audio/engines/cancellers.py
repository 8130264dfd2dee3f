"""Echo cancellation by WebRTC (AEC3), from the optional package livekit, and the choice of mode."""

from __future__ import annotations

import logging
from typing import Any

from ...optional_packages import how_to_install
from ..processing.echo import Canceller, Echo
from ..processing.format import BYTES_PER_MS, SAMPLE_RATE
from .vad_engines import open_engine

_LOG = logging.getLogger(__name__)
_PIECE_BYTES = 10 * BYTES_PER_MS  # unit of work of the canceller


class LivekitCanceller:
    """AEC3: finds and follows the delay by itself, and needs about a second to converge.

    Raises ImportError or OSError if livekit is missing or does not run.
    """

    def __init__(self) -> None:
        from livekit import rtc

        self._new_frame: Any = rtc.AudioFrame
        self._module: Any = rtc.AudioProcessingModule(echo_cancellation=True)
        self._far = b""

    def played(self, pcm: bytes) -> None:
        """Note that this sound, of any length, goes to the loudspeaker now."""
        self._far += pcm
        while len(self._far) >= _PIECE_BYTES:
            piece, self._far = self._far[:_PIECE_BYTES], self._far[_PIECE_BYTES:]
            self._module.process_reverse_stream(self._frame(piece))

    def clean(self, pcm: bytes) -> bytes:
        """Return one frame without the loudspeaker's sound."""
        cleaned = []
        for start in range(0, len(pcm), _PIECE_BYTES):
            frame = self._frame(pcm[start : start + _PIECE_BYTES])
            self._module.process_stream(frame)
            cleaned.append(bytes(frame.data))
        return b"".join(cleaned)

    def _frame(self, pcm: bytes) -> Any:
        return self._new_frame(bytearray(pcm), SAMPLE_RATE, 1, len(pcm) // 2)


def open_echo(mode: str, engine: str = "silero") -> Echo:
    """Return the echo handling for `audio.echo`; `auto` cancels if livekit is installed.

    `engine` detects speech in what is heard, before anything is cancelled.

    If `cancel` is requested and livekit is missing, the result is half duplex, as for `auto`.
    """
    if mode == "off":
        return Echo("off")
    if mode == "system":
        return Echo("system")
    if mode == "half_duplex":
        return Echo("half_duplex")
    try:
        canceller: Canceller = LivekitCanceller()
    except (ImportError, OSError) as error:
        what = (
            f"the package livekit, which cancels echo, cannot be loaded ({error}): only clear "
            "speech interrupts an answer now. To install it: "
            f"`{how_to_install('livekit.rtc')}`, then restart the daemon"
        )
        if mode == "auto":
            _LOG.info("%s", what)
            return Echo("half_duplex")
        note = f"audio.echo is cancel, but {what}"
        _LOG.warning("%s", note)
        return Echo("half_duplex", note=note)
    return Echo("cancel", canceller, open_engine(engine, only_at_times=True).engine)
