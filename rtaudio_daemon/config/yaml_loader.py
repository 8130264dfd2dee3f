"""YAML with a file and line on every value, and !secret, !env_var, !credential, !include.

`read` never stops at the first mistake: everything that is wrong is in ``Source.problems``, each
with its place, and what could not be read is left out of ``Source.value`` and named in
``Source.failed``. Values of !secret, !env_var and !credential are `Secret` text. No message holds
what a tag was given or what it found: people write keys in the wrong places.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .file_reading import read_bounded
from .secret import EmptySecret, Secret, did_you_mean

Steps = tuple[str | int, ...]

SECRETS_FILE = "secrets.yaml"
_MAX_BYTES = 1 << 18
_MAX_NODES = 10_000  # a few nested aliases can stand for billions of values
_FAILED = object()
_TAG = "tag:yaml.org,2002:"
_TAGS = ("!secret", "!env_var", "!credential", "!include")
_PLAIN_TAGS = tuple(_TAG + name for name in ("str", "bool", "int", "float", "timestamp", "value"))
_OPEN_QUOTE = re.compile(r"""(?:[:,\[{]|^\s*-)\s*(?:"(?:[^"\\]|\\.)*|'[^']*)$""")


class _TooManyValuesError(yaml.YAMLError):
    """The file says more than any configuration needs."""


class Loader(yaml.SafeLoader):
    """SafeLoader for small files: raises YAMLError for more values than any of them needs."""

    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next value of the file."""
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _TooManyValuesError
        found: yaml.Node | None = super().compose_node(parent, index)
        return found


@dataclass(frozen=True)
class Place:
    """Where something stands: the file as the user named it, and the line, counted from 1.

    Line 0 is the file itself, which cannot be read.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Problem:
    """One mistake: where, at which option (empty for the YAML itself), and what to do about it."""

    place: Place
    steps: Steps
    what: str

    def __str__(self) -> str:
        place = str(self.place) if self.place.line else ""  # else `what` names the file
        return ": ".join(filter(None, (place, dotted(self.steps), self.what)))


@dataclass
class Source:
    """What a file says: plain values, the place of each, and everything that is wrong with it."""

    file: str
    value: Any = None
    places: dict[Steps, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    failed: set[Steps] = field(default_factory=set)
    secret_files: set[str] = field(default_factory=set)
    changed_at: float = 0.0
    """When the newest of the files that were read was written, in seconds since the epoch."""
    visits: int = 0
    """How many values were read; one that is named by several aliases counts each time."""
    contents: dict[str, bytes | OSError] = field(default_factory=dict, repr=False)

    def content(self, file: str) -> bytes:
        """What `file` holds, read once, or the OSError that it gave."""
        if file not in self.contents:
            try:
                self.contents[file] = read_bounded(file, _MAX_BYTES)
            except OSError as error:
                self.contents[file] = error
        found = self.contents[file]
        if isinstance(found, OSError):
            raise found
        return found

    def place(self, steps: Steps) -> Place:
        """Where `steps` stands, or the nearest group around it."""
        while steps and steps not in self.places:
            steps = steps[:-1]
        return self.places.get(steps, Place(self.file, 1))


def read(path: str | os.PathLike[str], loader: type[Loader] = Loader) -> Source:
    """Read the file at `path` and all it includes. Never raises: see ``Source.problems``.

    `loader` decides which plain words are numbers, yes or no.
    """
    source = Source(os.fspath(path))
    text = _read_text(source.file, source, Place(source.file, 0), ())
    if text is not None:
        _Document(source, source.file, _folder(source.file), (), loader=loader).read_into(text)
    return source


def read_text(text: str, file: str) -> Source:
    """Like `read`, for a text at hand; `file` names it and says where secrets.yaml would be."""
    source = Source(file)
    _Document(source, file, _folder(file), ()).read_into(text)
    return source


def dotted(steps: Iterable[str | int]) -> str:
    """A path for people: ``audio.gate.threshold``, ``tools[0].name``."""
    joined = ""
    for step in steps:
        joined += f"[{step}]" if isinstance(step, int) else f".{step}" if joined else str(step)
    return joined.encode("unicode_escape").decode() if not joined.isprintable() else joined


def readable_by_others(file: str) -> bool:
    """Whether the group or everybody may read `file`."""
    try:
        return bool(os.stat(file).st_mode & 0o044)
    except (OSError, ValueError):
        return False


class _Document:
    """One YAML file on its way into a `Source`."""

    def __init__(
        self,
        source: Source,
        file: str,
        root: Path,
        steps: Steps,
        parents: tuple[str, ...] = (),
        loader: type[Loader] = Loader,
    ) -> None:
        self._source = source
        self._file = file
        self._root = root
        self._steps = steps
        self._files = (*parents, os.path.realpath(file) if "\0" not in file else file)
        self._open: list[yaml.Node] = []
        self._kind = loader
        self._loader: Loader | None = None

    def read_into(self, text: str) -> None:
        """Set the source's whole value to what `text` says."""
        value = self.read(text)
        self._source.value = None if value is _FAILED else value

    def read(self, text: str) -> Any:
        """What `text` says, or _FAILED."""
        try:
            self._loader = self._kind(text)
            node = self._loader.get_single_node()
            return None if node is None else self._value(node, self._steps)
        except yaml.YAMLError as error:
            return self._fail(*_explained(error, text, self._file))
        except RecursionError:
            return self._fail(1, "nested too deeply")

    def _note(self, line: int, what: str, steps: Steps = ()) -> None:
        self._source.problems.append(Problem(Place(self._file, line), steps, what))

    def _fail(self, line: int, what: str, steps: Steps = ()) -> Any:
        self._note(line, what, steps)
        self._source.failed.add(steps or self._steps)
        return _FAILED

    def _value(self, node: yaml.Node, steps: Steps) -> Any:
        line = node.start_mark.line + 1
        self._source.places.setdefault(steps, Place(self._file, line))
        self._source.visits += 1
        if self._source.visits > _MAX_NODES:
            raise RecursionError
        if node.tag in _TAGS:
            return self._tagged(node, steps, line)
        if node in self._open:
            return self._fail(line, "contains itself through an alias", steps)
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
                return self._mapping(node, steps)
            if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
                values = [self._value(each, (*steps, i)) for i, each in enumerate(node.value)]
                return [value for value in values if value is not _FAILED]
            if isinstance(node, yaml.ScalarNode):
                return self._scalar(node, steps, line)
        finally:
            self._open.pop()
        return self._unknown_tag(node, steps, line)

    def _mapping(self, node: yaml.MappingNode, steps: Steps) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                result = self._merged(value, steps) | result
                continue
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or not _is_text(key.value):
                self._note(line, "expected a name before the colon", steps)
                continue
            child = (*steps, key.value)
            if key.value in lines:
                self._note(line, f"given twice, first in line {lines[key.value]}", child)
                continue
            lines[key.value] = line
            self._source.places[child] = Place(self._file, line)
            found = self._value(value, child)
            result.pop(key.value, None)
            if found is not _FAILED:
                result[key.value] = found
        return result

    def _merged(self, node: yaml.Node, steps: Steps) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            value = self._value(each, steps)
            if isinstance(value, dict):
                found = value | found
            elif value is not _FAILED:
                self._note(each.start_mark.line + 1, "<< takes a group of settings", steps)
        return found

    def _scalar(self, node: yaml.ScalarNode, steps: Steps, line: int) -> Any:
        assert self._loader is not None
        if node.tag in (_TAG + "str", _TAG + "timestamp", _TAG + "value"):
            if not _is_text(node.value):
                return self._fail(line, "holds half a character (\\ud800 to \\udfff)", steps)
            return node.value
        if node.tag not in (_TAG + "null", *_PLAIN_TAGS):
            return self._unknown_tag(node, steps, line)
        if node.tag in (_TAG + "int", _TAG + "float") and re.match(r"[-+]?(0\d|.*:)", node.value):
            # YAML 1.1 reads 010 as 8, and 1:30 as 90.
            return self._fail(
                line, "write a plain number without leading zeros, or quotes around text", steps
            )
        try:
            construct = yaml.SafeLoader.yaml_constructors[node.tag]
            value = construct(self._loader, node)
        except (ValueError, KeyError, OverflowError, IndexError):
            return self._fail(line, "cannot be read as a value; put it in quotes", steps)
        if isinstance(value, int) and abs(value) >> 63:
            return self._fail(line, "a number of this size is none; text needs quotes", steps)
        return value

    def _unknown_tag(self, node: yaml.Node, steps: Steps, line: int) -> Any:
        hint = did_you_mean(node.tag, _TAGS) or f"; known are {', '.join(_TAGS)}"
        return self._fail(line, f"unknown tag (the word after the colon with a !){hint}", steps)

    def _tagged(self, node: yaml.Node, steps: Steps, line: int) -> Any:
        argument = node.value.strip() if isinstance(node, yaml.ScalarNode) else ""
        if not argument:
            return self._fail(line, f"{node.tag} needs a name after it", steps)
        if node.tag == "!include":
            return self._include(argument, steps, line)
        if node.tag == "!secret":
            return self._secret(argument, steps, line)
        if node.tag == "!credential":
            return self._credential(argument, steps, line)
        return self._env_var(argument, steps, line)

    def _env_var(self, argument: str, steps: Steps, line: int) -> Any:
        name, *default = argument.split(None, 1)
        if os.environ.get(name, "").strip():
            return Secret(os.environ[name])
        if name in os.environ:
            return self._fail(
                line,
                "the environment variable is set, but empty; give it a value, or unset it",
                steps,
            )
        if default:
            return EmptySecret("") if default[0] in ('""', "''") else default[0]
        return self._fail(
            line, "no environment variable of this name is set; set it, or add a default", steps
        )

    def _credential(self, name: str, steps: Steps, line: int) -> Any:
        if Path(name).name != name or name == "..":
            return self._fail(line, "a credential's name holds no folder", steps)
        folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
        if not folder:
            # Commands that a person runs beside the service: the file that systemd loads it from.
            folder = os.path.dirname(self._file)
            if not os.path.exists(os.path.join(folder, name)):
                return self._fail(
                    line,
                    "$CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with "
                    "LoadCredential=, elsewhere use !secret",
                    steps,
                )
            if not os.access(os.path.join(folder, name), os.R_OK):
                return self._fail(line, "only root may read this credential; use sudo", steps)
        text = _read_text(os.path.join(folder, name), None, None, steps)
        if not text or not text.strip():
            return self._fail(
                line,
                "no such credential, or it is empty; the unit needs LoadCredential=NAME:FILE",
                steps,
            )
        return Secret(text.strip("\r\n"))

    def _secret(self, name: str, steps: Steps, line: int) -> Any:
        folder = _folder(self._file)
        while not (folder / SECRETS_FILE).exists() and self._root in folder.parents:
            folder = folder.parent
        beside = os.path.join(os.path.dirname(self._file), SECRETS_FILE)
        file = str(folder / SECRETS_FILE) if folder != _folder(self._file) else beside
        if not os.path.exists(file):
            what = f"there is no {beside}; make it, with a line `NAME: value`, then chmod 600"
            return self._fail(line, what, steps)
        text = _read_text(file, self._source, Place(file, 0), steps)
        if text is None:
            return _FAILED
        self._source.secret_files.add(file)
        try:
            found = _secrets(text)
        except _NoSecretsError as error:
            what = f"{file} must hold lines of `NAME: value` and nothing else{error.where}"
            return self._fail(line, what, steps)
        if name not in found:
            names = f"; it has {', '.join(sorted(found))}" if 0 < len(found) <= 10 else ""
            return self._fail(line, f"no secret of this name in {file}{names}", steps)
        try:
            return found[name].reveal()
        except ValueError as error:
            problem = Problem(Place(file, found[name].line), steps, str(error))
            self._source.problems.append(problem)
            self._source.failed.add(steps)
            return _FAILED

    def _include(self, argument: str, steps: Steps, line: int) -> Any:
        file = os.path.join(os.path.dirname(self._file), argument)
        try:
            real = Path(file).resolve()
        except (OSError, ValueError, RuntimeError):
            return self._fail(line, "cannot be a file's name", steps)
        if os.path.isabs(argument) or not real.is_relative_to(self._root):
            return self._fail(
                line, "!include takes a file in the folder of the configuration", steps
            )
        if str(real) in self._files:
            return self._fail(line, "!include goes round in a circle", steps)
        text = _read_text(file, self._source, Place(self._file, line), steps)
        if text is None:
            return _FAILED
        inner = _Document(self._source, file, self._root, steps, self._files, self._kind)
        return inner.read(text)


def _folder(file: str) -> Path:
    try:
        return Path(file).parent.resolve()
    except (OSError, ValueError, RuntimeError):
        return Path.cwd()


def _read_text(file: str, source: Source | None, place: Place | None, steps: Steps) -> str | None:
    try:
        changed_at = os.stat(file).st_mtime if "\0" not in file else 0.0
        if source is None:
            raw = read_bounded(file, _MAX_BYTES)
        else:
            source.changed_at = max(source.changed_at, changed_at)
            raw = source.content(file)
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place(file, raw.count(b"\n", 0, error.start) + 1)
        what = "is not UTF-8 text; save the file as UTF-8"
    except IsADirectoryError:
        what = f"{file} is a folder, expected a file"
    except FileNotFoundError:
        what = f"there is no file {file}"
    except PermissionError:
        what = f"{file} may not be read by this user; see its owner and mode"
    except OSError as error:
        what = f"{file!r} cannot be read: {error.strerror}"
        if error.errno == errno.EFBIG:
            what = f"{file} is too large for a configuration"
    if source is not None and place is not None:
        source.problems.append(Problem(place, steps, what))
        source.failed.add(steps)
    return None


def _is_text(text: str) -> bool:
    """Whether `text` can be written as UTF-8: a lone surrogate cannot."""
    return text.isascii() or not re.search("[\ud800-\udfff]", text)


class _NoSecretsError(Exception):
    """A file of secrets that is none; `where` goes on in a sentence, without words of the file."""

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.where = "" if line is None else f" (line {line}): quote what holds special characters"


@dataclass
class _Entry:
    """One line of the file of secrets, and the line in which its name stood before."""

    node: yaml.ScalarNode
    line: int
    before: int | None

    def reveal(self) -> Secret:
        """The secret as it is written, so that 007 stays 007; ValueError when there is none."""
        if self.before is not None:
            raise ValueError(f"given twice, first in line {self.before}; keep one of them")
        if self.node.tag not in _PLAIN_TAGS or not self.node.value.strip():
            raise ValueError(
                "no value is left of this line: it is empty, or YAML takes words that begin with "
                "!, & or # for its own; put the value in quotes"
            )
        if not _is_text(self.node.value):
            raise ValueError("holds half a character (\\ud800 to \\udfff)")
        return Secret(self.node.value)


def _secrets(text: str) -> dict[str, _Entry]:
    """The lines of a file of secrets by name. Raises _NoSecretsError."""
    try:
        node = Loader(text).get_single_node()
    except yaml.YAMLError as error:
        raise _NoSecretsError(_explained(error, text, "")[0]) from error
    except RecursionError as error:
        raise _NoSecretsError from error
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _NoSecretsError
    found: dict[str, _Entry] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            raise _NoSecretsError(line)
        before = found[key.value].line if key.value in found else None
        found[key.value] = _Entry(value, line, before)
    return found


def _explained(error: yaml.YAMLError, text: str, file: str) -> tuple[int, str]:
    """The line and a sentence for what PyYAML could not read; never with words of the file."""
    if isinstance(error, _TooManyValuesError):
        return 1, "too many values for a configuration"
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1, "holds a character that YAML forbids"
    problem = str(getattr(error, "problem", None) or "cannot be read")
    marks = [getattr(error, name, None) for name in ("problem_mark", "context_mark")]
    if any(words in problem for words in ("end of stream", "expected ':'", "expected ',' or")):
        marks.reverse()  # where it was opened helps more than where the reader stumbled
    line = next((mark.line + 1 for mark in marks if mark), 1)
    if "another document" in problem:
        return line, "a second document begins here (---); a configuration is one"
    if "'\\t'" in problem:
        return line, "a tab; YAML is indented with spaces only"
    lines = text.split("\n")
    if "expected ':'" in problem:
        return line, "a name without a colon; write `name: value`"
    if "mapping values are not allowed" in problem:
        above = _line_above(lines, line)
        if above and not re.search(r":(\s|$)", lines[above - 1]):
            return above, "a name without a colon; write `name: value`"
        return line, "a colon or an indentation that does not fit; quote text that holds `: `"
    if "expected <block end>" in problem:
        line = _open_quote_above(lines, line) or line
    # PyYAML quotes names from the file; only its own words, as '<block end>', may pass.
    problem = re.sub(r" ?'(?!<)[^']{2,}'?", "", problem)
    return line, f"this is not YAML: {problem}; see the indentation, quotes and colons around it"


def _line_above(lines: list[str], line: int) -> int | None:
    """The number of the nearest line before `line` that says something."""
    above = range(line - 1, 0, -1)
    return next((n for n in above if lines[n - 1].strip() and lines[n - 1].strip()[0] != "#"), None)


def _open_quote_above(lines: list[str], line: int) -> int | None:
    """The nearest line before `line` with a quote in it, if that quote is not closed there."""
    for number in range(line - 1, 0, -1):
        if '"' in lines[number - 1] or "'" in lines[number - 1]:
            return number if _OPEN_QUOTE.search(lines[number - 1]) else None
    return None
