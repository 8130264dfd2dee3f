"""How programs are ended, also those that this user may not end, as by sudo."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from rtaudio_daemon.tools.sources import running_program
from tests.waiting import until


class AnothersTransport(asyncio.SubprocessTransport):
    """Of a process that became another user's: it cannot be killed."""

    def get_pid(self) -> int:
        return 2**22 + 1  # above the largest number of a process

    def close(self) -> None:
        raise PermissionError(1, "Operation not permitted")


async def test_a_program_of_another_user_is_left_alone_after_a_moment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    await running_program._end(AnothersTransport(), running_program._Running(), 0.3)
    assert 0.3 <= clock() - began < 1
    assert "cannot be ended by this user" in caplog.text


@pytest.mark.real_time
async def test_what_is_given_is_its_whole_input(tmp_path: Path) -> None:
    given = b"x" * 3_000_000
    ended = await running_program.run_program(
        ["wc", "-c"], {"PATH": os.environ["PATH"]}, given=given
    )
    assert (ended.status, ended.printed.strip()) == (0, b"3000000")
    path = tmp_path / "ran"
    ended = await running_program.run_program(
        ["touch", str(path)], {"PATH": os.environ["PATH"]}, given=given
    )
    await until(path.exists)
    assert (ended.status, ended.how) == (0, "exit status 0"), "nobody has to read it"


class _Closing(asyncio.SubprocessTransport):
    """A program's transport, which notes whether its end was known when it was closed."""

    def __init__(self, transport: asyncio.SubprocessTransport) -> None:
        super().__init__()
        self._transport = transport
        self.ended: list[bool] = []

    def get_pid(self) -> int:
        return self._transport.get_pid()

    def close(self) -> None:
        self.ended.append(self._transport.get_returncode() is not None)
        self._transport.close()


@pytest.mark.real_time
async def test_its_status_is_known_before_our_side_is_closed() -> None:
    """Closing asks the system for it as well, and who asks second gets none."""
    stubborn = ["sh", "-c", 'trap "" TERM; echo; sleep 300 & wait; wait']
    transport, running = await running_program._start(stubborn, dict(os.environ), b"")
    await until(lambda: running.printed)
    closing = _Closing(transport)
    await running_program._end(closing, running, 0.01)
    assert closing.ended == [True]
    assert transport.get_returncode() == -signal.SIGKILL
