"""The file of secrets: lines of `NAME: value`, taken literally."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from .secret import Secret
from .yaml_nodes import PLAIN_TAGS, Loader, explained, is_text

SECRETS_FILE = "secrets.yaml"


class NoSecretsError(Exception):
    """An invalid file of secrets; `where` continues a sentence, without words of the file."""

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.where = "" if line is None else f" (line {line}): quote what holds special characters"


@dataclass
class SecretLine:
    """One line of the file of secrets, and the line where its name occurred before."""

    node: yaml.ScalarNode
    line: int
    before: int | None

    def reveal(self) -> Secret:
        """Return the secret literally, so that 007 stays 007; ValueError if there is none."""
        if self.before is not None:
            raise ValueError(f"given twice, first in line {self.before}; keep one of them")
        if self.node.tag not in PLAIN_TAGS or not self.node.value.strip():
            raise ValueError(
                "no value is left of this line: it is empty, or YAML takes words that begin with "
                "!, & or # for its own; put the value in quotes"
            )
        if not is_text(self.node.value):
            raise ValueError("holds half a character (\\ud800 to \\udfff)")
        return Secret(self.node.value)


def read_secrets(text: str) -> dict[str, SecretLine]:
    """Return the lines of a file of secrets by name. Raises NoSecretsError."""
    try:
        node = Loader(text).get_single_node()
    except yaml.YAMLError as error:
        raise NoSecretsError(explained(error, text)[0]) from error
    except RecursionError as error:
        raise NoSecretsError from error
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise NoSecretsError
    found: dict[str, SecretLine] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            raise NoSecretsError(line)
        before = found[key.value].line if key.value in found else None
        found[key.value] = SecretLine(value, line, before)
    return found
