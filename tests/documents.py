"""What documents hold: blocks of code, the commands in them, headings, links."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("[A-Z]*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "packaging").rglob("*.md")]
)
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.S | re.M)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A block of code. `document`: its path from the root; `line`: where it begins."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The commands of a shell, each on one line; of `console` those after a dollar."""
        lines = re.sub(r"\\\n\s*", " ", self.text)
        if self.language == "console":
            return re.findall(r"^\$ (.*(?:\n {4}[^\n]*)*)", lines, re.M)
        return [line for line in _whole(lines) if line.strip() and not line.startswith("#")]


def _whole(text: str) -> list[str]:
    """Lines, those put together that a quote holds together."""
    found: list[str] = []
    for line in text.splitlines():
        if found and not _balanced(found[-1]):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def _balanced(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def blocks(*languages: str) -> list[Block]:
    """Every block in one of the languages, of all documents."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text()
        for match in _BLOCK.finditer(text):
            if match[2] in languages:
                line = text.count("\n", 0, match.start()) + 1
                indent = re.compile(rf"^{match[1]}", re.M)
                name = str(path.relative_to(ROOT))
                found.append(Block(name, line, match[2], indent.sub("", match[3])))
    return found


def without_blocks(text: str) -> str:
    """The document without its blocks of code."""
    return _BLOCK.sub("", text)


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to the headings of a document."""
    prose = without_blocks(text)
    titles = re.findall(r"^#+ (.*)$", prose, re.M)
    bare = [re.sub(r"[^\w\- ]", "", title.strip().lower()) for title in titles]
    return {title.replace(" ", "-") for title in bare}


def links(text: str) -> list[str]:
    """Where the links and pictures of a document lead; blocks aside."""
    prose = without_blocks(text)
    return _LINK.findall(prose) + re.findall(r'src="([^"]+)"', prose)
