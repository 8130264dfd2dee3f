"""What the daemon says in English, in the languages of the page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from rtaudio_daemon import language
from rtaudio_daemon.language import reasons, translated, words

PACKAGE = Path(language.__file__).parent
FOLDERS = ("audio/devices", "audio/worker", "realtime")


@pytest.mark.parametrize(
    ("said", "german"),
    [
        ("PortAudio finds no sound device", "PortAudio findet kein Audiogerät"),
        (
            "cannot reach x.openai.azure.com: no route (to it)",
            "x.openai.azure.com ist nicht zu erreichen: no route (to it)",
        ),
        (
            "no microphone is called '{a}'; there is 'b', 'c'",
            "kein Mikrofon heißt '{a}'; da ist 'b', 'c'",
        ),
        ("something new", "something new"),
        ("the audio process ended early", "the audio process ended early"),
        ("", ""),
    ],
)
def test_what_is_known_is_translated_and_all_else_stays(said: str, german: str) -> None:
    assert translated(said, words("de")) == german
    assert translated(said, words()) == said


def test_english_needs_no_table() -> None:
    assert reasons("en") == []
    assert ("the audio process ended", "der Audioprozess ist zu Ende") in reasons("de")


@pytest.mark.parametrize("english", [english for english, _ in reasons("de")])
def test_the_daemon_says_each_of_the_sentences_that_are_translated(english: str) -> None:
    sample = re.sub(r"{\w+}", "x", english)
    assert any(pattern.search(sample) for pattern in sentences()), english


@cache
def sentences() -> list[re.Pattern[str]]:
    """Every text in the code that may be a reason, with anything in its places."""
    return [
        re.compile(".*".join(map(re.escape, pieces)))
        for folder in FOLDERS
        for path in (PACKAGE / folder).rglob("*.py")
        for pieces in texts(ast.parse(path.read_text()))
        if sum(map(len, pieces)) >= len("there is no ")
    ]


def texts(tree: ast.AST) -> Iterator[list[str]]:
    """The fixed pieces of each text; what stands between them is filled in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [each.value if isinstance(each, ast.Constant) else "" for each in node.values]
            yield [str(each) for each in parts]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield [node.value]
