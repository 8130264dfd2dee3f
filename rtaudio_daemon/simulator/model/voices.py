"""The sound of answers: a parrot, espeak, a chime, or silence. All 24 kHz mono pcm; blocking."""

from __future__ import annotations

import logging
import shutil
import subprocess
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from ...child_processes import no_hangups
from .items import BYTES_PER_MS

Voice = Literal["auto", "parrot", "espeak", "tone", "silence"]

_LOG = logging.getLogger(__name__)
_RATE = 24_000
_MS_PER_CHARACTER = 60
_SHORTEST_MS = 400
_LONGEST_MS = 300_000
_LONGEST_TEXT = 4000
_QUIET = 300  # samples below this are silence for the parrot
_PAUSE_MS = 200
_TIMEOUT_S = 30.0


def sound_of(voice: Voice, text: str, heard: bytes) -> bytes:
    """Return the sound of `text` in `voice`; a parrot repeats `heard` if there is any.

    Takes up to a second; run it in a thread. Falls back to the chime without espeak-ng.
    """
    if voice == "silence":
        return bytes(_length_ms(text) * BYTES_PER_MS)
    if voice == "tone":
        return chime(_length_ms(text))
    if heard and voice in ("auto", "parrot"):
        return parrot(heard)
    return espeak(text) or chime(_length_ms(text))


def parrot(heard: bytes) -> bytes:
    """Return what was heard, with at most 200 ms of silence around it."""
    samples = np.frombuffer(heard, dtype="<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
    if not len(loud):
        return heard
    pause = _RATE * _PAUSE_MS // 1000
    return samples[max(0, int(loud[0]) - pause) : int(loud[-1]) + 1 + pause].tobytes()


def espeak(text: str, language: str = "") -> bytes | None:
    """Return `text` spoken by espeak-ng; None if it is not installed or says nothing.

    `language`: such as de; "": the default of espeak-ng.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        warn_that_there_is_no_voice()
        return None
    if not text.strip():
        return None
    try:
        with no_hangups():
            done = subprocess.run(
                [program, "--stdin", "--stdout", *(["-v", language] if language else [])],
                input=text[:_LONGEST_TEXT].encode(errors="replace"),
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=True,
            )
    except (OSError, subprocess.SubprocessError):
        return None
    return _from_wav(done.stdout)


def chime(length_ms: int) -> bytes:
    """Return two soft tones in turn, fading, for `length_ms`."""
    time = np.arange(length_ms * _RATE // 1000) / _RATE
    beat = (time * 2.5) % 1.0
    pitch = np.where((time * 2.5) % 2.0 < 1.0, 523.25, 659.25)
    wave = np.sin(2 * np.pi * pitch * time) * np.exp(-3 * beat) * 6000
    return wave.astype("<i2").tobytes()


@cache
def warn_that_there_is_no_voice() -> None:
    """Log once per process that a chime stands in for speech, and how to get a voice."""
    _LOG.warning("text is not spoken, it sounds as a chime; for a voice: apt install espeak-ng")


def _length_ms(text: str) -> int:
    return min(_LONGEST_MS, max(_SHORTEST_MS, len(text) * _MS_PER_CHARACTER))


def _from_wav(wav: bytes) -> bytes | None:
    # In a pipe, espeak's header has no valid length: take everything after "data".
    at = wav.find(b"data")
    if at < 0:
        return None
    rate = int.from_bytes(wav[24:28], "little")
    body = wav[at + 8 :]
    samples = np.frombuffer(body[: len(body) // 2 * 2], dtype="<i2")
    if not len(samples):
        return None
    return _resampled(samples, rate).tobytes()


def _resampled(samples: npt.NDArray[np.int16], rate: int) -> npt.NDArray[np.int16]:
    import soxr

    result: npt.NDArray[np.int16] = soxr.resample(samples, rate, _RATE)
    return result
