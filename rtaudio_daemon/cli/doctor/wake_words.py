"""The doctor's check of wake word files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ... import config
from ...audio.engines.wake_word_engines import package_of
from ...audio.engines.wake_word_files import refusals
from ...optional_packages import installed
from .finding import Finding, failed, passed


async def check_wake_words(settings: config.Audio) -> AsyncIterator[Finding]:
    """Yield whether each file is usable; only a person can test whether it detects a word."""
    words = [each for each in settings.wake.words if each.file and installed(package_of(each))]
    refused = await asyncio.to_thread(refusals, words)
    for each in words:
        if why := refused.get(each.called):
            yield failed("wake word", f"{each.called}: {why}", "docs/wake-words.md")
        else:
            what = "its file can be used; say it, and look for the event wake"
            yield passed("wake word", f"{each.called}: {what}")
