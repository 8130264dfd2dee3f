"""The hints that name a missing package."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from rtaudio_daemon.optional_packages import SPECS, how_to_install
from tests.documents import blocks


@pytest.mark.parametrize("module", SPECS)
def test_the_hint_installs_for_this_program(module: str) -> None:
    words = shlex.split(how_to_install(module, sealed=False).removeprefix("sudo "))
    assert words == [sys.executable, "-m", "pip", "install", SPECS[module]]


def test_in_an_image_the_hint_makes_another_image() -> None:
    made, build = how_to_install("livekit.rtc", sealed=True).split(" | ")
    assert build == "podman build -t rtaudio-daemon -"
    assert printed(made) == [
        "FROM rtaudio-daemon",
        "USER 0",
        f'RUN {sys.executable} -m pip install "livekit>=1.2,<2"',
        "USER 990:990",
    ]
    (block,) = (each for each in blocks("sh") if each.text.startswith("printf 'FROM"))
    shown, _, build_shown = block.text.partition(" |\n  ")
    assert printed(shown.replace(".venv/bin/python", sys.executable)) == printed(made)
    assert build_shown.startswith(build)


def printed(command: str) -> list[str]:
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()
