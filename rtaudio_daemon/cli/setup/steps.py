"""The steps: what each asks, how it tests the answers, and its summary of the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, NamedTuple

from ...audio.devices.open import list_devices
from ...config import Config
from ...config.profiles import PROFILES
from ...config.wake_sections import WORDS
from ...errors import DeviceError
from ..doctor import calibration, home, service, sound_devices
from ..doctor.examination import line
from ..doctor.finding import Finding, warned
from ..preflight import missing_packages
from . import asking
from .draft import Draft, Values
from .terminal import Choice, Terminal

_PROFILES = (
    Choice("simulator", "built in; no key, no network, says back what it hears"),
    Choice("azure", "Azure OpenAI"),
    Choice("azure-preview", "Azure OpenAI, an older interface with a date"),
    Choice("azure-voice-live", "Azure Voice Live"),
    Choice("openai", "OpenAI itself"),
    Choice("compatible", "any other service with this protocol"),
)
_MEASURE = "measure"
_ECHO = (
    Choice(_MEASURE, "play a chirp and propose; be silent meanwhile"),
    Choice("auto", "cancel where the package livekit is installed, else half_duplex"),
    Choice("cancel", "remove the echo; you may speak over answers"),
    Choice("half_duplex", "listen less while it speaks"),
    Choice("system", "the device cancels echo by itself"),
    Choice("off", "headphones"),
)
_LISTEN = (
    Choice("open", "it listens all the time"),
    Choice("push_to_talk", "only while a button is held"),
    *(Choice(word, "only after this word") for word in (*WORDS, "any")),
)


class Step(NamedTuple):
    """A part of the first run; `summary` describes the settings in one line.

    `ask` returns the problem with answers that did not work, "" if nothing is wrong, and None
    if the step is skipped.
    """

    name: str
    ask: Callable[[Terminal, Draft], str | None]
    summary: Callable[[Config], str]


def _service(terminal: Terminal, draft: Draft) -> str | None:
    terminal.say("The service that listens and answers. The built-in one is for trying it out.")
    return asking.settle(terminal, draft, lambda: _service_answers(terminal, draft), _check_service)


def _service_answers(terminal: Terminal, draft: Draft) -> Values:
    name = terminal.choose("Which service?", _PROFILES, draft.current("realtime.profile"))
    offered = draft.offered.get(("realtime", "profile"), "")
    if not (name := name or offered):
        return {}
    values: dict[tuple[str, ...], Any] = {("realtime", "profile"): name}
    profile = PROFILES[name]
    if profile.built_in:
        # With an address, the profile means a simulator elsewhere.
        return {**values, ("realtime", "host_name"): ""}
    ask = partial(asking.text, terminal, draft)
    needed = [option for option, _ in profile.needs]
    if "host_name" in needed:
        values |= ask("realtime.host_name", "Host, as in RESOURCE.openai.azure.com", clean=_host)
    elif name == "openai":
        values[("realtime", "host_name")] = ""
    if "url" in needed:
        values |= ask("realtime.url", "Address, as in ws://127.0.0.1:8000/v1/realtime")
    if "deployment" in needed:
        noun = "deployment" if profile.transcription_is_deployment else "model"
        values |= ask("realtime.deployment", f"Name of the {noun}, as in gpt-realtime-2.1")
    if profile.needs_date:
        values |= ask("realtime.api_version", "Date of the interface, as in 2025-04-01-preview")
    elif draft.settings.realtime.profile != name:
        values[("realtime", "api_version")] = "v1"
    return values | dict(asking.secret(terminal, draft, "realtime.api_key", "Key"))


def _host(pasted: str) -> str:
    """Return the host of an address, as people copy it from Azure's pages."""
    return pasted.removeprefix("https://").partition("/")[0]


async def _check_service(settings: Config) -> AsyncIterator[Finding]:
    if PROFILES[settings.realtime.profile].built_in:
        return
    async for finding in service.check_service(settings.realtime):
        yield finding


def _microphone(terminal: Terminal, draft: Draft) -> str | None:
    terminal.say("The microphone. It is listened to for two seconds; nothing leaves this machine.")
    answers = partial(_device, terminal, draft, "input")
    return asking.settle(terminal, draft, answers, partial(_check_sound, leave_out="loudspeaker"))


def _loudspeaker(terminal: Terminal, draft: Draft) -> str | None:
    terminal.say("The loudspeaker. A short tone is played, and the microphone listens for it.")
    answers = partial(_device, terminal, draft, "output")
    return asking.settle(terminal, draft, answers, partial(_check_sound, leave_out="microphone"))


def _device(terminal: Terminal, draft: Draft, direction: str) -> Values:
    choices = [Choice("default", "as the system says")]
    try:
        found = asyncio.run(list_devices(on_none=lambda why: terminal.say(f"WARN  {why}")))
    except DeviceError as error:
        terminal.say(f"FAIL  {error}")
        found = []
    names = [each.name for each in found if each.direction == direction]
    choices += [Choice(each) for each in names if each not in ("default", "none")]
    option = f"audio.{direction}.device"
    name = terminal.choose("Which one?", [*choices, Choice("none")], draft.current(option))
    return {("audio", direction, "device"): name} if name else {}


async def _check_sound(settings: Config, *, leave_out: str) -> AsyncIterator[Finding]:
    tone = leave_out == "microphone"
    async for finding in sound_devices.check_sound(settings.audio, tone=tone):
        if finding.name != leave_out:
            yield finding


def _echo(terminal: Terminal, draft: Draft) -> str | None:
    terminal.say("The echo: how to keep the loudspeaker out of the microphone.")
    answers = partial(_echo_answers, terminal, draft)
    return asking.settle(terminal, draft, answers, _check_packages)


def _echo_answers(terminal: Terminal, draft: Draft) -> Values:
    mode = terminal.choose("Which one?", _ECHO, draft.settings.audio.echo)
    if mode != _MEASURE:
        return {("audio", "echo"): mode} if mode else {}
    try:
        _, found, proposed = asyncio.run(calibration.measured_room(draft.settings.audio))
    except DeviceError as error:
        terminal.say(f"FAIL  {error}")
        return {}
    for finding in found:
        terminal.say(line(finding))
    for each in proposed:
        terminal.say(f"      {'.'.join(each.steps)}: {each.now} -> {each.value}, as {each.why}")
    if proposed and terminal.agrees("Take what is proposed?"):
        return {each.steps: each.value for each in proposed}
    return {}


def _wake_word(terminal: Terminal, draft: Draft) -> str | None:
    terminal.say("When it listens: all the time, while a button is held, or after a wake word.")
    if draft.settings.audio.wake.words:
        terminal.say("Your configuration has words of its own in audio.wake.words; they stay.")
        return None
    answers = partial(_listen_answers, terminal, draft)
    return asking.settle(terminal, draft, answers, _check_packages)


def _listen_answers(terminal: Terminal, draft: Draft) -> Values:
    chosen = terminal.choose("When?", _LISTEN, _listens(draft.settings))
    if chosen in ("", "open", "push_to_talk"):
        return {("audio", "listen"): chosen} if chosen else {}
    return {("audio", "listen"): "wake_word", ("audio", "wake", "word"): chosen}


async def _check_packages(settings: Config) -> AsyncIterator[Finding]:
    for problem in missing_packages(settings):
        _, _, what = problem.partition(": ")
        yield warned("packages", what, "install it before you start the daemon")


def _home(terminal: Terminal, draft: Draft) -> str | None:
    terminal.say("Home Assistant, for the lamps and sensors that you expose there. Enter skips it.")
    answers = partial(_home_answers, terminal, draft)
    return asking.settle(terminal, draft, answers, home.check_home)


def _home_answers(terminal: Terminal, draft: Draft) -> Values:
    question = "Address, as in http://homeassistant.local:8123"
    url = asking.text(terminal, draft, "home_assistant.url", question, lambda url: url.rstrip("/"))
    if not url and not draft.settings.home_assistant.url:
        return {}
    question = "Long-lived token of a user who is no administrator"
    return {**url, **asking.secret(terminal, draft, "home_assistant.token", question)}


def _served(settings: Config) -> str:
    where = settings.realtime.host_name or settings.realtime.url
    return f"{settings.realtime.profile}{f' at {where}' if where else ''}"


def _listens(settings: Config) -> str:
    if settings.audio.listen != "wake_word":
        return settings.audio.listen
    if settings.audio.wake.words:
        return ", ".join(each.called for each in settings.audio.wake.words)
    return settings.audio.wake.word


STEPS = (
    Step("Service", _service, _served),
    Step("Microphone", _microphone, lambda settings: settings.audio.input.device),
    Step("Loudspeaker", _loudspeaker, lambda settings: settings.audio.output.device),
    Step("Echo", _echo, lambda settings: settings.audio.echo),
    Step("Wake word", _wake_word, _listens),
    Step("Home Assistant", _home, lambda settings: settings.home_assistant.url or "none"),
)
"""The steps in the order in which they are asked."""
