"""Runs the calls of an answer. Every call gets exactly one output, whatever happens.

    phase        output                                        the tool
    done         its result                                    has run
    failed       why, in its own words                         has run, or could not be tried
    timed_out    that no result came in time                   was stopped, or goes on (`late`)
    late         none any more                                 ended after its output was given
    refused      why: unknown, wrong arguments, not allowed    has not run
    unconfirmed  that a person must be asked first             has not run
    cancelled    that it was stopped                           was stopped

Calls of one answer run concurrently. A call that repeats another of the same answer, or, unless it
only reads, one of the last two seconds, does not run: it gets the other's result.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

from ..notifications import AsAsked, ToolPhase, ToolReported
from . import results
from .registry import Registry
from .schema import parse_arguments
from .tool import CallContext, Json, Outcome, Tool, ToolError

_LOG = logging.getLogger(__name__)
_AT_ONCE = 8
_SAME_S = 2.0  # a call repeated within this time is the same one
_OUTPUT_S = 120.0  # a later result is dropped
_CLOSING_S = 2.0
_WORKING_S = 2.0  # a longer call is made audible, and again after twice as long
_LONG_TICKS = 4  # number of such periods after which the model is notified
_SHOWN_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an answer. `arguments`: JSON as the model wrote it, which may be invalid."""

    call_id: str
    name: str
    arguments: str


class RunnerListener(Protocol):
    """Takes what the runner returns, and decides what may run."""

    def call_answered(self, call_id: str, output: str, *, silent: bool) -> None:
        """Take the one output of a call, as JSON."""

    def call_reported(self, report: ToolReported) -> None:
        """Note that a call began, continued or ended."""

    def calls_work(self) -> None:
        """Somebody waits for a call that is still running: let them hear it."""

    def calls_take_long(self, call_ids: Sequence[str]) -> None:
        """Note that these calls of one answer are still running."""

    async def permit(
        self, name: str, tool: Tool, arguments: Json, *, by_hand: bool
    ) -> Refusal | None:
        """Return why the model's call of the tool `name` may not run, or not yet; None: it may.

        `by_hand`: the model did not make this call, so that no answer to a question can permit it.
        Raises ToolError.
        """


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call may not run, in words for the model; `ask`: it may once a person says yes."""

    why: str
    ask: bool = False


@dataclass(slots=True)
class _Ending:
    phase: ToolPhase
    output: str
    silent: bool = False
    as_asked: AsAsked = "unknown"


class Runner:
    """Runs calls of the tools of `registry`, which may be replaced; times are those of the loop.

    `limit_s`: seconds that a call may take unless its tool has a limit. `characters`: maximum
    length of a result.
    """

    def __init__(
        self,
        registry: Registry,
        listener: RunnerListener,
        *,
        limit_s: float = 30.0,
        characters: int = 4_000,
    ) -> None:
        self.registry = registry
        self.limit_s = limit_s
        self.characters = characters
        self._listener = listener
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._recent: deque[tuple[str, float, asyncio.Future[_Ending]]] = deque(maxlen=64)

    @property
    def busy(self) -> bool:
        """Whether a call is running."""
        return bool(self._tasks)

    def run(self, calls: Sequence[Call], *, spoken: bool = False) -> None:
        """Run the calls of an answer in the background. `spoken`: the answer had sound too."""
        self._start(self._run_all(calls, spoken), "calls")

    async def call(self, name: str, arguments: str, *, confirmed: bool) -> str:
        """Run one call by hand and return its output. `confirmed`: a person has said yes to it."""
        call = Call(f"by_hand_{next(self._numbers)}", name, arguments)
        return (await self._answer(call, confirmed=confirmed)).output

    async def close(self) -> None:
        """Wait two seconds for running calls, then stop them."""
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_CLOSING_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_CLOSING_S)

    # --------------------------------------------------------------- one answer

    async def _run_all(self, calls: Sequence[Call], spoken: bool) -> None:
        open_calls = {call.call_id for call in calls}
        watch = asyncio.create_task(self._watch(open_calls), name="waiting for tools")
        try:
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(self._run_one(call, spoken, open_calls), name=call.name)
        finally:
            watch.cancel()

    async def _run_one(self, call: Call, spoken: bool, open_calls: set[str]) -> None:
        ending = await self._answer(call, spoken=spoken)
        open_calls.discard(call.call_id)
        self._listener.call_answered(call.call_id, ending.output, silent=ending.silent)

    async def _watch(self, open_calls: set[str]) -> None:
        """Make it audible, and notify the model, when calls take long."""
        for tick in count(1):
            await asyncio.sleep(_WORKING_S)
            if tick % 2:
                self._listener.calls_work()
            if tick == _LONG_TICKS:
                self._listener.calls_take_long(tuple(open_calls))

    # ----------------------------------------------------------------- one call

    async def _answer(
        self, call: Call, *, spoken: bool = False, confirmed: bool | None = None
    ) -> _Ending:
        """Answer one call. `confirmed` (by hand only): whether a person said yes; else None."""
        now = asyncio.get_running_loop().time
        started_at = now()
        tool = self.registry.find(call.name)

        def report(phase: ToolPhase, output: str = "", as_asked: AsAsked = "unknown") -> None:
            self._listener.call_reported(
                ToolReported(
                    call.call_id,
                    call.name if tool else call.name[:64],
                    tool.source if tool else "",
                    phase,
                    round((now() - started_at) * 1000),
                    as_asked,
                    arguments=call.arguments[:_SHOWN_CHARACTERS],
                    result=output[:_SHOWN_CHARACTERS],
                )
            )

        try:
            ending = await self._judge_and_run(call, tool, spoken, confirmed, report)
        except asyncio.CancelledError:
            ending = self._failed("cancelled", "it was stopped, as the daemon ends or changes")
        report(ending.phase, ending.output, ending.as_asked)
        return ending

    async def _judge_and_run(
        self, call: Call, tool: Tool | None, spoken: bool, confirmed: bool | None, report: _Reporter
    ) -> _Ending:
        if tool is None:
            near = self.registry.near(call.name)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            return self._failed("refused", f"there is no tool {call.name[:64]}{hint}")
        try:
            arguments = parse_arguments(call.arguments, tool.parameters)
        except ToolError as error:
            return self._failed("refused", str(error))
        key = f"{tool.source} {tool.name} {json.dumps(arguments, sort_keys=True)}"
        former = self._former(key, read_only=tool.read_only)
        if former is not None:
            return await asyncio.shield(former)
        ending: asyncio.Future[_Ending] = asyncio.get_running_loop().create_future()
        entry = (key, asyncio.get_running_loop().time(), ending)
        self._recent.append(entry)
        try:
            refusal = await self._refusal(call.name, tool, arguments, by_hand=confirmed is not None)
            if refusal and not (confirmed and refusal.phase == "unconfirmed"):
                found = refusal
            else:
                report("started")
                context = CallContext(call.call_id, spoken)
                found = await self._run(tool, arguments, context, report)
        except asyncio.CancelledError:
            ending.set_result(self._failed("cancelled", "it was stopped"))
            raise
        ending.set_result(found)
        if found.phase in ("refused", "unconfirmed"):
            with contextlib.suppress(ValueError):  # after many calls the entry is gone anyway
                self._recent.remove(entry)  # it has not run: judge the next such call afresh
        return found

    async def _refusal(
        self, name: str, tool: Tool, arguments: Json, *, by_hand: bool
    ) -> _Ending | None:
        try:
            refusal = await self._listener.permit(name, tool, arguments, by_hand=by_hand)
        except ToolError as error:
            return self._failed("refused", str(error))
        if refusal is None:
            return None
        return self._failed("unconfirmed" if refusal.ask else "refused", refusal.why)

    async def _run(
        self, tool: Tool, arguments: Json, context: CallContext, report: _Reporter
    ) -> _Ending:
        limit_s = self.limit_s if tool.limit_s is None else tool.limit_s
        async with self._places:
            work = asyncio.create_task(
                _guarded(tool, arguments, context, self.characters), name=tool.name
            )
            try:
                await asyncio.wait([work], timeout=min(limit_s, _OUTPUT_S))
            except asyncio.CancelledError:
                work.cancel()
                await asyncio.wait([work], timeout=_CLOSING_S)
                raise
        if not work.done() and limit_s <= _OUTPUT_S:
            work.cancel()
            await asyncio.wait([work], timeout=_CLOSING_S)
            return self._failed("timed_out", f"it gave no result within {limit_s:g} s")
        if not work.done():
            self._start(_await_late_end(work, limit_s - _OUTPUT_S, report), "late tool")
            why = f"it is still running after {_OUTPUT_S:g} s; its result will not be given to you"
            return self._failed("timed_out", why)
        error = work.exception()
        if error is not None:
            return self._failed("failed", str(error) or "it failed")
        return work.result()

    def _former(self, key: str, *, read_only: bool) -> asyncio.Future[_Ending] | None:
        """Return the ending of the same call if it is recent, or still running."""
        now = asyncio.get_running_loop().time()
        for known, at, ending in self._recent:
            recent = not ending.done() or (not read_only and now - at < _SAME_S)
            if known == key and recent:
                return ending
        return None

    def _failed(self, phase: ToolPhase, why: str) -> _Ending:
        return _Ending(phase, results.failure(why, self.characters))

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Reporter(Protocol):
    def __call__(
        self, phase: ToolPhase, output: str = "", as_asked: AsAsked = "unknown"
    ) -> None: ...


async def _guarded(tool: Tool, arguments: Json, context: CallContext, most: int) -> _Ending:
    """Run a tool; convert any exception of the tool, or of its result, to ToolError."""
    try:
        value = await tool.run(arguments, context)
        outcome = value if isinstance(value, Outcome) else Outcome(value)
        output = results.result(outcome.value, most)
        return _Ending("done", output, outcome.silent, outcome.as_asked)
    except (ToolError, asyncio.CancelledError):
        raise
    except Exception as error:  # third-party code must not end the daemon
        _LOG.warning("the tool %s (%s) failed", tool.name, tool.source, exc_info=error)
        raise ToolError("it failed by a mistake in its program") from error


async def _await_late_end(work: asyncio.Task[_Ending], left_s: float, report: _Reporter) -> None:
    """Wait for a tool whose call has its output already."""
    await asyncio.wait([work], timeout=left_s)
    if work.done():
        report("late")
    else:
        work.cancel()
        await asyncio.wait([work], timeout=_CLOSING_S)
    if work.done() and not work.cancelled():
        work.exception()  # already logged; avoids a warning
