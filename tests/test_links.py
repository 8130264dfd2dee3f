"""Links in documents lead to files and headings that exist, and every document is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import DOCUMENTS, ROOT, anchors, links

WITHIN = [path for path in DOCUMENTS if not path.name.startswith("CHANGELOG")]


def _text(path: Path) -> str:
    return path.read_text() if path.suffix == ".md" and path.exists() else ""


def broken(path: Path, text: str) -> list[str]:
    """The links of the document that lead nowhere."""
    found = []
    for link in links(text):
        name, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (path.parent / name).resolve() if name else path
        there = text if target == path else _text(target)
        if not target.exists() or (anchor and anchor not in anchors(there)):
            found.append(link)
    return found


@pytest.mark.parametrize("path", WITHIN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert broken(path, path.read_text()) == []


def test_a_broken_link_is_found() -> None:
    text = "[a](nowhere.md) [b](#first) [c](#second) [d](docs/README.md#nothing)\n## First\n"
    path = ROOT / "README.md"
    expected = ["nowhere.md", "#second", "docs/README.md#nothing"]
    assert broken(path, text) == expected


@pytest.mark.parametrize("index", ["README.md", "docs/README.md"])
def test_every_document_is_in_the_index(index: str) -> None:
    path = ROOT / index
    named = {(path.parent / link.partition("#")[0]).resolve() for link in links(path.read_text())}
    ours = set((ROOT / "docs").glob("*.md")) - {path}
    assert ours - named == set()
