"""Every command in a document is run here or by a test that is named, or its words are checked."""

from __future__ import annotations

import re
import shlex

import pytest

from rtaudio_daemon.cli.command_line import parser
from rtaudio_daemon.optional_packages import SPECS
from tests.documents import DOCUMENTS, ROOT, Block, blocks, without_blocks

BLOCKS = blocks("sh", "bash", "shell", "console")
RUN_BY = {
    ("README.md", "curl -N"): "tests/test_document_commands.py",
    ("docs/http-api.md", "$ curl"): "tests/test_document_commands.py",
    ("docs/http-api.md", "voice()"): "tests/test_document_commands.py",
    ("docs/http-api.md", "curl -f"): "tests/test_document_commands.py",
    ("docs/simulator.md", "$ curl"): "tests/test_document_commands.py",
    ("docs/install.md", "$ rtaudio-daemon backup"): "tests/test_document_commands.py",
    ("docs/quick-start.md", "read -rsp"): "tests/test_document_commands.py",
    ("docs/automations.md", "#!/bin/sh"): "tests/test_automations_document.py",
    ("docs/automations.md", "VOICE_URL="): "tests/test_node_red.py",
    ("docs/audio.md", "mkdir -p"): "tests/systemd/test_wireplumber.py",
    ("docs/install.md", "sudo apt-get"): "tests/test_distributions.py",
    ("docs/install.md", "printf 'FROM"): "tests/test_optional_packages.py",
}
"""Blocks by their document and how they begin, and the test that runs what they say."""

CANNOT = {
    ("docs/raspberry-pi.md", "sudo apt update"): "changes and restarts the machine",
    ("docs/raspberry-pi.md", "wpctl status"): "needs a sound card, and PipeWire beside it",
    ("docs/raspberry-pi.md", "git clone"): "the address is that of whoever reads it",
    ("docs/automations.md", "pip install aiohttp"): "needs a button, and changes a group",
    ("docs/home-assistant.md", "$ mosquitto_sub"): "needs Debian's mosquitto-clients",
    ("docs/echo.md", "pactl load-module"): "`bench/sound.py echo system` does the same",
    ("docs/client.md", "pip install"): "the paths are those of whoever reads it",
    ("docs/simulator.md", "$ . .venv"): "pocketsphinx is no package of the tests",
}
"""Blocks of which neither holds, and why not."""

FREE = {"podman", "cd", "cp", ".", "export", "git", "systemctl", "journalctl", "grep", "python3"}
"""Programs of the system whose arguments `wrong` looks at only for names of ours."""
OPERATORS = {"&&", "|", "&", ";", "<"}
ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


def listed(block: Block, names: dict[tuple[str, str], str]) -> list[tuple[str, str]]:
    """The entries that mean this block."""
    return [
        (document, start)
        for document, start in names
        if document == block.document and block.text.startswith(start)
    ]


def commands(line: str) -> list[list[str]]:
    """The programs that a line starts, each with its arguments."""
    found: list[list[str]] = [[]]
    for word in shlex.split(line.split("\n", 1)[0], comments=True):
        if word in OPERATORS:
            found.append([])
        elif found[-1] or not (word == "sudo" or ASSIGNMENT.fullmatch(word)):
            found[-1].append(word)
    return [each for each in found if each and each != ["/dev/null"]]


def wrong(words: list[str]) -> str:
    """What is wrong with the command; empty if nothing is."""
    program, arguments = words[0], words[1:]
    if program.endswith("python") and arguments[:2] == ["-m", "pip"]:
        return wrong_packages(arguments[3:])
    if program == "pip":
        return wrong_packages(arguments[1:])
    if program.endswith("python"):
        module = arguments[0] == "-m"
        program = f"{arguments[1].replace('.', '/')}.py" if module else arguments[0]
        arguments = arguments[1 + module :]
    if program in ("daemon.py", "script/run") or program.endswith("rtaudio-daemon"):
        return wrong_arguments(arguments)
    if program == "podman" and arguments[0] == "run":  # what stands behind the image's name
        return wrong_arguments(arguments[arguments.index("rtaudio-daemon") + 1 :])
    if program in ("script/test", "pytest"):
        return wrong_tests(arguments)
    if program.startswith(("script/", "examples/", "bench/", "packaging/")):
        return wrong_options(program, arguments)
    return "" if program in FREE else f"{program} is not checked by anything"


def wrong_arguments(arguments: list[str]) -> str:
    try:
        parser().parse_args(arguments or ["run"])
    except SystemExit:
        return f"daemon.py does not take {arguments}"
    return ""


def wrong_packages(arguments: list[str]) -> str:
    allowed = {*SPECS.values(), *(ROOT / "requirements.txt").read_text().split()}
    files = {"--require-hashes", "-r", "requirements.lock", "--no-deps"}
    strange = [each for each in arguments if each not in allowed | files]
    return f"no packages of ours: {strange}" if strange else ""


def wrong_tests(arguments: list[str]) -> str:
    text = (ROOT / "pyproject.toml").read_text()
    paths = [each for each in arguments if each.startswith("tests/")]
    missing = [each for each in paths if not (ROOT / each).exists()]
    marker = arguments[arguments.index("-m") + 1] if "-m" in arguments else ""
    unknown = [
        word for word in set(re.findall(r"\w+", marker)) - {"and"} if f'"{word}: ' not in text
    ]
    return f"there is no {missing + unknown}" if missing or unknown else ""


def wrong_options(program: str, arguments: list[str]) -> str:
    path = ROOT / program
    if not path.exists():
        return f"there is no {program}"
    options = [each for each in arguments if each.startswith("--")]
    unknown = [each for each in options if each not in path.read_text()]
    return f"{program} does not take {unknown}" if unknown else ""


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_commands_are_run_or_in_order(block: Block) -> None:
    assert block.commands
    if not listed(block, RUN_BY) and not listed(block, CANNOT):
        assert [wrong(each) for line in block.commands for each in commands(line)] == [
            "" for line in block.commands for _ in commands(line)
        ]


def measuring() -> list[str]:
    """The commands within sentences and tables that measure or prove something."""
    prose = "\n".join(without_blocks(path.read_text()) for path in DOCUMENTS)
    begins = r"(?:\.venv/bin/)?(?:python (?:-m bench\.|bench/)|pytest )"
    found = re.findall(rf"`({begins}[^`]+)`", prose)
    return sorted({" ".join(each.split()) for each in found})


@pytest.mark.parametrize("line", measuring())
def test_what_measures_exists(line: str) -> None:
    assert [wrong(each) for each in commands(line)] == [""]


def test_the_lists_are_short_and_true() -> None:
    for names in (RUN_BY, CANNOT):
        used = {entry for block in BLOCKS for entry in listed(block, names)}
        assert used == set(names), "nothing begins so"
    assert len(CANNOT) <= 10
    assert [path for path in RUN_BY.values() if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    "line",
    [
        "daemon.py sya hello",
        "sudo .venv/bin/python daemon.py status --wacth",
        "script/run check --config",
        "script/nothing",
        "script/install --sytem",
        "python examples/nobody.py",
        "script/test -m slwo",
        "script/test tests/nothing.py",
        ".venv/bin/python -m pip install 'aiomqtt>=1,<2'",
        "git pull && script/updaet",
        "rm -rf /",
        "podman run --rm rtaudio-daemon dmo",
        "python -m bench.nothing",
        "python -m bench.sound cost --secnds 8",
        "pytest -m slow tests/nothing.py",
    ],
)
def test_a_mistake_in_a_command_is_found(line: str) -> None:
    assert any(wrong(each) for each in commands(line))


def test_no_block_hides_its_commands() -> None:
    """What begins as a command does is in a block that says so."""
    begins = re.compile(r"(\$ |sudo |curl |script/|pactl |git |python |daemon\.py )")
    assert [str(block) for block in blocks("") if begins.match(block.text)] == []
