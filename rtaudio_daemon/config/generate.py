"""Generates the documents of the configuration from the options.

``python -m rtaudio_daemon.config.generate`` writes `config.yaml`, `docs/configuration.md` and
`config.schema.json` to the current folder; `documents` only returns their texts.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from . import parse
from .schema import Option, options, written
from .secret import Secret
from .sections import Config

_HEAD = """\
# yaml-language-server: $schema=./config.schema.json
#
# The settings of rtaudio-daemon. This file contains every option with its default, so you may
# delete everything that you do not change. Unchanged, it uses the built-in simulator, which needs
# no key, no network and no sound card. To use Azure instead:
#
#   1. Write the key into a file secrets.yaml beside this one, then `chmod 600 secrets.yaml`:
#        api_key: 0123456789abcdef
#   2. Below, under `realtime`, set these four:
#        profile: azure
#        host_name: RESOURCE.openai.azure.com
#        deployment: gpt-realtime-2.1
#        api_key: !secret api_key
#   3. `script/run check` reports every mistake, `script/run doctor` tests it. If pip installed
#      it, run `rtaudio-daemon check`, `rtaudio-daemon doctor`.
#
# docs/configuration.md explains !secret, !env_var, !credential and !include.
"""

_WHAT = "Writes config.yaml, docs/configuration.md and config.schema.json from the options."
_MISTAKEN = """\
realtime:
  profile: azur
audio:
  gate:
    treshold: 0.4
"""

_GUIDE = """\
# Configuration

<!-- Made by script/generate from the sections in rtaudio_daemon/config; change it there. -->

The daemon reads one YAML file, `config.yaml`, at the start and on each reload. Every option has
a default: with an empty file, the daemon uses the built-in simulator, with a warning. Files named
in it (a scenario, `wav:PATH`) are relative to its folder.

## From the simulator to Azure

1. Write the key into `secrets.yaml` beside `config.yaml`, then `chmod 600 secrets.yaml`:

   ```yaml
   api_key: 0123456789abcdef
   ```

2. Set four options in `config.yaml`:

   ```yaml
   realtime:
     profile: azure
     host_name: RESOURCE.openai.azure.com
     deployment: gpt-realtime-2.1
     api_key: !secret api_key
   ```

3. `script/run check` reports every mistake, and `script/run doctor` tests the configuration. If pip
   installed the program, run `rtaudio-daemon check` and `rtaudio-daemon doctor`.

Other profiles need other options:

* `azure-preview`: the same, and a dated `api_version`
* `openai`: a model in `deployment`, and a key
* `compatible`: a `url` that begins with `ws://` or `wss://`

## Tags

| tag | value |
| --- | --- |
| `!secret NAME` | the line `NAME: …` of `secrets.yaml` beside the file, or above an included one |
| `!env_var NAME [default]` | the environment variable `NAME`, or the default if it is not set; \
set but empty is a mistake |
| `!credential NAME` | the systemd credential `NAME`, from `LoadCredential=` in the unit; \
without systemd, the file `NAME` beside `config.yaml` |
| `!include FILE` | the content of `FILE`: relative, and not outside the folder of `config.yaml` |

The values of the first three are text. For a number, write text that spells the number. Messages
and the HTTP API never show these values.

## Mistakes

The daemon reports all mistakes at once, each as `FILE:LINE: path.to.option: what is wrong`:

```
MISTAKES
```

It then exits with status 78. On a reload, it keeps its current configuration.

* An option that occurs twice is a mistake.
* An option or a section with nothing after its colon has its default. Keys and
  tokens are an exception: only `""` means that there is none, and a value that YAML swallows
  (`!Abc`, `&Abc`, `#Abc`) is a mistake.
* A reload never removes a token, because the file may be half written. A restart does.
* Quote text that YAML would interpret differently (`no`, `5`).
* The daemon warns about a key in `config.yaml` itself, and about a file with secrets that other
  users can read.

Editors with the YAML language server complete and check the file with `config.schema.json`.
To make the tags known to them, set
`"yaml.customTags": ["!secret", "!env_var", "!credential", "!include"]`.

## Options
"""


def documents() -> dict[str, str]:
    """Return the text of each generated file, by its path in the project."""
    return {
        "config.yaml": template(),
        "docs/configuration.md": _guide(),
        "config.schema.json": json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
    }


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of the whole file, for editors."""
    root: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "rtaudio-daemon",
        **_group("the settings of rtaudio-daemon"),
    }
    for each in options(Config):
        parent = root
        for step in each.steps[:-1]:
            parent = parent["properties"][step]
        parent["properties"][each.steps[-1]] = _leaf(each) if each.check else _group(each.meaning)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Write all documents below the current folder."""
    argparse.ArgumentParser(prog="script/generate", description=_WHAT).parse_args(argv)
    for name, text in documents().items():
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


def template() -> str:
    """Return the commented configuration, with every option at its default."""
    lines = [_HEAD]
    for each in options(Config):
        indent = "  " * (len(each.steps) - 1)
        if len(each.steps) == 1 and each.steps[0] != "realtime":
            lines.append("")
        comment = each.meaning if each.check is None else _sentence(each)
        wrapped = textwrap.wrap(comment, 96 - len(indent), break_on_hyphens=False)
        lines += [f"{indent}# {line}" for line in wrapped]
        value = "" if each.check is None else _yaml(each.default)
        lines.append(f"{indent}{each.steps[-1]}:{value and ' '}{value}")
    return "\n".join(lines) + "\n"


def _guide() -> str:
    parts = []
    for each in options(Config):
        if each.check is None:
            parts.append(f"\n### `{each.path}`: {each.meaning}\n\n{_rows(each.steps)}")
        elif (entries := each.check.entries) is not None:
            if len(each.steps) == 1:
                parts.append(f"\n### `{each.path}`: {each.meaning}\n\n{_table([each])}")
            parts.append(f"\n### each entry of `{each.path}`\n\n{_rows((), entries)}")
            parts += [
                f"\n### `{inner.path}` of each entry of `{each.path}`: {inner.meaning}\n\n"
                + _rows(inner.steps, entries)
                for inner in options(entries)
                if inner.check is None
            ]
    return _GUIDE.replace("MISTAKES", _mistakes()) + "".join(parts)


def _mistakes() -> str:
    try:
        parse(_MISTAKEN)
    except ConfigError as error:
        return "\n".join(error.problems)
    raise AssertionError("the example is in order")


def _rows(group: tuple[str, ...], kind: type[Any] = Config) -> str:
    return _table([each for each in options(kind) if each.steps[:-1] == group])


def _table(listed: Sequence[Option]) -> str:
    rows = ["| option | default | allowed | meaning |", "| --- | --- | --- | --- |"]
    for each in listed:
        if each.check is None:
            rows.append(f"| `{each.steps[-1]}` | | a section, see below | {each.meaning} |")
            continue
        default = _yaml(each.default)
        unit = f", in {each.unit}" if each.unit else ""
        cells = (
            f"`{each.steps[-1]}`",
            f"`{default}`" if default else "empty",
            each.check.allowed + unit,
            each.meaning,
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _sentence(each: Option) -> str:
    """Return the comment above an option: its meaning and, unless any text, what is allowed."""
    assert each.check is not None
    unit = f" {each.unit}" if each.unit else ""
    allowed = "" if each.check.allowed == "text" else f" [{each.check.allowed}{unit}]"
    return each.meaning + allowed


def _yaml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Secret):
        return '""'
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][\w.-]*", value):
        return value
    return json.dumps(written(value), ensure_ascii=False)


def _group(meaning: str) -> dict[str, Any]:
    return {
        "description": meaning,
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {},
    }


def _leaf(each: Option) -> dict[str, Any]:
    assert each.check is not None
    leaf = {"description": _sentence(each), **each.check.json}
    if isinstance(leaf.get("type"), str):
        leaf["type"] = [leaf["type"], "null"]
    if "enum" in leaf:
        leaf["enum"] = [*leaf["enum"], None]
    if each.default is not None and not isinstance(each.default, Secret):
        leaf["default"] = written(each.default)
    return leaf


if __name__ == "__main__":
    sys.exit(main())
