"""Changes options in a configuration file and leaves the rest of the file unchanged.

The text is edited at the positions given by the YAML parser, so comments, order, quotes and line
ends are preserved. Values from a tag (!include, !secret, !env_var, !credential) or an alias are not
touched.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .. import config
from ..errors import ConfigError
from .source import Place, Problem, Steps

_BOM = "\ufeff"
_TAG = "tag:yaml.org,2002:"
_INDENT = 2
_NAMES = ("!secret", "!credential")
_TAKEN_FOR_OTHERS = ("on", "off", "yes", "no", "true", "false", "null", "y", "n")


class SecretName(NamedTuple):
    """Stands for a value stored elsewhere: `tag` is !secret or !credential."""

    tag: str
    name: str


Value = str | int | float | bool | SecretName


def write(path: str, values: Mapping[tuple[str, ...], Value]) -> Path:
    """Set the options in the file at `path`; return the backup copy.

    The new file is validated as the daemon would before it atomically replaces the old one,
    with the same owner and mode. Raises ConfigError if that is impossible or would change
    anything else; then nothing has changed.
    """
    file = Path(path).resolve()
    wanted = config.load(path)
    for steps, value in values.items():
        wanted = _with(wanted, steps, value)
    try:
        before = file.read_bytes()
        text = edited(before.decode(), path, values)
        if config.parse(text.removeprefix(_BOM), path) != wanted:
            raise ConfigError([f"{path}: it is written in a way that cannot be edited safely"])
        return replace_text(file, before, text)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be written: {error.strerror}"]) from error


def replace_text(file: Path, before: bytes, text: str) -> Path:
    """Atomically replace the content `before` by `text`; return the backup copy.

    The file keeps owner and mode. Raises OSError, and ConfigError if its content has changed.
    """
    new = _written_beside(file, text)
    try:
        if file.read_bytes() != before:
            raise ConfigError([f"{file}: somebody else has changed it meanwhile"])
        backup = _copied(file)
        os.replace(new, file)
    finally:
        new.unlink(missing_ok=True)
    return backup


def edited(
    text: str,
    file: str,
    values: Mapping[tuple[str, ...], Value],
    *,
    over_names: bool = False,
) -> str:
    """Return `text` with these options; `file` names it in a ConfigError.

    With `over_names`, also replace values from !secret or !credential.
    """
    mark = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    for steps, value in values.items():
        text = _Edit(text, file, steps, over_names=over_names).to(value)
    return mark + text


def secret_name(text: str, steps: Steps) -> SecretName | None:
    """Return the source of the option's value, if that is !secret or !credential."""
    node = yaml.SafeLoader(text.removeprefix(_BOM)).get_single_node()
    for step in steps:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for key, value in pairs if key.value == step), None)
    if isinstance(node, yaml.ScalarNode) and node.tag in _NAMES:
        return SecretName(node.tag, node.value)
    return None


class _Edit:
    """An edit of one option in one text."""

    def __init__(self, text: str, file: str, steps: Steps, *, over_names: bool = False) -> None:
        self._text = text
        self._over_names = over_names
        self._file = file
        self._steps = steps
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def to(self, value: Value) -> str:
        """Return the text in which the option has this value."""
        root = yaml.SafeLoader(self._text).get_single_node()
        if root is None or root.tag == _TAG + "null":
            gap = "" if self._text.endswith("\n") or not self._text else self._newline
            return self._text + gap + self._block(self._steps, value, 0) + self._newline
        node = root
        for depth, step in enumerate(self._steps):
            if not isinstance(node, yaml.MappingNode):
                raise self._refusal(node, "expected a group of options here")
            pair = self._pair(node, step)
            if pair is None:
                return self._added(node, self._steps[depth:], value)
            key, child = pair
            if child.tag == _TAG + "null":
                return self._filled(node, key, child, self._steps[depth + 1 :], value)
            node = child
        if not isinstance(node, yaml.ScalarNode):
            raise self._refusal(node, "expected a single value here")
        return self._spliced(node.start_mark.index, node.end_mark.index, _scalar(value))

    def _pair(self, node: yaml.MappingNode, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        """Return the key and value of a step in a group; None if it is not given."""
        for key, value in node.value:
            if key.value != step:
                continue
            if value.tag.startswith("!") and not (self._over_names and value.tag in _NAMES):
                raise self._refusal(value, f"it comes from {value.tag}; change it there")
            if value.start_mark.index < key.start_mark.index:
                raise self._refusal(key, "it comes from an alias; change it there")
            return key, value
        return None

    def _added(self, group: yaml.MappingNode, steps: Steps, value: Value) -> str:
        """Add an entry at the end of a group."""
        if group.flow_style:
            comma = ", " if group.value else ""
            at = group.start_mark.index + 1
            return self._spliced(at, at, _flow(steps, value) + comma)
        column = group.start_mark.column
        at = self._end_of_line(_end(group))
        return self._spliced(at, at, self._newline + self._block(steps, value, column))

    def _filled(
        self, group: yaml.MappingNode, key: yaml.Node, empty: yaml.Node, steps: Steps, value: Value
    ) -> str:
        """Fill in a value, or a group, for a name with nothing (or null) after its colon."""
        start, end = empty.start_mark.index, empty.end_mark.index
        if not steps or group.flow_style:
            new = _flow_or_scalar(steps, value)
            return self._spliced(start, end, new if start != end else f" {new}")
        rest = self._spliced(start, end, "")
        at = self._end_of_line(key.end_mark.index, rest)
        block = self._block(steps, value, key.start_mark.column + _INDENT)
        return rest[:at] + self._newline + block + rest[at:]

    def _block(self, steps: Steps, value: Value, column: int) -> str:
        lines = [f"{' ' * (column + _INDENT * depth)}{step}:" for depth, step in enumerate(steps)]
        return self._newline.join(lines) + f" {_scalar(value)}"

    def _spliced(self, start: int, end: int, new: str) -> str:
        return self._text[:start] + new + self._text[end:]

    def _end_of_line(self, at: int, text: str | None = None) -> int:
        text = self._text if text is None else text
        newline = text.find("\n", at)
        end = len(text) if newline < 0 else newline
        return end - 1 if text[:end].endswith("\r") else end

    def _refusal(self, node: yaml.Node, what: str) -> ConfigError:
        place = Place(self._file, node.start_mark.line + 1)
        return ConfigError([str(Problem(place, self._steps, what))])


def _end(node: yaml.Node) -> int:
    """Return the index after the last character of a group's last entry."""
    if (
        node.value
        and isinstance(node, yaml.MappingNode | yaml.SequenceNode)
        and not node.flow_style
    ):
        last = node.value[-1]
        key, value = last if isinstance(last, tuple) else (last, last)
        return max(int(key.end_mark.index), _end(value))
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.index) - 1
    return int(node.end_mark.index)


def _scalar(value: Value) -> str:
    """Write a value that every YAML parser reads alike: a plain word or a JSON scalar."""
    if isinstance(value, SecretName):
        return f"{value.tag} {value.name}"
    bare = isinstance(value, str) and value.isalpha() and value not in _TAKEN_FOR_OTHERS
    return str(value) if bare else json.dumps(value)


def _flow(steps: Steps, value: Value) -> str:
    return f"{steps[0]}: {_flow_or_scalar(steps[1:], value)}"


def _flow_or_scalar(steps: Steps, value: Value) -> str:
    return "{" + _flow(steps, value) + "}" if steps else _scalar(value)


def _with(section: Any, steps: tuple[str, ...], value: Value) -> Any:
    if not steps:
        return value
    return replace(section, **{steps[0]: _with(getattr(section, steps[0]), steps[1:], value)})


def _written_beside(file: Path, text: str) -> Path:
    """Write a file in the same folder with the owner and mode of `file`."""
    number, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    with open(number, "wb") as stream:
        try:
            was = file.stat()
            os.fchmod(number, was.st_mode & 0o7777)
            mine = os.fstat(number)
            if (mine.st_uid, mine.st_gid) != (was.st_uid, was.st_gid):
                os.fchown(number, was.st_uid, was.st_gid)
            stream.write(text.encode())
            stream.flush()
            os.fsync(number)
        except BaseException:
            Path(name).unlink()
            raise
    return Path(name)


def _copied(file: Path) -> Path:
    """Copy the file under an unused name, with its owner and mode."""
    for number in count(1):
        backup = file.with_name(f"{file.name}.bak{number if number > 1 else ''}")
        if backup.exists():
            continue
        shutil.copy2(file, backup)
        was = file.stat()
        os.chown(backup, was.st_uid, was.st_gid)
        return backup
    raise AssertionError
