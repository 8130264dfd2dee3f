"""YAML with a file and line on every value, and !secret, !env_var, !credential, !include.

`read` never stops at the first mistake: ``Source.problems`` lists all mistakes with their places.
What could not be read is missing in ``Source.value`` and named in ``Source.failed``. Values of
!secret, !env_var and !credential are `Secret` text. Messages never contain the argument or the
result of a tag: people write keys in the wrong places.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import yaml

from .file_reading import read_bounded
from .secret import EmptySecret, Secret, did_you_mean
from .secrets_file import SECRETS_FILE, NoSecretsError, read_secrets
from .source import BYTES_MOST, Place, Problem, Source, Steps
from .yaml_nodes import NODES_MOST, PLAIN_TAGS, TAG, Loader, explained, is_text

_FAILED = object()
_TAGS = ("!secret", "!env_var", "!credential", "!include")


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
    """Like `read`, for a given text; `file` names it and determines where secrets.yaml is."""
    source = Source(file)
    _Document(source, file, _folder(file), ()).read_into(text)
    return source


class _Document:
    """One YAML file being read into a `Source`."""

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
        """Set the source's value to the content of `text`."""
        value = self.read(text)
        self._source.value = None if value is _FAILED else value

    def read(self, text: str) -> Any:
        """Return the content of `text`, or _FAILED."""
        try:
            self._loader = self._kind(text)
            node = self._loader.get_single_node()
            return None if node is None else self._value(node, self._steps)
        except yaml.YAMLError as error:
            return self._fail(*explained(error, text))
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
        if self._source.visits > NODES_MOST:
            raise RecursionError
        if node.tag in _TAGS:
            return self._tagged(node, steps, line)
        if node in self._open:
            return self._fail(line, "contains itself through an alias", steps)
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == TAG + "map":
                return self._mapping(node, steps)
            if isinstance(node, yaml.SequenceNode) and node.tag == TAG + "seq":
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
            if key.tag == TAG + "merge":
                result = self._merged(value, steps) | result
                continue
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or not is_text(key.value):
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
        if node.tag in (TAG + "str", TAG + "timestamp", TAG + "value"):
            if not is_text(node.value):
                return self._fail(line, "holds half a character (\\ud800 to \\udfff)", steps)
            return node.value
        if node.tag not in (TAG + "null", *PLAIN_TAGS):
            return self._unknown_tag(node, steps, line)
        if node.tag in (TAG + "int", TAG + "float") and re.match(r"[-+]?(0\d|.*:)", node.value):
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
            # For commands that a person runs beside the service: the file that systemd would load.
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
            found = read_secrets(text)
        except NoSecretsError as error:
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
            raw = read_bounded(file, BYTES_MOST)
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
