"""The layers: which folder may import which, and which folders are pure.

`examine` reads a package's source and returns every breach of the rules below as a sentence; the
tests run it on the real package and on copies with one planted breach each.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

NAME = "rtaudio_daemon"
PACKAGE = Path(__file__).parent.parent / NAME

WORDS = {
    "backoff",
    "child_processes",
    "controls",
    "device_codes",
    "emitter",
    "errors",
    "language",
    "notifications",
    "optional_packages",
    "program_name",
    "proxies",
    "status_words",
    "user_folders",
    "version",
}
"""The modules at the root, which everybody may import; they import each other only."""

LAYERS = ("words", "config", "protocol", "dialogue", "realtime", "daemon", "cli", "entry")
"""Each may import itself and what stands before it. `entry`: `__init__`, `__main__`, `testing`."""

BESIDE = {
    "audio": {"words", "config"},
    "tools": {"words", "config", "protocol"},
    "mqtt": {"words", "config", "protocol"},
    "api": {"words", "config"},
    "simulator": {"words", "config", "protocol"},
}
"""Folders beside the layers, and what they may import; only `daemon` and above import them."""

INSIDE = {
    "audio": {
        "processing": set(),
        "worker": set(),
        "engines": {"processing"},
        "devices": {"processing", "worker"},
        "files": {"processing"},
    },
    "simulator": {
        "protocol": set(),
        "model": {"protocol", ""},
        "": {"protocol", "model"},
        "server": {"protocol", "model", ""},
    },
}
"""What the folders inside a folder may import of each other; "": the modules beside them."""

PURE = ("protocol", "dialogue", "audio.processing", "simulator.protocol")
"""Folders without I/O, clock, chance and log: what goes in decides what comes out."""

PURE_BESIDES = {
    "backoff",
    "controls",
    "errors",
    "notifications",
    "realtime.session_need",
    "realtime.usage",
    "status_words",
    "audio.devices.fallback",
    "audio.devices.signal_check",
    "audio.devices.stream_join",
    "audio.worker.playback_queue",
    "api.answer_schemas",
    "api.body_schemas",
    "api.openapi",
    "api.payloads",
    "api.routes",
    "mqtt.commands",
    "mqtt.discovery",
    "mqtt.link",
    "mqtt.patience",
    "mqtt.states",
    "mqtt.topics",
    "mqtt.waiting",
    "simulator.fault_injection",
    "simulator.scenario",
    "simulator.model.behaviour",
    "simulator.model.input_buffer",
    "simulator.model.items",
    "simulator.model.pacing",
    "simulator.model.reply",
    "simulator.model.response_events",
    "simulator.model.session_record",
    "simulator.model.token_usage",
    "simulator.model.turn_detector",
    "tools.confirmations",
    "tools.permissions",
    "tools.schema",
    "tools.schema_keywords",
    "tools.schema_problems",
    "tools.sources.home_assistant.asked_for",
    "tools.sources.home_assistant.exposed",
    "tools.sources.home_assistant.goals",
    "tools.sources.home_assistant.intents",
    "tools.sources.home_assistant.states",
    "tools.timers.local_time",
    "tools.timers.schedule",
    "tools.timers.timer",
    "tools.timers.words",
    "tools.yes_words",
}
"""Single modules that are pure, too, in folders that are not."""

IMPURE = {
    *("asyncio", "aiohttp", "logging", "os", "pyaudio"),
    *("random", "socket", "subprocess", "time"),
}

WORKER = "audio.worker"
WORKER_PACKAGES = sys.stdlib_module_names | {"pyaudio"}
"""All that the process of a sound device may load, directly or not."""

EXPORTING = {"__init__", "config.__init__"}
"""The packages that export names; the others hold a docstring only."""

Graph = dict[str, set[str]]


class Module(NamedTuple):
    """What a module says: every name it imports, what it imports wrongly, nothing else."""

    imported: tuple[str, ...]
    absolute: tuple[str, ...]
    is_docstring: bool


def modules(package: Path) -> dict[str, Path]:
    """Every module by its name inside the package, as in `audio.processing.gate`."""
    return {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for path in sorted(package.rglob("*.py"))
    }


def examine(package: Path) -> list[str]:
    """Every breach of the rules, as a sentence."""
    known = modules(package)
    inside: Graph = {}
    outside: Graph = {}
    found: list[str] = []
    for name, path in known.items():
        if _layer(name) is None:
            found.append(f"{name} belongs to no layer")
        module = _read(name, path.read_text(encoding="utf-8"))
        inside[name], outside[name] = _targets(name, module, known)
        found += module.absolute
        if path.name == "__init__.py" and name not in EXPORTING and not module.is_docstring:
            found.append(f"{name} holds more than a docstring")
    for name in known:
        for target in sorted(inside[name]):
            if not _may_import(name, target):
                found.append(f"{name} may not import {target}")
        if _is_pure(name):
            impure = sorted(outside[name] & IMPURE)
            found += [f"{name} is pure, but imports {each}" for each in impure]
    return found + list(_worker(inside, outside)) + list(_circles(inside))


def _layer(name: str) -> str | None:
    first, _, rest = name.partition(".")
    if not rest:
        return "words" if first in WORDS else "entry" if _is_entry(first) else None
    return first if first in LAYERS or first in BESIDE else None


def _is_entry(name: str) -> bool:
    return name.startswith("__") or name == "testing"


def _may_import(name: str, target: str) -> bool:
    mine, theirs = _layer(name), _layer(target)
    if mine is None or theirs is None:
        return True  # that it has no layer is a breach of its own
    if theirs == "entry":
        return False
    if mine == theirs:
        return _may_import_inside(name, target)
    if mine in BESIDE:
        return theirs in BESIDE[mine]
    if theirs in BESIDE:
        return mine in ("daemon", "cli", "entry")
    return LAYERS.index(theirs) < LAYERS.index(mine)


def _may_import_inside(name: str, target: str) -> bool:
    folders = INSIDE.get(name.partition(".")[0])
    if folders is None:
        return True
    mine, theirs = _subfolder(name), _subfolder(target)
    return mine == theirs or theirs in folders.get(mine, set())


def _subfolder(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 2 else ""


def _is_pure(name: str) -> bool:
    return name in PURE_BESIDES or name.startswith(tuple(f"{folder}." for folder in PURE))


def _without_type_checking(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    return tree


@cache
def _read(name: str, text: str) -> Module:
    tree = _without_type_checking(ast.parse(text))
    return Module(tuple(_imported(name, tree)), tuple(_absolute(name, tree)), _is_docstring(tree))


def _imported(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(name, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _targets(name: str, module: Module, known: Iterable[str]) -> tuple[set[str], set[str]]:
    """What a module imports: modules of this package, and the packages of others."""
    inside: set[str] = set()
    outside: set[str] = set()
    for each in module.imported:
        if each.partition(".")[0] == NAME:
            inside.add(_module(each.removeprefix(NAME).removeprefix("."), known))
        else:
            outside.add(each.partition(".")[0])
    return inside - {name}, outside


def _base(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    return ".".join(filter(None, [NAME, *name.split(".")[: -node.level], node.module]))


def _module(name: str, known: Iterable[str]) -> str:
    """The module that holds `name`: itself, its package, or what it is a name in."""
    for each in (name, f"{name}.__init__"):
        if each in known:
            return each
    return _module(name.rpartition(".")[0], known) if "." in name else "__init__"


def _absolute(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        if any(each.partition(".")[0] == NAME for each in names):
            yield f"{name} imports {NAME} by its absolute name"


def _is_docstring(tree: ast.Module) -> bool:
    return len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr)


def _worker(inside: Graph, outside: Graph) -> Iterator[str]:
    """What is wrong with all that the process of a sound device loads."""
    loaded: set[str] = set()
    waiting = [name for name in inside if name.startswith(f"{WORKER}.")]
    while waiting:
        name = waiting.pop()
        if name in loaded:
            continue
        loaded.add(name)
        parents = name.split(".")[:-1]
        packages = [".".join([*parents[:count], "__init__"]) for count in range(len(parents) + 1)]
        waiting += [*inside[name], *(each for each in packages if each in inside)]
    for name in sorted(loaded):
        for each in sorted(outside[name] - WORKER_PACKAGES):
            yield f"{WORKER} loads {name}, which imports {each}"


def _circles(graph: Graph) -> Iterator[str]:
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> Iterator[str]:
        if name in way:
            yield "import circle: " + " -> ".join([*way[way.index(name) :], name])
        elif name not in done:
            for target in sorted(graph[name]):
                yield from walk(target, [*way, name])
            done.add(name)

    for name in sorted(graph):
        yield from walk(name, [])


def test_the_package_keeps_the_rules() -> None:
    assert examine(PACKAGE) == []


def test_every_module_that_is_named_here_exists() -> None:
    known = modules(PACKAGE)
    assert set(known) >= PURE_BESIDES | EXPORTING | WORDS
    assert all(any(name.startswith(f"{folder}.") for name in known) for folder in (*PURE, WORKER))


def test_the_process_of_a_sound_device_loads_the_standard_library_and_pyaudio_only() -> None:
    code = (
        "import sys; before = set(sys.modules); import rtaudio_daemon.audio.worker.__main__; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert set(ran.stdout.split()) - WORKER_PACKAGES == {NAME}


def test_the_process_of_a_sound_device_loads_nothing_that_takes_much_memory() -> None:
    code = "import rtaudio_daemon.audio.worker.__main__, sys; print(*sys.modules)"
    command = [sys.executable, "-S", "-c", code]
    ran = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert not loaded & {"dataclasses", "inspect", "pathlib", "difflib", "shlex", "numpy"}


def test_a_daemon_that_needs_no_service_of_its_own_does_not_load_one() -> None:
    code = "import rtaudio_daemon.cli.local_commands, sys; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    loaded = {name for name in ran.stdout.split() if name.startswith(f"{NAME}.")}
    assert f"{NAME}.daemon.app" in loaded
    assert not [name for name in loaded if name.split(".")[1] == "simulator"]


def test_a_daemon_loads_nothing_for_a_home_or_a_broker_that_it_has_not() -> None:
    code = "import rtaudio_daemon.cli.local_commands, sys; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert f"{NAME}.daemon.tool_sources" in loaded
    for folder in ("tools.sources.home_assistant", "tools.sources.mcp_servers", "mqtt.bridge"):
        assert not [name for name in loaded if name.startswith(f"{NAME}.{folder}")]


@pytest.mark.parametrize(
    ("file", "line", "breach"),
    [
        ("utils.py", "", "utils belongs to no layer"),
        ("misc/helpers.py", "", "misc.helpers belongs to no layer"),
        # the layers, from below to above
        ("emitter.py", "from .config import Config", "emitter may not import config"),
        ("config/edit.py", "from ..protocol import codec", "config.edit may not import protocol"),
        ("protocol/codec.py", "from ..dialogue import history", "protocol.codec may not import"),
        ("dialogue/history.py", "from ..realtime import usage", "dialogue.history may not import"),
        ("realtime/client.py", "from ..daemon import app", "realtime.client may not import daemon"),
        ("daemon/assistant.py", "from ..cli.main import main", "daemon.assistant may not import"),
        ("cli/main.py", "from .. import __main__", "cli.main may not import __main__"),
        # beside them: no sideways import, and nothing from above
        ("audio/processing/gate.py", "from ...protocol import codec", "gate may not import"),
        ("audio/devices/open.py", "from ...api import routes", "open may not import api.routes"),
        ("api/routes.py", "from ..realtime import client", "api.routes may not import realtime"),
        ("api/guard.py", "from ..cli.doctor import finding", "api.guard may not import cli.doctor"),
        ("api/server.py", "from ..daemon.app import App", "api.server may not import daemon.app"),
        ("tools/runner.py", "from ..api import routes", "tools.runner may not import api.routes"),
        ("simulator/server/tls.py", "from ...realtime import client", "tls may not import"),
        ("realtime/client.py", "from ..audio.processing import vad", "client may not import"),
        # inside a folder
        ("audio/processing/vad.py", "from ..engines import vad_engines", "vad may not import"),
        ("audio/worker/link.py", "from ..processing import format", "link may not import audio"),
        ("simulator/protocol/quirks.py", "from ..model import items", "quirks may not import"),
        ("simulator/model/items.py", "from ..server import tls", "items may not import simulator"),
        # purity
        ("notifications.py", "import asyncio", "notifications is pure, but imports asyncio"),
        ("protocol/codec.py", "import logging", "protocol.codec is pure, but imports logging"),
        ("dialogue/history.py", "from time import time", "dialogue.history is pure, but"),
        ("audio/processing/gate.py", "import random", "audio.processing.gate is pure, but"),
        ("audio/processing/new.py", "def f():\n    import os", "audio.processing.new is pure, but"),
        ("simulator/protocol/quirks.py", "import socket", "simulator.protocol.quirks is pure, but"),
        # the process of a sound device
        ("audio/worker/link.py", "import numpy", "audio.worker loads audio.worker.link, which"),
        ("errors.py", "import aiohttp", "audio.worker loads errors, which imports aiohttp"),
        ("__init__.py", "import yaml", "audio.worker loads __init__, which imports yaml"),
        # circles, packages, absolute names
        ("protocol/session_format.py", "from .codec import decode", "import circle"),
        ("api/__init__.py", "X = 1", "api.__init__ holds more than a docstring"),
        ("api/guard.py", "from rtaudio_daemon import config", "api.guard imports rtaudio_daemon"),
    ],
)
def test_a_planted_breach_is_found(tmp_path: Path, file: str, line: str, breach: str) -> None:
    package = tmp_path / NAME
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    target = package / file
    target.parent.mkdir(exist_ok=True)
    target.write_text((target.read_text() if target.exists() else "") + f"\n{line}\n")
    assert any(breach in wrong for wrong in examine(package)), examine(package)
