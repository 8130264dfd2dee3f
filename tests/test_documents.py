"""Documents name modules, classes and commands that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from rtaudio_daemon.config.prices import PRICE_TABLES, PRICED_ON

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rtaudio_daemon"
OTHERS = {"Protocol", "NumPy"}
"""Names in code style that are not ours."""


def spans(name: str) -> list[str]:
    """What a document sets in code style, blocks aside."""
    text = re.sub(r"```.*?```", "", (ROOT / name).read_text(), flags=re.S)
    return re.findall(r"`([^`\n]+)`", text)


def classes() -> set[str]:
    """The names of all classes of the package."""
    trees = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")]
    return {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_modules_and_folders_that_are_named_exist(name: str) -> None:
    paths = [span for span in spans(name) if re.fullmatch(r"[\w/]+(\.py|/)|script/\w+", span)]
    assert len(paths) > 5
    missing = [path for path in paths if not any((at / path).exists() for at in (PACKAGE, ROOT))]
    assert missing == []


def test_files_that_any_document_names_exist() -> None:
    named = set()
    for path in (ROOT / "README.md", *ROOT.glob("[A-Z]*.md"), *(ROOT / "docs").glob("*.md")):
        folders = r"(?:rtaudio_daemon|tests|script|bench|examples|systemd|docs)"
        named |= set(re.findall(rf"(?<![\w/.~-]){folders}/[\w/.-]*\w", path.read_text()))
    assert len(named) > 20
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_classes_of_the_architecture_exist() -> None:
    named = {
        found
        for span in spans("docs/architecture.md")
        for found in re.findall(r"^[A-Z][a-zA-Z]+", span)
    }
    assert len(named) > 20
    assert named - OTHERS - classes() == set()


def test_the_hour_of_the_example_costs_what_the_rows_add_up_to() -> None:
    text = (ROOT / "README.md").read_text()
    prices = PRICE_TABLES["gpt-realtime-2.1"]
    tokens = {
        "audio_input": 60 * 100,
        "audio_output": 60 * 200,
        "text_output": 60 * 40,
        "text_cached": 60 * 1000,
        "audio_cached": sum(range(60)) * (100 + 200),
    }
    costs = {name: count * prices[name] / 1e6 for name, count in tokens.items()}
    rows = re.findall(r"^\|[^|]+\|[^|]+\| ([\d.]+) \| ([\d.]+) \|$", text, re.M)
    assert [(float(a), b) for a, b in rows] == [
        (prices[name], f"{cost:.2f}") for name, cost in costs.items()
    ]
    assert f"**{sum(costs.values()):.2f}**" in text
    again = {**tokens, "text_input": tokens["text_cached"]}
    again["audio_input"] += again.pop("audio_cached")
    del again["text_cached"]
    dearest = sum(count * prices[name] for name, count in again.items()) / 1e6
    assert f"that hour {dearest:.2f}:" in " ".join(text.split())
    assert PRICED_ON in text
