"""Programs that this user may not end, as by sudo: they hold nobody up."""

from __future__ import annotations

import asyncio
import os
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
