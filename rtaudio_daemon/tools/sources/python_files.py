"""Finds functions for the model in files and in installed packages; runs third-party code.

An exception of that code is never passed on: it becomes a problem, with file and line.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from ...config.file_reading import read_bounded
from ...protocol.bounds import error_message_of
from .decorator import Mark, mark_of
from .signatures import Signature, signature_of

GROUP = "rtaudio_daemon.tools"
"""The group of entry points whose functions are tools."""
LOADING_S = 10.0
"""How many seconds loading all of them may take."""
_MOST_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DECORATE = "mark a function with @tool (from rtaudio_daemon import tool)"


@dataclass(frozen=True, slots=True)
class Found:
    """A function that the model may call."""

    name: str
    function: Callable[..., Any]
    mark: Mark
    signature: Signature


@dataclass(frozen=True, slots=True)
class Findings:
    """The functions, and all problems: a line each, with file and line number."""

    functions: tuple[Found, ...] = ()
    problems: tuple[str, ...] = ()


def find_functions(files: tuple[str, ...]) -> Findings:
    """Find the functions in `files`, then those of installed packages; runs their code."""
    functions: dict[str, Found] = {}
    problems: list[str] = []
    for where, load in _places(files):
        try:
            values = load()
        except BaseException as error:  # third-party code may raise anything
            problems.append(_raised(error, where))
            continue
        marked = [(value, mark) for value in values if (mark := mark_of(value))]
        if not marked:
            problems.append(f"{where}: holds no tool; {_DECORATE}")
        for value, mark in marked:
            name = mark.name or str(getattr(value, "__name__", ""))
            signature, wrong = signature_of(value)
            if not _NAME.fullmatch(name):
                wrong.append("is no name for a tool; use letters, digits, _ and -")
            elif name in functions:
                wrong.append("there is another tool of this name; give it name=")
            at = f"{_place_of(value, where)}: {name}"
            problems += [f"{at}: {each}" for each in wrong]
            if not wrong:
                functions[name] = Found(name, value, mark, signature)
    return Findings(tuple(functions.values()), tuple(problems))


def find_in_time(files: tuple[str, ...], limit_s: float = LOADING_S) -> Findings:
    """Like `find_functions`, but give up after `limit_s`; the thread then continues alone."""
    found: list[Findings] = []
    loading = threading.Thread(target=lambda: found.append(find_functions(files)), daemon=True)
    loading.start()
    loading.join(limit_s)
    return found[0] if found else too_slow(files, limit_s)


def too_slow(files: Sequence[str], limit_s: float) -> Findings:
    """Return the findings when loading took too long: nothing but a problem."""
    names = ", ".join(files) or "an installed package"
    words = f"{names}: takes longer than {limit_s:g} s to load; do nothing long outside functions"
    return Findings((), (words,))


def _places(files: tuple[str, ...]) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    """Yield where to look for functions: a name for people, and a function that loads them."""
    for file in files:
        yield file, partial(_in_file, file)
    for point in entry_points(group=GROUP):
        yield f"entry point {point.name}", partial(_pointed_at, point)


def _in_file(file: str) -> list[Any]:
    return _values(_module(file))


def _module(file: str) -> ModuleType:
    name = "rtaudio_tools_" + re.sub(r"\W", "_", Path(file).stem)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError("its name must end with .py")
    read_bounded(file, _MOST_BYTES)  # rejects a pipe, which could block for ever
    module = importlib.util.module_from_spec(spec)
    before, sys.modules[name] = sys.modules.get(name), module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module


def _values(module: ModuleType) -> list[Any]:
    """Return what the module itself defines, without what it imports."""
    return [each for each in vars(module).values() if _module_of(each) == module.__name__]


def _pointed_at(point: EntryPoint) -> list[Any]:
    found = point.load()
    return _values(found) if isinstance(found, ModuleType) else [found]


def _module_of(value: Any) -> str:
    found = getattr(value, "__module__", None) if callable(value) else None
    return found if isinstance(found, str) else ""


def _place_of(function: Any, where: str) -> str:
    code = getattr(function, "__code__", None)
    if code is None:
        return where
    file = where if _is(code.co_filename, where) else code.co_filename
    return f"{file}:{code.co_firstlineno}"


def _is(file: str | None, where: str) -> bool:
    """Return whether a file named by Python is the one at `where`."""
    return file is not None and os.path.abspath(file) == os.path.abspath(where)


def _raised(error: BaseException, where: str) -> str:
    """Return one line about an exception raised while a file was loaded."""
    if isinstance(error, SyntaxError) and error.lineno:
        file = where if _is(error.filename, where) else error.filename or where
        return f"{file}:{error.lineno}: {error_message_of(error.msg)}"
    if isinstance(error, FileNotFoundError) and _is(str(error.filename), where):
        return f"{where}: there is no such file"
    trace = traceback.extract_tb(error.__traceback__)
    lines = [each.lineno for each in trace if _is(each.filename, where)]
    if isinstance(error, OSError) and error.strerror and not lines:
        return f"{where}: cannot be read: {error.strerror}"
    at = f"{where}:{lines[-1]}" if lines else where
    said = f": {words}" if (words := error_message_of(str(error))) else ""
    return f"{at}: cannot be loaded, it raised {type(error).__name__}{said}"
