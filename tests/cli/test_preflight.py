"""What the settings require of the machine is named before the daemon misses it."""

from __future__ import annotations

import os
import shlex
import sys
import tomllib
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.engines.cancellers import open_echo
from rtaudio_daemon.cli.doctor import echo_check
from rtaudio_daemon.cli.preflight import PACKAGES, Package, missing_packages
from rtaudio_daemon.optional_packages import SPECS, how_to_install

ROOT = Path(__file__).parent.parent.parent
WANTED = {
    "realtime.auth": "realtime: {profile: compatible, url: 'ws://127.0.0.1/', auth: entra}",
    "audio.gate.engine": "audio: {gate: {engine: webrtc}}",
    "audio.listen": "audio: {listen: wake_word}",
    "audio.echo": "audio: {echo: cancel}",
    "tools.mcp": "tools: {mcp: {notes: {url: 'http://127.0.0.1/mcp'}}}",
}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.module)
def test_a_package_that_is_asked_for_and_missing_is_named_with_its_line(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, _, module = package
    settings = config.parse(f"{WANTED[option]}\n")
    monkeypatch.setitem(sys.modules, module, None)
    (line,) = missing_packages(settings)
    assert line.startswith(f"config.yaml:1: {option}: ")
    assert line.endswith(f"-m pip install '{SPECS[module]}'")


async def test_another_package_of_livekit_cancels_no_echo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "livekit" / "api").mkdir(parents=True)
    there = ModuleType("livekit")
    there.__path__ = [str(tmp_path / "livekit")]
    there.__spec__ = ModuleSpec("livekit", None, is_package=True)
    monkeypatch.setitem(sys.modules, "livekit", there)
    monkeypatch.delitem(sys.modules, "livekit.rtc", raising=False)
    assert open_echo("auto").mode == "half_duplex"
    (finding,) = [each async for each in echo_check.check_echo(config.Audio())]
    assert "half duplex: only clear speech interrupts" in finding.what
    (line,) = missing_packages(config.parse("audio: {echo: cancel}\n"))
    assert line.endswith(how_to_install("livekit.rtc"))


def test_a_package_is_installed_for_this_very_program(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.stat(sys.prefix).st_uid
    command = [sys.executable, "-m", "pip", "install", "livekit>=1.2,<2"]
    for user, before in ((owner, []), (0, []), (owner + 1, ["sudo"])):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert shlex.split(how_to_install("livekit.rtc")) == [*before, *command]


def test_nothing_is_missing_for_the_defaults() -> None:
    assert missing_packages(config.parse("")) == []


def test_each_package_is_an_extra_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {each for extra in project["optional-dependencies"].values() for each in extra}
    assert {SPECS[each.module] for each in PACKAGES} == extras
    assert set(SPECS.values()) - extras <= set((ROOT / "requirements.txt").read_text().split())
