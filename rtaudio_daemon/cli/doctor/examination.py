"""The examination: `examine` yields one finding after the other, about the configuration, the
machine, its sound, and the service.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing

from ... import config
from ...daemon import log
from ...errors import ConfigError
from .. import preflight
from . import (
    broker,
    ducking,
    echo_check,
    home,
    machine,
    service,
    sound_devices,
    tools,
    wake_words,
)
from .finding import Finding, Verdict, failed, passed, warned

EXIT_REFUSED = 77
EXIT_CONFIG = 78
_MARKS: dict[Verdict, str] = {"pass": "ok  ", "warn": "WARN", "fail": "FAIL"}


async def examine(path: str, *, tone: bool = False) -> AsyncGenerator[Finding, None]:
    """Yield all findings about the configuration at `path`; `tone`: play a sound."""
    async for finding in machine.check_python():
        yield finding
    try:
        settings = config.load(path)
    except ConfigError as error:
        for problem in error.problems:
            yield failed("configuration", problem, "correct this line", config_at_fault=True)
        return
    log.redaction.add(settings)
    yield passed("configuration", f"{path} is fine")
    for warning in (*settings.warnings, *preflight.missing_packages(settings)):
        yield warned("configuration", warning, "see docs/configuration.md")
    checks: tuple[Callable[[], AsyncIterator[Finding]], ...] = (
        lambda: machine.check_machine(settings, path),
        lambda: sound_devices.check_sound(settings.audio, tone=tone),
        lambda: echo_check.check_echo(settings.audio),
        lambda: wake_words.check_wake_words(settings.audio),
        lambda: ducking.check_ducking(settings.audio),
        lambda: tools.check_tools(settings),
        lambda: home.check_home(settings),
        lambda: broker.check_broker(settings),
        lambda: service.check_service(settings.realtime),
    )
    for check in checks:
        async for finding in check():
            yield finding


async def run(
    path: str, *, tone: bool = False, report: Callable[[Finding], None] = lambda _finding: None
) -> tuple[list[Finding], int]:
    """Return all findings, each reported at once, and the resulting exit status."""
    findings = []
    async with aclosing(examine(path, tone=tone)) as found:
        async for finding in found:
            findings.append(finding)
            report(finding)
    return findings, exit_status(findings)


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 78 for the configuration, 77 for rejected credentials, 1 for other faults, else 0."""
    faults = [each for each in findings if each.verdict == "fail"]
    if any(each.config_at_fault for each in faults):
        return EXIT_CONFIG
    if any(each.key_at_fault for each in faults):
        return EXIT_REFUSED
    return 1 if faults else 0


def line(finding: Finding) -> str:
    """Return a finding as text for people."""
    text = f"{_MARKS[finding.verdict]}  {finding.name}: {finding.what}"
    if finding.remedy:
        text += f"\n      -> {finding.remedy}"
    return log.redaction(text)
