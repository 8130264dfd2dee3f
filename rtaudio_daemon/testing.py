"""Tests for tools: say a sentence, and see the call and the answer.

In `conftest.py`: ``pytest_plugins = ["rtaudio_daemon.testing"]``; tests can then use the fixture
`voice`. It runs a whole daemon, without sound devices and network: the embedded simulator stands in
for the service, and makes the calls that the test expects of the model.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .errors import ConfigError

if TYPE_CHECKING:
    from .config import Config
    from .simulator.server.simulator import Simulator

_PATIENCE_S = 60.0
_KEY = "the-key-of-a-test"
_SILENCE_S = 1.0
_RATE = 24_000


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model made. `phase`: done, failed, refused … as in the event `tool`.

    `result`: what the model got, or "" if there is none; `error`: why, as worded for the model.
    """

    tool: str
    arguments: Mapping[str, Any]
    phase: str
    result: Any
    error: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The effects of a sentence: the calls in order, and the words of the answer."""

    calls: tuple[ToolCall, ...]
    text: str


class Voice:
    """A daemon with tools to talk to; paths of files are relative to `folder`."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self._folder = folder
        self._temporary = temporary
        self.configuration = ""
        """YAML as in config.yaml, for `tools.own`, permissions and limits."""
        self._files: tuple[str, ...] = ()

    def use(self, *files: str | Path) -> None:
        """Let the model call the functions in these files; paths are relative to the test."""
        self._files = tuple(str(self._folder / each) for each in files)

    def say(
        self,
        sentence: str,
        calls: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        answer: str = "",
        spoken: bool = False,
    ) -> Answer:
        """Say a sentence; the model makes `calls` (arguments by name), then says `answer`.

        Without `answer` it repeats what it got. `spoken`: espeak-ng speaks the sentence into the
        microphone. Raises ConfigError if the tools are invalid.
        """
        return asyncio.run(self.say_async(sentence, calls, answer=answer, spoken=spoken))

    async def say_async(
        self,
        sentence: str,
        calls: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        answer: str = "",
        spoken: bool = False,
    ) -> Answer:
        """Like `say`, for tests that run in an event loop."""
        from .simulator.model.reply import Call, Reply, Turn
        from .simulator.server.simulator import Simulator

        wanted = tuple(Call(name, json.dumps(given)) for name, given in (calls or {}).items())

        def reply(turn: Turn) -> Reply:
            if wanted and not turn.function_output:
                return Reply(calls=wanted)
            return Reply(answer or (_given(turn.text) if turn.function_output else "I see."))

        async with (
            asyncio.timeout(_PATIENCE_S),
            Simulator(api_key=_KEY, reply=reply, understand=lambda _: sentence) as simulator,
        ):
            settings = self._settings(simulator.url, sentence if spoken else "")
            conversation = _Conversation(settings, simulator, len(wanted))
            return await conversation.hold("" if spoken else sentence)

    def _settings(self, url: str, spoken: str) -> Config:
        from . import config
        from .cli.preflight import unusable_tools

        settings = config.parse(self.configuration, str(self._folder / "config.yaml"))
        tools = replace(settings.tools, python=(*settings.tools.python, *self._files))
        settings = replace(settings, tools=tools)
        if problems := unusable_tools(settings):
            raise ConfigError(problems)
        session = replace(settings.realtime.session, extra={"output_modalities": ["text"]})
        realtime = replace(
            settings.realtime,
            profile="azure",
            host_name=url,
            deployment="gpt-realtime",
            api_key=config.Secret(_KEY),
            session=session,
        )
        microphone = f"wav:{self._recorded(spoken)}" if spoken else "none"
        audio = replace(
            settings.audio,
            input=replace(settings.audio.input, device=microphone),
            output=replace(settings.audio.output, device="none"),
        )
        http = replace(settings.http, port=0, publish_transcripts=True)
        return replace(settings, realtime=realtime, audio=audio, http=http)

    def _recorded(self, sentence: str) -> Path:
        from .simulator.model.voices import espeak

        pcm = espeak(sentence)
        if pcm is None:
            pytest.skip("espeak-ng is not installed: sudo apt install espeak-ng")
        path = self._temporary / "sentence.wav"
        silence = bytes(int(2 * _RATE * _SILENCE_S))
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, _RATE, 0, "NONE", ""))
            file.writeframes(silence + pcm + 4 * silence)
        return path


@pytest.fixture
def voice(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Voice]:
    """A daemon with tools to talk to; paths of files are relative to the test."""
    temporary = tmp_path / "voice"
    temporary.mkdir()
    yield Voice(request.path.parent, temporary)
    shutil.rmtree(temporary)


def _given(output: str) -> str:
    """Return what the model got from a call, in words."""
    found = json.loads(output)
    words = found.get("error", found.get("result", ""))
    return words if isinstance(words, str) and words else json.dumps(words)


class _Conversation:
    """One sentence and its answer."""

    def __init__(self, settings: Config, simulator: Simulator, calls: int) -> None:
        from .daemon.app import App

        self._simulator = simulator
        self._calls = calls
        self._app = App(settings)
        self._app.notifications.on("notification", self._notice)
        self._happened: list[Any] = []
        self._news = asyncio.Event()

    async def hold(self, sentence: str) -> Answer:
        """Write `sentence` to the model, or wait until the microphone hears it."""
        stop, ready = asyncio.Event(), asyncio.Event()
        daemon = asyncio.create_task(self._app.run(stop, ready.set), name="daemon")
        try:
            await self._until(daemon, self._is_open)
            if sentence:
                self._app.controls.say(sentence, "prompt")
            await self._until(daemon, self._is_answered)
        finally:
            stop.set()
            await daemon
        return self._answer()

    async def _until(self, daemon: asyncio.Task[None], met: Any) -> None:
        while not met():
            self._news.clear()
            news = asyncio.create_task(self._news.wait())
            await asyncio.wait({news, daemon}, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if daemon.done():
                await daemon
                raise RuntimeError("the daemon ended")

    def _notice(self, notification: Any) -> None:
        self._happened.append(notification)
        self._news.set()

    def _is_open(self) -> bool:
        from .notifications import ConnectionChanged, ConnectionState

        return any(
            isinstance(each, ConnectionChanged) and each.state is ConnectionState.OPEN
            for each in self._happened
        )

    def _is_answered(self) -> bool:
        from .notifications import ModelStatus, StatusChanged

        last = next(
            (each for each in reversed(self._happened) if isinstance(each, StatusChanged)), None
        )
        idle = last is not None and last.status is ModelStatus.IDLE
        return idle and bool(self._words()) and len(self._reports()) >= self._calls

    def _words(self) -> str:
        from .notifications import Transcript

        return " ".join(
            each.text
            for each in self._happened
            if isinstance(each, Transcript) and each.role == "assistant" and each.final
        )

    def _reports(self) -> list[Any]:
        from .notifications import ToolReported

        return [
            each
            for each in self._happened
            if isinstance(each, ToolReported) and each.phase != "started"
        ]

    def _answer(self) -> Answer:
        items = [
            message["item"]
            for session in self._simulator.sessions
            for message in session.received
            if message["type"] == "conversation.item.create"
        ]
        given = {
            each["call_id"]: json.loads(each["output"])
            for each in items
            if each["type"] == "function_call_output"
        }
        reports = {each.call: each for each in self._reports()}
        calls = tuple(
            ToolCall(
                reports[call].tool,
                json.loads(reports[call].arguments or "{}"),
                reports[call].phase,
                output.get("result", ""),
                output.get("error", ""),
            )
            for call, output in given.items()
        )
        return Answer(calls, self._words())
