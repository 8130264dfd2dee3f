"""YAML nodes, limited to what settings need, and explanations of syntax errors."""

from __future__ import annotations

import re
from typing import Any

import yaml

NODES_MOST = 10_000  # a few nested aliases can stand for billions of values
TAG = "tag:yaml.org,2002:"
PLAIN_TAGS = tuple(TAG + name for name in ("str", "bool", "int", "float", "timestamp", "value"))
_OPEN_QUOTE = re.compile(r"""(?:[:,\[{]|^\s*-)\s*(?:"(?:[^"\\]|\\.)*|'[^']*)$""")


class _TooManyValuesError(yaml.YAMLError):
    """The file contains more values than any configuration needs."""


class Loader(yaml.SafeLoader):
    """SafeLoader for small files: raises YAMLError for too many values."""

    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next value of the file."""
        self._nodes += 1
        if self._nodes > NODES_MOST:
            raise _TooManyValuesError
        found: yaml.Node | None = super().compose_node(parent, index)
        return found


def is_text(text: str) -> bool:
    """Return whether `text` can be encoded as UTF-8: a lone surrogate cannot."""
    return text.isascii() or not re.search("[\ud800-\udfff]", text)


def explained(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return line and sentence for what PyYAML could not read, without words of the file."""
    if isinstance(error, _TooManyValuesError):
        return 1, "too many values for a configuration"
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1, "holds a character that YAML forbids"
    problem = str(getattr(error, "problem", None) or "cannot be read")
    marks = [getattr(error, name, None) for name in ("problem_mark", "context_mark")]
    if any(words in problem for words in ("end of stream", "expected ':'", "expected ',' or")):
        marks.reverse()  # the place of the opening helps more than that of the failure
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
    # PyYAML quotes names from the file; only its own words, such as '<block end>', may pass.
    problem = re.sub(r" ?'(?!<)[^']{2,}'?", "", problem)
    return line, f"this is not YAML: {problem}; see the indentation, quotes and colons around it"


def _line_above(lines: list[str], line: int) -> int | None:
    """Return the number of the nearest line before `line` that is not blank."""
    above = range(line - 1, 0, -1)
    return next((n for n in above if lines[n - 1].strip() and lines[n - 1].strip()[0] != "#"), None)


def _open_quote_above(lines: list[str], line: int) -> int | None:
    """Return the nearest line before `line` with a quote, if that quote is not closed there."""
    for number in range(line - 1, 0, -1):
        if '"' in lines[number - 1] or "'" in lines[number - 1]:
            return number if _OPEN_QUOTE.search(lines[number - 1]) else None
    return None
