"""The examples as somebody runs them: they do what they say, and say what is wrong in a line."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from rtaudio_daemon.simulator.server.simulator import Simulator

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parent.parent
KEY = "sesame-open-the-door-please"
HELLO = str(files("rtaudio_daemon") / "recordings" / "hello.wav")


async def run(name: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit status, output and errors of an example."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / name),
        *arguments,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def at(simulator: Simulator, key: str = KEY) -> dict[str, str]:
    return {"AZURE_HOST": simulator.url, "AZURE_DEPLOYMENT": "gpt-realtime", "AZURE_KEY": key}


async def test_a_file_is_said_and_answered() -> None:
    async with Simulator(api_key=KEY) as simulator:
        status, out, err = await run("talk.py", HELLO, **at(simulator))
    assert (status, err) == (0, "")
    assert "bytes of answer" in out


async def test_a_light_is_switched_by_a_spoken_sentence() -> None:
    async with Simulator(scenario=ROOT / "examples" / "scenarios" / "light.yaml") as simulator:
        status, out, err = await run("light.py", **at(simulator))
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[:3] == [
        "said: Turn on the light.",
        "the light is on now",
        "heard: Done. The light has changed.",
    ]
    assert lines[3].endswith(" s of spoken answer")


async def test_a_wrong_key_is_one_line() -> None:
    async with Simulator(api_key=KEY) as simulator:
        status, _, err = await run("talk.py", HELLO, **at(simulator, "another-key-that-is-wrong"))
    assert status == 1
    (line,) = err.splitlines()
    assert "HTTP 401" in line
    assert "api_key" in line


async def test_what_is_missing_is_reported_without_a_traceback() -> None:
    async with Simulator(api_key=KEY) as simulator:
        status, _, err = await run("talk.py", "nope.wav", **at(simulator))
    assert (status, err.splitlines()) == (1, ["[Errno 2] No such file or directory: 'nope.wav'"])
    status, _, err = await run("talk.py", HELLO)
    assert status == 1
    assert err.startswith("set AZURE_HOST")
    status, _, err = await run("talk.py")
    assert status == 1
    assert "python examples/talk.py hello.wav" in err
