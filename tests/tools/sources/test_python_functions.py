"""Functions in Python as tools: files, packages, threads, and whatever they raise."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import ToolError, tool
from rtaudio_daemon.daemon.log import RedactingFormatter
from rtaudio_daemon.tools.sources.python_files import find_functions, find_in_time
from rtaudio_daemon.tools.sources.python_functions import PythonFunctions
from rtaudio_daemon.tools.sources.worker_threads import THREADS
from rtaudio_daemon.tools.tool import CallContext, SourceState

CONTEXT = CallContext("call_1")
HEAD = "from __future__ import annotations\nfrom rtaudio_daemon import ToolError, tool\n"


class Changes:
    """Counts what the source reports."""

    def __init__(self) -> None:
        self.count = 0

    def tools_changed(self) -> None:
        self.count += 1


def written(folder: Path, text: str, name: str = "mine.py", head: str = HEAD) -> str:
    path = folder / name
    path.write_text(head + text)
    return str(path)


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("rtaudio_tools_"):
            del sys.modules[name]


async def opened(*files: str) -> PythonFunctions:
    return await PythonFunctions.open(files, Changes())


async def call(source: PythonFunctions, name: str, **arguments: Any) -> Any:
    (found,) = (each for each in source.tools() if each.name == name)
    return await found.run(arguments, CONTEXT)


async def refusal(source: PythonFunctions, name: str, **arguments: Any) -> str:
    with pytest.raises(ToolError) as refused:
        await call(source, name, **arguments)
    return str(refused.value)


# ------------------------------------------------------------------- what is found

MINE = '''
import asyncio
from dataclasses import dataclass
from enum import Enum

class Room(Enum):
    HALL = "hall"

@dataclass
class Light:
    room: Room
    level: int = 1

def helper() -> None:
    """It is no tool."""

@tool
def set_light(light: Light) -> Light:
    """Set a light."""
    return light

@tool(name="ring", confirm=True, read_only=True, limit_s=5)
async def ring_the_bell(times: int = 1) -> str:
    """Ring the bell."""
    await asyncio.sleep(1)
    return f"rang {times} times"

@tool
def nothing() -> None:
    """Do nothing."""
'''


async def test_functions_are_offered_as_they_are_marked(tmp_path: Path) -> None:
    source = await opened(written(tmp_path, MINE))
    assert (source.state, source.note) == (SourceState.OK, "")
    assert [each.name for each in source.tools()] == ["set_light", "ring", "nothing"]
    ring = source.tools()[1]
    assert (ring.description, ring.source) == ("Ring the bell.", "python")
    assert (ring.confirm, ring.read_only, ring.limit_s) == (True, True, 5)
    given = {"light": {"room": "hall", "level": 2.0}}
    assert await call(source, "set_light", **given) == {"room": "hall", "level": 2}
    assert await call(source, "ring", times=2) == "rang 2 times"
    assert await call(source, "nothing") == "done"


def test_a_marked_function_stays_the_function_that_it_is() -> None:
    @tool
    def double(number: int) -> int:
        """Double it."""
        return 2 * number

    assert double(4) == 8
    with pytest.raises(ValueError, match="limit_s: expected a number from 1 to 300, got 0"):
        tool(limit_s=0)


async def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = written(tmp_path, '@tool\ndef one() -> str:\n    """Say."""\n    return "one"\n')
    assert await call(await opened(file), "one") == "one"
    written(tmp_path, '@tool\ndef one() -> str:\n    """Say."""\n    return "another one"\n')
    assert await call(await opened(file), "one") == "another one"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def f(:\n", "{file}:3: invalid syntax"),
        ("x = 1\nraise KeyError('x')\n", "{file}:4: cannot be loaded, it raised KeyError: 'x'"),
        ("import sys\nsys.exit(3)\n", "{file}:4: cannot be loaded, it raised SystemExit: 3"),
        ("raise KeyboardInterrupt\n", "{file}:3: cannot be loaded, it raised KeyboardInterrupt"),
        (
            "class Mine(BaseException): ...\nraise Mine\n",
            "{file}:4: cannot be loaded, it raised Mine",
        ),
        (
            "import no_such_package\n",
            "{file}:3: cannot be loaded, it raised ModuleNotFoundError: No",
        ),
        ("@tool(limit_s=0)\ndef f() -> None: ...\n", "{file}:3: cannot be loaded, it raised Val"),
        ("\0", "{file}: cannot be loaded, it raised"),
        ("def f() -> None: ...\n", "{file}: holds no tool; mark a function with @tool"),
        ("@tool\ndef f(a) -> None:\n    'Do.'\n", "{file}:3: f: a: has no type hint, as in a: str"),
        (
            "@tool(name='a b')\ndef f() -> None:\n    'Do.'\n",
            "{file}:3: a b: is no name for a tool",
        ),
        (
            "@tool\ndef f() -> None:\n    'Do.'\n@tool(name='f')\ndef g() -> None:\n    'Do.'\n",
            "{file}:6: f: there is another tool of this name; give it name=",
        ),
    ],
)
async def test_what_is_wrong_with_a_file_is_said_with_its_line(
    tmp_path: Path, text: str, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path, text)
    good = written(tmp_path, '@tool\ndef good() -> str:\n    "Do."\n    return "good"\n', "good.py")
    source = await opened(file, good)
    assert source.note.startswith(problem.format(file=file)), source.note
    assert source.note in caplog.text
    assert await call(source, "good") == "good"
    assert source.state is SourceState.OK


async def test_a_file_is_named_as_the_configuration_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "raise KeyError\n")
    written(tmp_path, "def f(:\n", "odd.py")
    written(tmp_path, "@tool\ndef f(a) -> None:\n    'Do.'\n", "hint.py")
    assert find_functions(("mine.py", "odd.py", "hint.py", "gone.py")).problems == (
        "mine.py:3: cannot be loaded, it raised KeyError",
        "odd.py:3: invalid syntax",
        "hint.py:3: f: a: has no type hint, as in a: str",
        "gone.py: there is no such file",
    )


async def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    gone, text = str(tmp_path / "gone.py"), written(tmp_path, "", "mine.txt")
    source = await opened(gone, text)
    assert f"{gone}: there is no such file" in source.note
    assert (
        f"{text}: cannot be loaded, it raised ImportError: its name must end with .py"
        in source.note
    )
    assert (source.tools(), source.state) == ([], SourceState.REFUSED)


async def test_many_problems_are_counted(tmp_path: Path) -> None:
    source = await opened(*(str(tmp_path / f"{number}.py") for number in range(7)))
    assert source.note.endswith("; and 2 more")


@pytest.mark.real_time
async def test_a_file_that_takes_too_long_is_left_out(tmp_path: Path) -> None:
    file = written(tmp_path, "import threading\nthreading.Event().wait(20)\n")
    source = await PythonFunctions.open([file], Changes(), limit_s=0.05)
    why = "takes longer than 0.05 s to load; do nothing long outside functions"
    assert source.note == f"{file}: {why}"


def test_whoever_cannot_wait_learns_that_a_file_never_ends(tmp_path: Path) -> None:
    short = written(tmp_path, "x = 1\n")
    assert "holds no tool" in find_in_time((short,)).problems[0]
    endless = tmp_path / "endless.py"
    endless.write_text("import threading\nthreading.Event().wait()\n")
    (problem,) = find_in_time((str(endless),), 0.05).problems
    assert problem.startswith(f"{endless}: takes longer than 0.05 s")


def test_packages_offer_functions_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "bell-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bell\nVersion: 1.0\n")
    points = "[rtaudio_daemon.tools]\nall = bell\none = bell:knock\nbroken = bell:nothing\n"
    (metadata / "entry_points.txt").write_text(points)
    written(tmp_path, '@tool\ndef ring() -> None:\n    "Ring."\n', "bell.py")
    with (tmp_path / "bell.py").open("a") as file:
        file.write('\n\n@tool(name="knock_twice")\ndef knock() -> None:\n    "Knock."\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    found = find_functions(())
    assert [each.name for each in found.functions] == ["ring", "knock_twice"]
    assert len(found.problems) == 2
    assert any("entry point broken: cannot be loaded" in each for each in found.problems)
    assert any("knock_twice: there is another tool" in each for each in found.problems)
    del sys.modules["bell"]


# ------------------------------------------------------------------- what they raise and return


async def test_whatever_a_function_raises_becomes_words_for_the_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raising = """
import asyncio
@tool
def tool_error() -> None:
    "Do."
    raise ToolError("the gate is\\nstuck")
@tool
def mistake() -> None:
    "Do."
    {}["key"]
@tool
def leave() -> None:
    "Do."
    raise SystemExit(3)
@tool
async def leave_later() -> None:
    "Do."
    await asyncio.sleep(1)
    raise KeyboardInterrupt
@tool
async def cancel_myself() -> None:
    "Do."
    raise asyncio.CancelledError
@tool
def without_end() -> dict:
    "Do."
    found: dict = {}
    found["found"] = found
    return found
"""
    source = await opened(written(tmp_path, raising))
    assert await refusal(source, "tool_error") == "the gate is stuck"
    assert "Traceback" not in caplog.text
    assert await refusal(source, "mistake") == "mistake failed: KeyError: 'key'"
    assert "Traceback" in caplog.text
    assert await refusal(source, "leave") == "leave failed: SystemExit: 3"
    assert await refusal(source, "leave_later") == "leave_later failed: KeyboardInterrupt"
    assert await refusal(source, "cancel_myself") == "cancel_myself stopped by itself"
    assert "nested too deeply" in await refusal(source, "without_end")
    assert await refusal(source, "mistake", invented=1) == "mistake failed: KeyError: 'key'"


async def test_what_a_function_returns_becomes_json(tmp_path: Path) -> None:
    returning = """
import datetime
@tool
def several() -> list:
    "Do."
    return [(1, {2}), {3: datetime.date(2026, 11, 28)}, None, b"x"]
"""
    source = await opened(written(tmp_path, returning))
    assert await call(source, "several") == [[1, [2]], {"3": "2026-11-28"}, None, "b'x'"]


# ------------------------------------------------------------------- threads

BLOCKING = """
import threading
release, started = threading.Event(), threading.Semaphore(0)
@tool
def block() -> str:
    "Block."
    started.release()
    release.wait(60)
    return threading.current_thread().name
@tool
def quick() -> str:
    "Be quick."
    return threading.current_thread().name
"""


@asynccontextmanager
async def blocking(folder: Path) -> AsyncIterator[tuple[PythonFunctions, Any, Changes]]:
    changes = Changes()
    source = await PythonFunctions.open([written(folder, BLOCKING)], changes)
    module = sys.modules["rtaudio_tools_mine"]
    try:
        yield source, module, changes
    finally:
        vars(module)["release"].set()
        async with asyncio.timeout(60):
            while any(each.name == "tool block" for each in threading.enumerate()):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0)


async def started(module: Any, count: int) -> None:
    async with asyncio.timeout(60):
        for _ in range(count):
            while not vars(module)["started"].acquire(blocking=False):
                await asyncio.sleep(0.01)


@pytest.mark.real_time
async def test_functions_run_in_four_threads_of_their_own_and_others_wait(tmp_path: Path) -> None:
    async with blocking(tmp_path) as (source, module, changes):
        running = [asyncio.create_task(call(source, "block")) for _ in range(THREADS)]
        await started(module, THREADS)
        waiting = asyncio.create_task(call(source, "quick"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        vars(module)["release"].set()
        assert await asyncio.gather(*running) == ["tool block"] * THREADS
        assert await waiting == "tool quick"
        assert changes.count == 0


@pytest.mark.real_time
async def test_a_function_past_its_limit_keeps_its_thread_and_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with blocking(tmp_path) as (source, module, changes):
        for number in range(THREADS):
            assert await call(source, "quick") == "tool quick"
            running = asyncio.create_task(call(source, "block"))
            await started(module, 1)
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()
            assert changes.count == number + 1
        assert source.note == "still running past its limit, each in a thread: block"
        assert source.note in caplog.text
        assert await refusal(source, "quick") == (
            "quick cannot run: all 4 threads for tools are stuck in block; the daemon must be "
            "started again"
        )
        vars(module)["release"].set()
        async with asyncio.timeout(60):
            while source.note:
                await asyncio.sleep(0.01)
        assert await call(source, "quick") == "tool quick"


@pytest.mark.real_time
async def test_a_call_that_waits_for_a_thread_is_told_when_the_last_one_is_stuck(
    tmp_path: Path,
) -> None:
    async with blocking(tmp_path) as (source, module, _):
        running = [asyncio.create_task(call(source, "block")) for _ in range(THREADS)]
        await started(module, THREADS)
        waiting = asyncio.create_task(refusal(source, "quick"))
        for task in running:
            await asyncio.sleep(0.01)
            task.cancel()
        assert "all 4 threads for tools are stuck" in await waiting


def test_the_program_ends_while_threads_are_stuck(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from rtaudio_daemon.tools.sources.python_functions import PythonFunctions
from rtaudio_daemon.tools.tool import CallContext
class Listener:
    def tools_changed(self): pass
async def main():
    source = await PythonFunctions.open([{written(tmp_path, BLOCKING)!r}], Listener())
    running = asyncio.create_task(source.tools()[0].run({{}}, CallContext("c")))
    module = sys.modules["rtaudio_tools_mine"]
    await asyncio.to_thread(module.started.acquire)
    running.cancel()
asyncio.run(main())
print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=45, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ended\n")


async def test_an_async_function_that_does_not_stop_is_left_alone(tmp_path: Path) -> None:
    stubborn = """
import asyncio
@tool
async def stubborn() -> None:
    "Go on."
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(60)
        raise ValueError("at last") from None
"""
    source = await opened(written(tmp_path, stubborn))
    running = asyncio.create_task(call(source, "stubborn"))
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert asyncio.get_running_loop().time() - began < 1
    await asyncio.sleep(120)


async def test_secrets_of_a_function_reach_the_log_only_through_its_redaction(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = '@tool\ndef leak() -> None:\n    "Do."\n    raise ValueError("api_key=abcdefgh12345")\n'
    source = await opened(written(tmp_path, text))
    await refusal(source, "leak")
    (record,) = (each for each in caplog.records if each.levelno == logging.WARNING)
    assert "abcdefgh12345" not in RedactingFormatter().format(record)


def test_a_file_that_gives_nothing_or_never_ends_is_named_at_once(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe.py", tmp_path / "large.py"
    os.mkfifo(pipe)
    large.write_text("x = 1\n" * 200_000)
    (tmp_path / "folder.py").mkdir()
    found = find_functions((str(pipe), str(large), str(tmp_path / "folder.py")))
    assert found.problems == (
        f"{pipe}: cannot be read: a pipe or a device that gives nothing",
        f"{large}: cannot be read: too large",
        f"{tmp_path / 'folder.py'}: cannot be read: Is a directory",
    )
