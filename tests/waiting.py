"""Waiting for a condition, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(met: Callable[[], object], seconds: float = 60.0, every: float = 0.005) -> None:
    """Return as soon as `met()` is true; TimeoutError after `seconds` of the loop's clock."""
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(every)
