"""Memory that is free again goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
from rtaudio_daemon.daemon.memory import return_free_memory

def kilobytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

if {returned}:
    return_free_memory()
before = kilobytes()
answer = bytearray(b"a" * (8 << 20))
del answer  # from here on, glibc would not return less than twice that
pieces = [bytearray(b"a" * (200 << 10)) for _ in range(30)]
held = kilobytes()
pieces.clear()
print(held - before, kilobytes() - before)
"""


@pytest.mark.parametrize("returned", [True, False])
def test_what_answers_took_is_returned(returned: bool) -> None:
    program = _PROGRAM.format(returned=returned)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    held, kept = map(int, ran.stdout.split())
    assert held > 5_000
    assert (kept < 1_500) == returned
