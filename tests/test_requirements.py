"""What the settings require of the machine is named before the daemon misses it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.requirements import PACKAGES, Package, missing_packages

ROOT = Path(__file__).parent.parent
WANTED = {
    "realtime.auth": "realtime: {profile: compatible, url: 'ws://127.0.0.1/', auth: entra}",
    "audio.gate.engine": "audio: {gate: {engine: webrtc}}",
    "audio.listen": "audio: {listen: wake_word}",
    "audio.echo": "audio: {echo: cancel}",
}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.pip)
def test_a_package_that_is_asked_for_and_missing_is_named_with_its_line(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, _, module, pip = package
    settings = config.parse(f"{WANTED[option]}\n")
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
    (line,) = missing_packages(settings)
    assert line.startswith(f"config.yaml:1: {option}: ")
    assert line.endswith(f"-m pip install '{pip}'")


def test_nothing_is_missing_for_the_defaults() -> None:
    assert missing_packages(config.parse("")) == []


def test_each_package_is_an_extra_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {each for extra in project["optional-dependencies"].values() for each in extra}
    assert {each.pip for each in PACKAGES} == extras
