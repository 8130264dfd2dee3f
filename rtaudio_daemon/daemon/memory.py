"""Makes the C library return freed memory to the system."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 1 << 20
_LARGE_BYTES = 512 << 10  # asyncio reads into 256 KB, which must not come from the system each time


def return_free_memory() -> None:
    """Let the C library return free memory to the system from now on.

    Whenever a large block is freed, such as the sound of an answer, glibc raises the amount of free
    memory that it keeps, up to 64 MB: 7 MB after ten answers. Other C libraries are not changed.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)
