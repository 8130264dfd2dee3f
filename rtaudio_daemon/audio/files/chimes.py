"""A chime of the user's own, from a sound file."""

from __future__ import annotations

import asyncio

from ...config.file_reading import read_bounded
from ...errors import WrongValueError
from .bounds import MOST_BYTES
from .decoding import decode

_LONGEST_S = 10.0


async def own_chime(path: str) -> bytes:
    """Return the sound of this file as pcm; empty if `path` is. Raises WrongValueError."""
    if not path:
        return b""
    try:
        raw = await asyncio.to_thread(read_bounded, path, MOST_BYTES)
    except OSError as error:
        raise WrongValueError(f"cannot read {path}: {error.strerror}") from None
    return await decode(raw, path, _LONGEST_S)
