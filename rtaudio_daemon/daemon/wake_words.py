"""Opens the engines for wake words; files of unknown origin are tried first."""

from __future__ import annotations

import asyncio

from .. import config
from ..audio.engines.wake_word_engines import open_attention
from ..audio.engines.wake_word_files import refusals
from ..audio.processing.wake_word import Attention
from ..errors import WrongValueError


async def attention_for(audio: config.Audio, *, begins: bool) -> Attention:
    """Return what decides whom to listen to.

    An unusable file is skipped when the daemon `begins`. Later it raises WrongValueError, so that
    everything stays as it is.
    """
    wakes = audio.listen == "wake_word"
    words = [each for each in audio.wake.entries() if wakes or each.stop]
    if not words:
        return open_attention(audio.listen, audio.wake, ())
    refused = await asyncio.to_thread(refusals, words)
    notes = [f"{name}: {why}" for name, why in refused.items()]
    if notes and not begins:
        raise WrongValueError("; ".join(notes))
    usable = [each for each in words if each.called not in refused]
    return await asyncio.to_thread(open_attention, audio.listen, audio.wake, usable, notes)
