"""All tools of all sources, under the names that the service gets."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from .tool import Json, Tool, ToolSource

TOOLS_MOST = 64
"""Maximum number of tools: each costs tokens with every answer, and dilutes the choice."""
TOKENS_MANY = 5_000
"""Total tokens of all tools above which a warning is given."""
_NAME_CHARACTERS = 64
_DESCRIPTION_CHARACTERS = 1_024
_BYTES_PER_TOKEN = 4


class Registry:
    """The tools of `sources` at the time of the last `refresh`.

    A name that the service would reject, or that an earlier source uses too, is replaced by a
    shortened one with a hash, which is the same at every start.
    """

    def __init__(self, sources: Sequence[ToolSource]) -> None:
        self.sources = tuple(sources)
        self._tools: dict[str, Tool] = {}
        self._refused: dict[str, str] = {}
        self._left_out = 0
        self._renamed: list[str] = []
        self._definitions: list[Json] = []
        self._tokens = 0
        self.refresh()

    @property
    def tools(self) -> Mapping[str, Tool]:
        """All tools offered, by their name for the service."""
        return self._tools

    @property
    def tokens(self) -> int:
        """How many tokens the tools cost with every answer, approximately."""
        return self._tokens

    @property
    def notes(self) -> list[str]:
        """What a person should know about the set of tools."""
        notes = [
            f"the service refused the tool {name}: {why}" for name, why in self._refused.items()
        ]
        notes.extend(self._renamed)
        if self._left_out:
            notes.append(
                f"{self._left_out} tools are left out: the model is offered {TOOLS_MOST} at most; "
                "allow fewer"
            )
        if (tokens := self.tokens) > TOKENS_MANY:
            notes.append(
                f"the tools cost about {tokens:,} tokens with every answer; allow fewer of them"
            )
        return notes

    def refresh(self) -> bool:
        """Query the sources again; return whether the definitions for the service have changed."""
        before = self._definitions
        self._tools, self._left_out, self._renamed = {}, 0, []
        for source in self.sources:
            offered: dict[str, Tool] = {}
            for tool in source.tools():
                offered.setdefault(tool.name, tool)
            for tool in offered.values():
                name = self._name_for(tool)
                if name in self._refused:
                    continue
                if len(self._tools) < TOOLS_MOST:
                    if other := self._tools.get(tool.name):
                        self._renamed.append(
                            f"the tool {tool.name} of {tool.source} is called {name}, as "
                            f"{other.source} has one of this name, too"
                        )
                    self._tools[name] = tool
                else:
                    self._left_out += 1
        self._define()
        return self._definitions != before

    def definitions(self) -> list[Json]:
        """Return the tools as session settings."""
        return self._definitions

    def _define(self) -> None:
        self._definitions = [
            {
                "type": "function",
                "name": name,
                "description": tool.description[:_DESCRIPTION_CHARACTERS],
                "parameters": tool.parameters,
            }
            for name, tool in self._tools.items()
        ]
        self._tokens = len(json.dumps(self._definitions).encode()) // _BYTES_PER_TOKEN

    def find(self, name: str) -> Tool | None:
        """Return the tool with this name for the service."""
        return self._tools.get(name)

    def near(self, name: str) -> list[str]:
        """Return the names most similar to `name`."""
        return difflib.get_close_matches(name, self._tools, n=3, cutoff=0.4)

    def refuse(self, name: str, why: str) -> bool:
        """Withdraw a tool that the service rejects; return whether it was offered."""
        if self._tools.pop(name, None) is None:
            return False
        self._refused[name] = why
        self._define()
        return True

    def _name_for(self, tool: Tool) -> str:
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", tool.name)
        if plain == tool.name and len(plain) <= _NAME_CHARACTERS and plain not in self._tools:
            return plain
        digest = hashlib.sha256(f"{tool.source}\0{tool.name}".encode("utf-8", "replace"))
        return f"{plain[: _NAME_CHARACTERS - 7]}_{digest.hexdigest()[:6]}"
