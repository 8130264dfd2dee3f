"""The command `wake`: teaches wake words, through a running daemon or with the microphone."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import quote

from .. import config
from ..audio.devices.open import list_devices, open_microphone
from ..audio.engines.taught_words import TaughtWords, check_name
from ..controls import TeachingStep
from ..daemon.word_teaching import WordTeaching, missing
from ..errors import DeviceError, NotNowError, RTAudioError
from ..notifications import DeviceChanged
from ..program_name import PROGRAM
from ..protocol.bounds import printable
from .http_client import DaemonClient
from .remote_commands import remote

_STEP_S = 90.0  # listening, and then learning on a slow machine
_TRIES, _WAIT_S = 5, 3.0
_REFUSED_MOST = 6  # in a row
_ADVICE = """Switch off radio and television. The best words have three to five syllables, as "hey
marvin" has. Say it once each time you are asked to, and nothing else."""


class Teacher(Protocol):
    """Listens and learns."""

    def missing(self) -> str:
        """Return what is missing, such as a package or a microphone; "": nothing."""

    def take(self, name: str, step: TeachingStep) -> dict[str, Any]:
        """Carry out one step, as for `POST /api/wake/teach`."""

    def names(self) -> list[str]:
        """Return all taught words."""

    def forget(self, name: str) -> None:
        """Remove a word. Raises RTAudioError."""


class DaemonTeacher:
    """The running daemon."""

    def __init__(self, daemon: DaemonClient) -> None:
        self._daemon = daemon

    def missing(self) -> str:
        """Return what is missing; "": nothing."""
        microphone = self._daemon.get("/api/status").get("microphone", {})
        if microphone.get("state") in ("none", "lost"):
            return f"the daemon has no microphone: {microphone.get('reason') or 'none is set'}"
        return str(self._daemon.get("/api/wake")["missing"])

    def take(self, name: str, step: TeachingStep) -> dict[str, Any]:
        """Carry out one step, as for `POST /api/wake/teach`."""
        return self._daemon.post("/api/wake/teach", {"name": name, "step": step}, _STEP_S)

    def names(self) -> list[str]:
        """Return all taught words."""
        return [str(each["name"]) for each in self._daemon.get("/api/wake")["words"]]

    def forget(self, name: str) -> None:
        """Remove a word. Raises RTAudioError."""
        self._daemon.delete(f"/api/wake/words/{quote(name, safe='')}")


class OwnTeacher:
    """This process, with the microphone that the configuration names."""

    def __init__(self, settings: config.Input) -> None:
        self._settings = settings
        self._words = TaughtWords()
        self._teaching = WordTeaching(_OwnSound(settings), self._words)

    def missing(self) -> str:
        """Return what is missing; "": nothing."""
        return missing() or asyncio.run(_no_microphone(self._settings))

    def take(self, name: str, step: TeachingStep) -> dict[str, Any]:
        """Carry out one step, as for `POST /api/wake/teach`."""
        return asyncio.run(self._teaching.take(name, step))

    def names(self) -> list[str]:
        """Return all taught words."""
        return self._words.names()

    def forget(self, name: str) -> None:
        """Remove a word. Raises RTAudioError."""
        self._words.forget(name)


class _OwnSound:
    def __init__(self, settings: config.Input) -> None:
        self._settings = settings

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the microphone's sound as pcm from now on."""
        microphone = open_microphone(self._settings, self)
        running = asyncio.create_task(microphone.run(), name="microphone")
        try:
            async with asyncio.timeout(_STEP_S):
                async for frame in microphone:
                    yield frame.pcm
        except TimeoutError:
            return
        finally:
            running.cancel()

    def device_changed(self, change: DeviceChanged) -> None:
        """Ignore changes of the microphone."""


async def _no_microphone(settings: config.Input) -> str:
    """Return why there is no usable microphone; "": there is one."""
    if settings.device == "none":
        return "there is no microphone: audio.input.device is none"
    why: list[DeviceError] = []
    found = [] if settings.device.startswith("wav:") else await list_devices(on_none=why.append)
    return f"there is no microphone: {why[0]}" if why and not found else ""


def wake(arguments: argparse.Namespace) -> int:
    """Teach a wake word, list the taught ones, or forget one."""
    name = " ".join(arguments.word)
    if arguments.action != "list" and not name:
        raise RTAudioError(f'say which word: {PROGRAM} wake {arguments.action} "hey marvin"')
    if arguments.action == "teach":
        check_name(name)
    with _teacher(arguments) as teacher:
        if arguments.action == "teach":
            return teach(teacher, name)
        if arguments.action == "forget":
            teacher.forget(name)
        names = teacher.names()
    if arguments.json:
        print(json.dumps({"words": [{"name": each} for each in names]}, indent=2))
    else:
        print("\n".join(names) or f'no word was taught yet: {PROGRAM} wake teach "hey marvin"')
    return 0


@contextmanager
def _teacher(arguments: argparse.Namespace) -> Iterator[Teacher]:
    daemon = remote(arguments)
    try:
        daemon.get("/api/wake")
    except RTAudioError as error:
        if arguments.url or not isinstance(error.__cause__, ConnectionRefusedError):
            raise
        yield OwnTeacher(config.load(arguments.config).audio.input)
        return
    yield DaemonTeacher(daemon)


def teach(teacher: Teacher, name: str, wait: Callable[[float], None] = time.sleep) -> int:
    """Guide somebody through all steps; return 0 if the word passes its test.

    A step refused meanwhile, because somebody speaks, is tried again after `wait` (s).
    Raises RTAudioError, also if none of the recordings is usable.
    """
    if why := teacher.missing():
        raise NotNowError(why)
    print(_ADVICE)
    teacher.take(name, "cancel")
    how, done = "near the microphone, as you would call somebody", False
    recorded = refused = 0
    while not done:
        ask = f'say "{name}" now: {how} …'
        found = _take(teacher, name, "record", ask, wait if recorded else None)
        how, done, recorded = found["how"], found["done"], found["recorded"]
        word = "good" if found["accepted"] else "not used"
        print("  " + ": ".join(filter(None, [word, printable(found["reason"])])))
        refused = 0 if found["accepted"] else refused + 1
        if refused == _REFUSED_MOST:
            raise NotNowError(f"nothing could be used; `{PROGRAM} doctor` tests the microphone")
    for warning in found["warnings"]:
        print(f"warning: {printable(warning)}")
    print("learned. Now a test: say it twice, then say something else.")
    heard = []
    for what in (f'say "{name}"', f'say "{name}" once more', "say something else"):
        heard.append(_take(teacher, name, "test", f"{what} now …", wait)["accepted"])
        print("  heard as the word" if heard[-1] else "  not the word")
    if heard != [True, True, False]:
        print("it does not work well yet; teach it again, or choose another word")
    print(f'to use it: audio.listen: wake_word, and audio.wake.words: [{{taught: "{name}"}}]')
    return 0 if heard == [True, True, False] else 1


def _take(
    teacher: Teacher, name: str, step: TeachingStep, ask: str, wait: Callable[[float], None] | None
) -> dict[str, Any]:
    for _ in range(_TRIES):
        print(ask, flush=True)
        try:
            return teacher.take(name, step)
        except NotNowError as error:
            if wait is None:
                raise
            print(f"  not now: {printable(str(error))}", flush=True)
            wait(_WAIT_S)
    return teacher.take(name, step)
