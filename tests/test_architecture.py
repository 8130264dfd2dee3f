"""The house keeps its floors: who may know whom, and which rooms only think.

`examine` reads a package's source and returns every breach of the rules below in words; the tests
run it on the real package and on copies with a planted breach each.
"""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rtaudio_daemon"
NAME = "rtaudio_daemon"

HALL = {
    "backoff": 0,
    "errors": 0,
    "events": 0,
    "states": 0,
    "config": 0,
    "config_options": 0,
    "config_sections": 0,
    "config_profiles": 0,
    "config_schema": 0,
    "config_documents": 0,
    "config_edit": 0,
    "yaml_source": 0,
    "controls": 0,
    "file_reading": 0,
    "emitter": 0,
    "version": 0,
    "packages": 0,
    "systemd": 2,
    "log": 2,
    "log_handlers": 2,
    "alertness": 3,
    "hearing": 3,
    "cues": 3,
    "device_states": 3,
    "assistant": 3,
    "daemon_controls": 3,
    "app": 4,
    "parts": 4,
    "reload": 4,
    "requirements": 4,
    "running": 4,
    "supervision": 4,
    "cli": 4,
    "demo": 4,
    "remote": 4,
    "__main__": 4,
    "__init__": 4,
}
ROOM_FLOOR = 2
ROOMS = dict.fromkeys(("realtime", "audio", "tools", "api", "simulator"), ROOM_FLOOR)
ROOMS["doctor"] = 4  # it tries out everything else
ROOMS["protocol"] = 0
ROOMS["dialogue"] = 1
DOORS = {
    ("simulator", "realtime.codec"),
    ("dialogue", "realtime.shapes"),
    ("protocol", "realtime.codec"),
    ("protocol", "realtime.shapes"),
}
PURE = {"dialogue", "protocol"}
THINKERS = {
    "backoff",
    "errors",
    "config_profiles",
    "controls",
    "events",
    "states",
    "realtime.profiles",
    "realtime.codec",
    "realtime.shapes",
    "realtime.effective",
    "realtime.need",
    "realtime.usage",
    "audio.format",
    "audio.vad",
    "audio.echo",
    "audio.wake_word",
    "audio.calibration",
    "audio.deafness",
    "audio.earcons",
    "audio.gate",
    "audio.playback",
    "audio.substitution",
    "audio.splice",
    "api.documents",
    "api.openapi",
    "api.routes",
    "api.schemas",
    "simulator.extras",
    "simulator.faults",
    "simulator.input_buffer",
    "simulator.items",
    "simulator.ladder",
    "simulator.manner",
    "simulator.pacing",
    "simulator.quirks",
    "simulator.record",
    "simulator.refusal",
    "simulator.reply",
    "simulator.scenario",
    "simulator.service",
    "simulator.settings",
    "simulator.shapes",
    "simulator.sound_format",
    "simulator.spelling",
    "simulator.turn_detector",
    "simulator.usage",
    "simulator.vocabulary",
}
DOING = {"asyncio", "aiohttp", "pyaudio", "socket", "time", "random", "os", "subprocess", "logging"}


def modules(package: Path) -> dict[str, Path]:
    """Every module by its name inside the package, as in `audio.gate`."""
    return {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for path in sorted(package.rglob("*.py"))
    }


def imports(module: str, path: Path) -> tuple[set[str], set[str]]:
    """What a module imports: names inside the package, and top-level names outside it."""
    inside: set[str] = set()
    outside: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                _sort(alias.name, inside, outside)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: -node.level]
                base = ".".join([NAME, *parents, *([base] if base else [])])
            for alias in node.names:
                _sort(f"{base}.{alias.name}", inside, outside)
    return inside, outside


def _sort(name: str, inside: set[str], outside: set[str]) -> None:
    if name == NAME or name.startswith(NAME + "."):
        inside.add(name.removeprefix(NAME).removeprefix("."))
    else:
        outside.add(name.partition(".")[0])


def examine(package: Path) -> list[str]:
    """Every breach of the house's rules, in words."""
    known = modules(package)
    wrong = [f"{name} has no place in the house" for name in known if _floor(name) is None]
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        inside, outside = imports(name, path)
        # `from .events import Play` names a thing in a module; `from . import events` a module.
        targets = {
            target if target in known else target.rpartition(".")[0] or "__init__"
            for target in inside
        }
        graph[name] = {target for target in targets if target in known and target != name}
        wrong += [
            f"{name} may not know {target}"
            for target in sorted(graph[name])
            if not _may(name, target)
        ]
        if name in THINKERS or _room(name) in PURE:
            wrong += [f"{name} only thinks, but imports {one}" for one in sorted(outside & DOING)]
        if name.endswith(".__init__") and not _only_docstring(path):
            wrong.append(f"{name} holds more than a docstring")
    return wrong + _circles(graph)


def _room(name: str) -> str | None:
    room = name.partition(".")[0]
    return room if room in ROOMS else None


def _floor(name: str) -> int | None:
    room = _room(name)
    return ROOMS[room] if room else HALL.get(name)


def _may(name: str, target: str) -> bool:
    mine, theirs = _floor(name), _floor(target)
    if mine is None or theirs is None:
        return True  # told elsewhere
    if target == "__init__":
        return False
    room, other = _room(name), _room(target)
    if room and other and room != other:
        return theirs < mine or (room, target) in DOORS
    if mine == theirs == ROOM_FLOOR and room != other:
        return False
    return theirs <= mine


def _only_docstring(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return len(body) == 1 and isinstance(body[0], ast.Expr)


def _circles(graph: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()
    found: list[str] = []

    def walk(name: str, way: list[str]) -> None:
        if name in way:
            found.append("import circle: " + " -> ".join([*way[way.index(name) :], name]))
        elif name not in done:
            for target in sorted(graph[name]):
                walk(target, [*way, name])
            done.add(name)

    for name in sorted(graph):
        walk(name, [])
    return found


def test_the_house_is_in_order() -> None:
    assert examine(PACKAGE) == []


def test_every_module_that_only_thinks_is_really_there_or_not_built_yet() -> None:
    known = modules(PACKAGE)
    some = {"errors", "events", "dialogue.conversation", "realtime.codec", "audio.gate"}
    assert some <= set(known)


@pytest.mark.parametrize(
    ("file", "line", "breach"),
    [
        ("utils.py", "", "utils has no place in the house"),
        ("events.py", "from .dialogue.turns import Turns", "events may not know dialogue.turns"),
        ("events.py", "import asyncio", "events only thinks, but imports asyncio"),
        ("dialogue/turns.py", "from ..realtime import codec", "dialogue.turns may not know"),
        ("audio/gate.py", "from ..realtime.codec import decode", "audio.gate may not know"),
        ("audio/gate.py", "import time", "audio.gate only thinks, but imports time"),
        ("audio/gate.py", "from ..app import run", "audio.gate may not know app"),
        ("parts.py", "from .doctor.service import service", "import circle"),
        ("api/lock.py", "from ..doctor.finding import Finding", "api.lock may not know doctor"),
        ("api/__init__.py", "X = 1", "api.__init__ holds more than a docstring"),
        ("assistant.py", "from .cli import main", "assistant may not know cli"),
        ("realtime/codec.py", "from .client import AzureRealTimeAudio", "import circle"),
        ("simulator/server.py", "from ..realtime.client import X", "simulator.server may not know"),
    ],
)
def test_a_planted_breach_is_found(tmp_path: Path, file: str, line: str, breach: str) -> None:
    package = tmp_path / NAME
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    target = package / file
    target.write_text((target.read_text() if target.exists() else "") + f"\n{line}\n")
    assert any(breach in wrong for wrong in examine(package)), examine(package)
