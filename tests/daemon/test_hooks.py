"""Hooks: what they are given, that nothing waits for them, and that they end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from rtaudio_daemon import config
from rtaudio_daemon.config import Hook, Secret
from rtaudio_daemon.daemon.hooks import Hooks
from rtaudio_daemon.notifications import (
    ConnectionChanged,
    ConnectionState,
    ModelStatus,
    MuteChanged,
    StatusChanged,
    ToolReported,
    Transcript,
    VolumeChanged,
    WakeWordHeard,
)
from tests.harness import Harness, speech
from tests.waiting import until

KEY = "Bearer opens-every-door"
SPEAKING = StatusChanged(ModelStatus.SPEAKING, ModelStatus.THINKING)
IDLE = StatusChanged(ModelStatus.IDLE, ModelStatus.SPEAKING)


class Flow:
    """A server that keeps what it gets; it answers at once, or when `answers` is set."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.status = 200
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert (request.method, request.path) == ("POST", "/voice")
        self.got.append(await request.json())
        self.headers.append(dict(request.headers))
        await self.answers.wait()
        return web.Response(status=self.status, headers={"Location": "http://127.0.0.1:9/"})

    def said(self, name: str) -> list[Any]:
        """This field of every event so far."""
        return [each.get(name) for each in self.got]


@asynccontextmanager
async def flow() -> AsyncIterator[Flow]:
    found = Flow()
    async with RawTestServer(found.handle) as server:
        found.url = str(server.make_url("/voice"))
        yield found
        found.answers.set()


@asynccontextmanager
async def hooked(*hooks: Hook, **environment: str) -> AsyncIterator[Hooks]:
    async with asyncio.TaskGroup() as group:
        found = Hooks(
            group,
            lambda: True,
            environment={"PATH": os.environ["PATH"], **environment},
            wall_clock=lambda: 1.5,
        )
        await found.use(hooks)
        yield found
        await found.close()


def counted(hooks: Hooks) -> tuple[float, float, float]:
    counts = hooks.counts()
    return counts["hook_runs"], counts["hook_failures"], counts["hook_events_dropped"]


async def ran(hooks: Hooks, times: float) -> None:
    await until(lambda: counted(hooks)[0] == times)


def shell(script: str, *more: str, **options: Any) -> Hook:
    return Hook(on="status", run=("sh", "-c", script, "hook", *more), limit_s=60, **options)


# ------------------------------------------------------------------------ addresses


async def test_an_address_is_given_the_event_as_subscribers_see_it() -> None:
    async with flow() as there:
        hook = Hook(on="status", url=there.url, headers={"Authorization": Secret(KEY)})
        async with hooked(hook) as hooks:
            hooks.notice(SPEAKING)
            hooks.notice(WakeWordHeard("okay_nabu"))
            await until(lambda: counted(hooks) == (1, 0, 0))
    assert there.got == [
        {
            "event": "status",
            "time": "1970-01-01T00:00:01.500Z",
            "status": "speaking",
            "previous": "thinking",
        }
    ]
    assert there.headers[0]["Authorization"] == KEY
    assert there.headers[0]["Content-Type"] == "application/json"


async def test_when_chooses_among_the_events() -> None:
    async with flow() as there:
        hook = Hook(on="status", when={"status": ["idle", "listening"]}, url=there.url)
        async with hooked(hook) as hooks:
            for change in (SPEAKING, IDLE, SPEAKING):
                hooks.notice(change)
            await until(lambda: hooks.counts()["hook_runs"] == 1)
    assert there.said("status") == ["idle"]


async def test_what_was_said_is_given_only_where_transcripts_are_published() -> None:
    said = Transcript("user", "my secret", final=True, item_id="i")
    call = ToolReported("c", "gate", "own", "done", arguments='{"who": "me"}', result="open")
    async with flow() as there:
        each = (Hook(on="transcript", url=there.url), Hook(on="tool", url=there.url))
        async with hooked(*each) as hooks:
            for number, published in enumerate((False, True)):
                hooks.publish_transcripts = published
                for notification in (said, call):
                    hooks.notice(notification)
                await ran(hooks, 1 + 2 * number)
    assert there.said("event")[0] == "tool"
    assert sorted(there.said("event")) == ["tool", "tool", "transcript"]
    assert "arguments" not in there.got[0]
    assert "my secret" in there.said("text")
    assert '{"who": "me"}' in there.said("arguments")


async def test_a_sleeping_session_is_asleep_for_a_hook_too() -> None:
    async with flow() as there, hooked(Hook(on="connection", url=there.url)) as hooks:
        hooks.notice(ConnectionChanged(ConnectionState.CLOSED, "azure"))
        await until(lambda: there.said("asleep") == [True])


async def test_a_thousand_changes_while_an_address_hangs_hold_one_event_and_drop_the_rest() -> None:
    async with flow() as there, hooked(Hook(on="volume", url=there.url), _status(there)) as hooks:
        there.answers.clear()
        for number in range(1000):
            hooks.notice(SPEAKING if number % 2 else IDLE)
        await until(lambda: there.got)
        hooks.notice(replace(IDLE, previous=ModelStatus.LISTENING))
        assert counted(hooks) == (0, 0, 999)
        there.answers.set()
        await until(lambda: counted(hooks) == (2, 0, 999))
        assert there.said("previous") == ["speaking", "listening"], "the first and the newest"


def _status(there: Flow, **options: Any) -> Hook:
    return Hook(on="status", url=there.url, **options)


async def test_an_address_that_hangs_is_left_after_the_limit_and_the_next_event_is_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = asyncio.get_running_loop().time
    async with flow() as there, hooked(_status(there, limit_s=7)) as hooks:
        there.answers.clear()
        began = clock()
        hooks.notice(SPEAKING)
        hooks.notice(IDLE)
        await until(lambda: counted(hooks) == (1, 1, 0))
        assert 7 <= clock() - began < 8
        there.answers.set()
        await until(lambda: counted(hooks) == (2, 1, 0))
    assert there.said("status") == ["speaking", "idle"]
    (line,) = caplog.messages
    assert line == f"hook on status: POST {there.url}: was stopped after 7 s (limit_s)"


async def test_the_end_does_not_wait_for_an_address_that_hangs() -> None:
    clock = asyncio.get_running_loop().time
    async with flow() as there:
        async with hooked(_status(there, limit_s=300)) as hooks:
            there.answers.clear()
            hooks.notice(SPEAKING)
            await until(lambda: there.got)
            began = clock()
        assert clock() - began < 0.1


async def test_a_failure_is_logged_once_an_hour_for_each_kind_and_always_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with flow() as there, hooked(_status(there, headers={"X-Key": Secret(KEY)})) as hooks:

        async def fail(times: int, status: int) -> None:
            there.status = status
            for _ in range(times):
                runs = counted(hooks)[0] + 1
                hooks.notice(SPEAKING)
                await ran(hooks, runs)

        await fail(50, 500)
        await fail(2, 302)
        await fail(1, 204)
        await fail(1, 500)
        await asyncio.sleep(3601)
        await fail(1, 500)
        assert counted(hooks) == (55, 54, 0)
    host = there.url.removeprefix("http://").removesuffix("/voice")
    before = f"hook on status: POST {there.url}: {host} answers HTTP"
    assert caplog.messages == [
        f"{before} 500",
        f"{before} 302: it points to another address, which is not followed",
        f"{before} 500 (51 times since this was logged last)",
    ]


async def test_an_address_where_nobody_is_and_a_secret_one(
    caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    url = Secret(f"http://127.0.0.1:{unused_tcp_port}/api/webhook/voice-opens-every-door")
    async with hooked(Hook(on="status", url=url)) as hooks:
        hooks.notice(SPEAKING)
        await until(lambda: counted(hooks) == (1, 1, 0))
    (line,) = caplog.messages
    assert "Connection refused" in line
    assert "opens-every-door" not in line


# ------------------------------------------------------------------------- programs


@pytest.mark.real_time
async def test_a_program_gets_fields_the_whole_event_and_no_secret_of_ours(tmp_path: Path) -> None:
    show = (
        "import json, os, sys; json.dump([sys.argv[2:], json.load(sys.stdin), "
        "{**os.environ}], open(sys.argv[1] + '.part', 'w')); os.rename(sys.argv[1] + '.part', "
        "sys.argv[1])"
    )
    path = tmp_path / "seen"
    hook = Hook(
        on="tool",
        run=(sys.executable, "-S", "-c", show, str(path), "{tool}", "--ms={took_ms}", "{{tool}}"),
        limit_s=60,
    )
    async with hooked(hook, AZURE_API_KEY="k", LC_ALL="C.UTF-8") as hooks:
        hooks.notice(ToolReported("c", "; rm -rf / $(reboot)", "own", "done", 250, result="x"))
        await until(path.exists)
        await until(lambda: counted(hooks) == (1, 0, 0))
    arguments, event, environment = json.loads(path.read_text())
    assert arguments == ["; rm -rf / $(reboot)", "--ms=250", "{tool}"]
    assert (event["event"], event["tool"]) == ("tool", "; rm -rf / $(reboot)")
    assert "result" not in event
    assert environment == {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


@pytest.mark.real_time
async def test_a_field_is_no_option_and_a_program_that_fails_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    each = (
        Hook(on="wake", run=("echo", "{word}")),
        Hook(on="mute", run=("sh", "-c", "echo $0 >&2; exit 3", Secret("opens-every-door"))),
        Hook(on="volume", run=("no-such-lamp", "{level}")),
    )
    async with hooked(*each) as hooks:
        hooks.notice(WakeWordHeard("-rf"))
        hooks.notice(MuteChanged(True))
        await until(lambda: counted(hooks) == (2, 2, 0))
        await hooks.use(each[2:])
        hooks.notice(VolumeChanged(0.5))
        await until(lambda: counted(hooks) == (3, 3, 0))
    assert sorted(caplog.messages) == [
        "hook on mute: sh -c echo $0 >&2; exit 3 **: sh failed (exit status 3): **",
        "hook on volume: no-such-lamp {level}: there is no program no-such-lamp; install it, or "
        "write its whole path",
        "hook on wake: echo {word}: word must not begin with -",
    ]


def living(path: Path) -> list[int]:
    """The processes that wrote their number into `path` and still run."""
    return [number for number in map(int, path.read_text().split()) if _lives(number)]


def _lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


STUBBORN = 'trap "" TERM; echo $$ >> "$1"; sh -c "echo \\$\\$ >> \\"$1\\"; sleep 300" & wait; wait'


@pytest.mark.real_time
async def test_a_program_that_does_not_end_is_killed_with_all_that_it_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "numbers"
    path.touch()
    async with hooked(replace(shell(STUBBORN, str(path)), limit_s=2)) as hooks:
        hooks.notice(SPEAKING)
        await until(lambda: counted(hooks) == (1, 1, 0))
        assert len(path.read_text().split()) == 2
        await until(lambda: living(path) == [])
    assert "was stopped after 2 s (limit_s)" in caplog.messages[0]


@pytest.mark.real_time
async def test_a_stop_kills_what_runs_and_a_reload_only_what_is_gone(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first", "second")]
    for path in paths:
        path.touch()
    first, second = (shell(STUBBORN, str(path)) for path in paths)
    async with hooked(first, second) as hooks:
        hooks.notice(SPEAKING)
        await until(lambda: all(len(living(path)) == 2 for path in paths))
        kept = living(paths[1])
        await hooks.use([replace(second), first_changed(first)])
        await until(lambda: living(paths[0]) == [])
        assert living(paths[1]) == kept
    await until(lambda: living(paths[1]) == [])
    assert counted(hooks) == (0, 0, 0)


def first_changed(hook: Hook) -> Hook:
    return replace(hook, on="wake")


# ------------------------------------------------------------------ the whole daemon


def with_hooks(*hooks: Hook) -> Callable[[config.Config], config.Config]:
    return lambda settings: replace(settings, hooks=hooks)


async def test_a_conversation_with_a_hook_that_hangs_is_like_one_without(tmp_path: Path) -> None:
    async with flow() as there:
        there.answers.clear()
        said, change = [(1000, speech("hello"))], with_hooks(_status(there, limit_s=300))
        async with Harness(tmp_path, said, change=change) as harness:
            await harness.turns(1)
            assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
            assert there.said("status") == ["listening"]
            async with harness.http.get("/metrics") as answer:
                metrics = await answer.text()
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 1
    assert "rtaudio_hook_events_dropped_total 2.0" in metrics
    assert "rtaudio_hook_runs_total 0.0" in metrics


async def test_a_reload_changes_the_hooks_that_are_different(tmp_path: Path) -> None:
    async with flow() as there:
        mute = Hook(on="mute", url=there.url)
        async with Harness(tmp_path, change=with_hooks(mute)) as harness:
            await harness.post("/api/mute")
            await harness.until(lambda: harness.named("mute"))
            await until(lambda: there.said("muted") == [True])
            harness.edit = with_hooks(Hook(on="volume", url=there.url), mute)
            _, report = await harness.post("/api/reload")
            ((option, part, state),) = [
                (each["option"], each["part"], each["state"]) for each in report["changed"]
            ]
            assert (option, part, state) == ("hooks", "hooks", "applied")
            await harness.post("/api/volume", {"level": 0.5})
            await harness.post("/api/mute", {"muted": False})
            await until(lambda: len(there.got) == 3)
            assert sorted(there.said("event")) == ["mute", "mute", "volume"]
            harness.edit = with_hooks()
            await harness.post("/api/reload")
            await harness.post("/api/mute")
            assert harness.app.controls.hooks is not None
            assert counted(harness.app.controls.hooks) == (3, 0, 0)
            assert (await harness.post("/api/reload"))[1]["changed"] == []
