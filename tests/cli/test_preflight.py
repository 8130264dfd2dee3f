"""What the settings require of the machine is named before the daemon misses it."""

from __future__ import annotations

import os
import shlex
import sys
import tomllib
from argparse import Namespace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.engines.cancellers import open_echo
from rtaudio_daemon.cli.doctor import echo_check
from rtaudio_daemon.cli.local_commands import check
from rtaudio_daemon.cli.preflight import (
    PACKAGES,
    Package,
    missing_packages,
    unanswered_functions,
    unusable_files,
    unusable_tools,
)
from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.optional_packages import SPECS, how_to_install

ROOT = Path(__file__).parent.parent.parent
WANTED = {
    "realtime.auth": "realtime: {profile: compatible, url: 'ws://127.0.0.1/', auth: entra}",
    "audio.gate.engine": "audio: {gate: {engine: webrtc}}",
    "audio.listen": "audio: {listen: wake_word}",
    "audio.echo": "audio: {echo: cancel}",
    "audio.input.auto_gain": "audio: {input: {auto_gain: on}}",
    "audio.input.noise_suppression": "audio: {input: {noise_suppression: on}}",
    "audio.earcons.chime": "audio: {earcons: {chime: bell.mp3}}",
    "home_assistant.url": "home_assistant: {url: 'http://127.0.0.1', token: a}",
    "mqtt.host": "mqtt: {host: 127.0.0.1}",
    "pyopen_wakeword": "audio: {listen: wake_word, wake: {words: [{file: marvin.tflite}]}}",
    "tools.mcp": "tools: {mcp: {notes: {url: 'http://127.0.0.1/mcp'}}}",
}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.module)
def test_a_package_that_is_asked_for_and_missing_is_named_with_its_line(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, module = package.option, package.module
    settings = config.parse(f"{WANTED.get(module) or WANTED[option]}\n")
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


def test_a_chime_that_is_no_file_is_named_also_while_its_package_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    (tmp_path / "there.mp3").touch()
    (tmp_path / "sounds").mkdir()
    for chime, why in (
        ("sounds", f"cannot read {tmp_path}/sounds: Is a directory"),
        ("no.mp3", f"cannot read {tmp_path}/no.mp3: No such file or directory"),
    ):
        text = f"audio: {{earcons: {{chime: {chime}}}}}"
        settings = config.parse(text, str(tmp_path / "config.yaml"))
        assert unusable_files(settings) == [f"{tmp_path}/config.yaml:1: audio.earcons.chime: {why}"]
    settings = config.parse(text.replace("no", "there"), str(tmp_path / "config.yaml"))
    assert unusable_files(settings) == []


def test_a_package_is_installed_for_this_very_program(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.stat(sys.prefix).st_uid
    command = [sys.executable, "-m", "pip", "install", "livekit>=1.2,<2"]
    for user, before in ((owner, []), (0, []), (owner + 1, ["sudo"])):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert shlex.split(how_to_install("livekit.rtc")) == [*before, *command]


def test_a_home_whose_exposed_tools_are_not_wanted_needs_no_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    home = "home_assistant: {url: 'http://127.0.0.1', token: a}\n"
    assert missing_packages(config.parse(f"{home}tools: {{home_assistant: false}}\n")) == []


def test_nothing_is_missing_for_the_defaults() -> None:
    assert missing_packages(config.parse("")) == []


def test_each_package_is_an_extra_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {each for extra in project["optional-dependencies"].values() for each in extra}
    by_itself = {SPECS["zeroconf"]}  # used where it is there; no option asks for it
    assert {SPECS[each.module] for each in PACKAGES} | by_itself == extras
    assert set(SPECS.values()) - extras <= set((ROOT / "requirements.txt").read_text().split())


def problems(folder: Path, text: str) -> list[str]:
    (folder / "config.yaml").write_text(text)
    return unusable_tools(config.load(folder / "config.yaml"))


def test_tools_that_cannot_be_used_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys\nsys.exit(1)\n")
    (tmp_path / "lamp.sh").write_text("#!/bin/sh\n")
    text = (
        "tools:\n  python: [mine.py, gone.py]\n  own:\n"
        "    - {name: a, description: x, program: [./lamp.sh]}\n"
        "    - name: b\n      description: x\n      program: [sh]\n"
        "      parameters: {on: {type: bool}}\n"
    )
    file = tmp_path / "config.yaml"
    lamp, schema, *mine = problems(tmp_path, text)
    assert lamp == (
        f"{file}:4: tools.own[0].program[0]: {tmp_path}/lamp.sh may not be run by this user; "
        "chmod +x, and see its folder"
    )
    assert schema.startswith(f"{file}:8: tools.own[1].parameters: on.type: there is no type bool")
    assert mine == [
        f"{tmp_path}/mine.py:2: cannot be loaded, it raised SystemExit: 1",
        f"{tmp_path}/gone.py: there is no such file",
    ]
    assert problems(tmp_path, "tools: {own: {name: a, description: x, program: sh}}") == []


def test_functions_that_nobody_answers_are_named() -> None:
    tools = "[{type: function, name: wave}, {name: nod}, {type: mcp, server_label: x}, 5]"
    settings = config.parse(f"realtime: {{session: {{extra: {{tools: {tools}}}}}}}")
    (warning,) = unanswered_functions(settings)
    assert warning == (
        "config.yaml:1: realtime.session.extra.tools: nobody answers the functions wave, nod; "
        "describe them in tools.own, or write them in Python (tools.python)"
    )
    for fine in ("[{type: mcp}]", "5", "{}"):
        text = f"realtime: {{session: {{extra: {{tools: {fine}}}}}}}"
        assert unanswered_functions(config.parse(text)) == []


def test_check_names_a_word_that_was_not_taught_and_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    words = "[{word: alexa}, {taught: hey marvin}]"
    path.write_text(f"audio:\n  listen: wake_word\n  wake:\n    words: {words}\n")
    assert check(Namespace(config=str(path))) == 0, "the daemon may be another user's"
    where = f'warning: {path}:4: audio.wake.words[1].taught: "hey marvin" was not taught here: `'
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "taught" in each]
    assert line.startswith(where)
    assert line.endswith('wake teach "hey marvin"`')


def test_check_lists_hooks_and_names_a_program_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "hooks:\n  - {on: wake, run: [./lamp.sh, 'on']}\n"
        "  - {on: status, when: {status: idle}, url: 'http://127.0.0.1:1880/voice'}\n"
    )
    with pytest.raises(ConfigError) as refused:
        check(Namespace(config=str(path)))
    (problem,) = refused.value.problems
    assert problem.startswith(f"{path}:2: hooks[0].run[0]: there is no program {tmp_path}/lamp.sh;")
    (tmp_path / "lamp.sh").write_text("#!/bin/sh\n")
    (tmp_path / "lamp.sh").chmod(0o755)
    assert check(Namespace(config=str(path))) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: fine",
        f"hook on wake: {tmp_path}/lamp.sh on",
        "hook on status, status idle: POST http://127.0.0.1:1880/voice",
    ]
