"""Decodes sound files of unknown origin, with limits for size, length, memory and time."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from ...child_processes import environment_of_ours, no_hangups
from ...errors import WrongValueError
from ...optional_packages import how_to_install, installed
from ..processing.format import BYTES_PER_MS
from ..processing.wav import parse_wav
from .bounds import DAMAGED, LONGEST_S, MOST_BYTES, STRANGE, TOO_LONG

PACKAGE = "soundfile"
"""The optional package for everything but WAV."""
_LAST_WORDS_S = 1.0
_PATIENCE_S = 30.0  # a slow machine needs seconds to load the libraries
_RIFF = (b"RIFF", b"RIFX", b"RF64")
_KINDS = ((_RIFF, "WAV"), ((b"fLaC",), "FLAC"), ((b"OggS",), "OGG"), ((b"ID3",), "MP3"))


async def decode(raw: bytes, name: str, longest_s: float = LONGEST_S) -> bytes:
    """Decode the sound file with the content `raw` to pcm, which is not empty.

    `name`: how people know the file. Raises WrongValueError with the reason if it cannot be
    played.
    """
    kind = kind_of(raw)
    if len(raw) > MOST_BYTES:
        raise WrongValueError(f"{name} is larger than {MOST_BYTES // 1_000_000} MB")
    if not kind:
        raise WrongValueError(f"{name} is no WAV, FLAC, MP3 or OGG file")
    if kind == "WAV":
        pcm = await _of_wav(raw, name, longest_s)
    elif installed(PACKAGE):
        pcm = await _in_process(raw, name, longest_s)
    else:
        raise WrongValueError(
            f"{name} is {_a(kind)} file, which needs a package that is not installed; run: "
            f"{how_to_install(PACKAGE)}"
        )
    if not pcm:
        raise WrongValueError(f"{name} holds no sound")
    return pcm


def kind_of(raw: bytes) -> str:
    """Return the format by the first bytes: WAV, FLAC, OGG or MP3, or "" if it is unknown."""
    for beginnings, kind in _KINDS:
        if raw.startswith(beginnings):
            return kind
    # The sync word of an MPEG frame has eleven bits; sixteen set bits are not one.
    return "MP3" if raw[:1] == b"\xff" and 0xE0 <= (raw[1:2] or b"\0")[0] < 0xFF else ""


async def _of_wav(raw: bytes, name: str, longest_s: float) -> bytes:
    try:
        found = parse_wav(raw)
    except ValueError as error:
        if installed(PACKAGE):  # it supports more sample formats
            return await _in_process(raw, name, longest_s)
        raise WrongValueError(f"{name} {error}") from None
    if found.seconds > longest_s:
        raise _too_long(name, longest_s)
    return await asyncio.to_thread(found.pcm)


async def _in_process(raw: bytes, name: str, longest_s: float) -> bytes:
    most = int((longest_s + 1) * 1000) * BYTES_PER_MS
    with no_hangups():
        transport, decoder = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Decoder(most),
            sys.executable,
            *("-P", "-m", "rtaudio_daemon.audio.files.decoder", str(longest_s)),
            stderr=asyncio.subprocess.DEVNULL,
            env=environment_of_ours(),
            start_new_session=True,  # a Ctrl-C in the terminal must reach the daemon only
        )
    try:
        pipe = transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        pipe.write(raw)
        pipe.close()  # takes effect when everything has been written
        async with asyncio.timeout(_PATIENCE_S):
            await decoder.over.wait()
        status = transport.get_returncode()
    except TimeoutError:
        status = DAMAGED
    finally:
        transport.close()  # also kills the process if it still runs
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await decoder.exited.wait()
    if status == TOO_LONG:
        raise _too_long(name, longest_s)
    if status == STRANGE:
        raise WrongValueError(f"{name} has a sample rate or channels that nothing here can play")
    if status or len(decoder.pcm) > most:
        raise WrongValueError(f"{name} is damaged, or no sound file")
    return bytes(decoder.pcm)


class _Decoder(asyncio.SubprocessProtocol):
    """The decoding process; `over` when it has ended, or has written more than `most` bytes."""

    def __init__(self, most: int) -> None:
        self.pcm = bytearray()
        self.over, self.exited = asyncio.Event(), asyncio.Event()
        self._most = most
        self._left = {"output", "process"}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Collect its output."""
        if len(self.pcm) <= self._most:
            self.pcm += data
        else:
            self.over.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that it no longer reads or writes."""
        if fd == 1:
            self._end("output")

    def process_exited(self) -> None:
        """Note that it ended."""
        self.exited.set()
        self._end("process")

    def _end(self, what: str) -> None:
        self._left.discard(what)
        if not self._left:
            self.over.set()


def _too_long(name: str, longest_s: float) -> WrongValueError:
    longest = f"{longest_s / 60:g} minutes" if longest_s >= 60 else f"{longest_s:g} seconds"
    return WrongValueError(f"{name} is longer than {longest}")


def _a(kind: str) -> str:
    return f"an {kind}" if kind in ("MP3", "OGG") else f"a {kind}"
