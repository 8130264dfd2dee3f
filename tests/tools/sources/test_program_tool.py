"""Program tools: what the program is given, what the model is given, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.config import OwnTool, Secret
from rtaudio_daemon.tools.sources.program_tool import ProgramTool
from rtaudio_daemon.tools.sources.running_program import complaint
from rtaudio_daemon.tools.tool import CallContext, ToolError

pytestmark = pytest.mark.real_time
CONTEXT = CallContext("call_1")
SHOW = (sys.executable, "-S", "-c", "import json, sys; print(json.dumps(sys.argv[1:]))")


def tool(*program: str, **environment: str) -> ProgramTool:
    own = OwnTool(name="program", description="A program.", program=program)
    return ProgramTool(own, {"PATH": os.environ["PATH"], **environment})


async def call(*program: str, **arguments: Any) -> Any:
    async with asyncio.timeout(60):
        return await tool(*program).run(arguments, CONTEXT)


async def refusal(*program: str, **arguments: Any) -> str:
    with pytest.raises(ToolError) as refused:
        await call(*program, **arguments)
    return str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "; rm -rf /",
        "$(reboot)",
        "`reboot`",
        "a && b | c > d",
        "../../etc/passwd",
        "two\nlines",
        "quotes \" and ' and *",
        "",
        "süß",
    ],
)
async def test_an_argument_is_one_element_whatever_it_holds(text: str) -> None:
    assert await call(*SHOW, "{text}", "--x={text}", text=text) == [text, f"--x={text}"]


@pytest.mark.parametrize("text", ["-rf", "--help", "-"])
async def test_an_argument_is_no_option(text: str) -> None:
    assert await refusal(*SHOW, "{text}", text=text) == "text must not begin with -"
    assert await call(*SHOW, "--x={text}", text=text) == [f"--x={text}"]
    assert await call(*SHOW, "value {text}", text=text) == [f"value {text}"]


async def test_an_argument_is_a_number_or_left_out() -> None:
    command = (*SHOW, "fixed", "{level}", "{unused}", "--on={on}", "--unused={unused}", "{{level}}")
    assert await call(*command, level=20.0, on=True) == ["fixed", "20", "--on=true", "{level}"]
    assert await refusal(*SHOW, "{level}", level=-5) == "level must not begin with -"


async def test_an_argument_that_no_program_can_take_is_refused() -> None:
    assert "no program takes" in await refusal(*SHOW, "{text}", text="a\0b")
    assert await call(*SHOW, "{text}", text="\ud800") == ["?"]
    assert "Argument list too long" in await refusal(*SHOW, "{text}", text="x" * 200_000)


async def test_the_program_gets_no_secret_of_our_environment_and_no_input() -> None:
    show = "import json, os, sys; print(json.dumps([dict(os.environ), sys.stdin.read()]))"
    secrets = {
        "CREDENTIALS_DIRECTORY": "/run/credentials/rtaudio",
        "AZURE_API_KEY": "k",
        "RTAUDIO_TOKEN": "t",
        "DB_PASSWORD": "p",
        "AWS_SECRET": "s",
        "HTTPS_PROXY": "http://me:pass@proxy",
        "LD_PRELOAD": "/tmp/x.so",
    }
    kept = {"HOME": "/home/me", "LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "Europe/Berlin"}
    running = tool(sys.executable, "-S", "-c", show, **secrets, **kept)
    environment, given = await running.run({}, CONTEXT)
    assert given == ""
    assert environment == {"PATH": os.environ["PATH"], **kept}


@pytest.mark.parametrize(
    ("printed", "result"),
    [
        (b'{"a": [1]}', {"a": [1]}),
        (b"20 degrees\n", "20 degrees\n"),
        (b" \n", "done"),
        (b"caf\xe9", "caf�"),
    ],
)
async def test_what_it_prints_is_json_or_text(printed: bytes, result: Any) -> None:
    show = f"import sys; sys.stdout.buffer.write({printed!r})"
    assert await call(sys.executable, "-S", "-c", show) == result


async def test_a_program_that_prints_without_end_fills_no_memory() -> None:
    show = "import sys; sys.stdout.write('x' * 3_000_000); sys.stderr.write('y' * 1_000_000)"
    assert await call(sys.executable, "-S", "-c", show) == "x" * 64 * 1024


async def test_a_program_that_fails_says_why_in_its_last_line() -> None:
    show = "import sys; print('part'); sys.stderr.write('first\\nno \\x1b[2J lamp\\n'); sys.exit(3)"
    assert await refusal(sys.executable, "-S", "-c", show) == (
        f"{Path(sys.executable).name} failed (exit status 3): no \\x1b[2J lamp"
    )
    assert await refusal("sh", "-c", "exit 4") == "sh failed (exit status 4)"
    assert await refusal("sh", "-c", "kill -9 $$") == "sh failed (ended by SIGKILL)"
    raised = await refusal(sys.executable, "-S", "-c", "raise ValueError('no lamp')")
    assert "Traceback" not in raised
    assert raised.endswith("(exit status 1): ValueError: no lamp")


async def test_a_program_that_cannot_be_run_says_what_to_do(tmp_path: Path) -> None:
    script = tmp_path / "lamp.sh"
    assert "there is no program lamp-control; install it" in await refusal("lamp-control")
    assert f"there is no program {script}" in await refusal(str(script))
    one_text = "there is no program 'sh -c lamp'; write each argument as an entry: [sh, -c, lamp]"
    assert await refusal("sh -c lamp") == one_text
    assert "there is no program my lamp; install it" in await refusal("my lamp")
    assert (await refusal("/home/~/lamp.sh")).endswith("; write the whole path instead of ~")
    script.write_text("#!/bin/sh\necho on\n")
    assert f"{script} may not be run by this user; chmod +x" in await refusal(str(script))
    script.chmod(0o755)
    assert await call(str(script)) == "on\n"
    script.write_text("#!/no/such/interpreter\n")
    assert "cannot be run: No such file" in await refusal(str(script))
    assert "is a folder" in await refusal(str(tmp_path))
    assert complaint("sh") == ""


async def test_secrets_show_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = Secret("opens-every-door-here")
    show = "import sys; key = sys.argv[1]; print(key); sys.exit(key if len(sys.argv) > 2 else 0)"
    running = tool(sys.executable, "-S", "-c", show, key)
    assert await running.run({}, CONTEXT) == "**\n"
    failing = tool(sys.executable, "-S", "-c", show, key, "more")
    with pytest.raises(ToolError, match=r"exit status 1\): \*\*$"):
        await failing.run({}, CONTEXT)
    assert key.reveal() not in caplog.text + repr(OwnTool(program=("curl", key)))


async def start(tmp_path: Path, script: str) -> tuple[asyncio.Task[Any], list[int]]:
    """A call that runs, and the numbers of its processes; the script writes them into ./pids."""
    pids = tmp_path / "pids"
    running = asyncio.create_task(tool("bash", "-c", f"cd {tmp_path}; {script}").run({}, CONTEXT))
    async with asyncio.timeout(60):
        while not pids.exists() or len(pids.read_text().split()) < 2:
            assert not running.done()
            await asyncio.sleep(0.01)
    return running, [int(each) for each in pids.read_text().split()]


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


async def ended(pids: list[int]) -> None:
    async with asyncio.timeout(60):
        while any(map(lives, pids)):
            await asyncio.sleep(0.01)


async def test_a_call_that_is_stopped_ends_the_program_and_all_it_started(tmp_path: Path) -> None:
    script = "trap 'echo bye > ended; exit' TERM; sleep 600 & echo $$ $! > pids; wait"
    running, pids = await start(tmp_path, script)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    await ended(pids)
    assert (tmp_path / "ended").exists()


async def test_a_program_that_does_not_want_to_end_is_asked_and_killed(tmp_path: Path) -> None:
    script = "trap 'echo > asked' TERM; (trap '' TERM; sleep 600) & echo $$ $! > pids; "
    running, pids = await start(tmp_path, script + "while :; do sleep 0.1; done")
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    await ended(pids)
    assert (tmp_path / "asked").exists()


async def test_two_stops_at_once_leave_nothing_running(tmp_path: Path) -> None:
    running, pids = await start(tmp_path, "trap '' TERM; sleep 600 & echo $$ $! > pids; wait; wait")
    running.cancel()
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])
    await ended(pids)


async def test_a_call_that_is_stopped_while_it_starts_leaves_nothing_running() -> None:
    mark = f"mark-{os.getpid()}"
    for moments in range(8):
        running = asyncio.create_task(tool("bash", "-c", "sleep 600; :", mark).run({}, CONTEXT))
        for _ in range(moments):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()

    def left() -> list[int]:
        found = []
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if mark.encode() in each.read_bytes():
                    found.append(int(each.parent.name))
        return found

    async with asyncio.timeout(60):
        while left():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)


async def test_what_a_program_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    running, pids = await start(tmp_path, "sleep 600 & echo $$ $! > pids; echo playing")
    assert await running == "playing\n"
    assert lives(pids[1])
    os.kill(pids[1], 9)
    await ended(pids)
