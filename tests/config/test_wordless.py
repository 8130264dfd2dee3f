"""Settings without words: whatever stands in an option, no word and no secret of it stays."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import Field, fields, replace
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.config import wordless, yaml_loader
from rtaudio_daemon.config.checks import Check
from rtaudio_daemon.config.secret import Secret

PLANT = "planted"
"""Begins every word that is planted."""


def planted(kind: type[Any], numbers: Iterator[int]) -> Any:
    """A section with a word of its own in every option that may hold one."""
    options = [each for each in fields(kind) if "meaning" in each.metadata]
    return kind(**{each.name: _value(each, numbers) for each in options})


def _value(option: Field[Any], numbers: Iterator[int]) -> Any:
    if "section" in option.metadata:
        return planted(option.metadata["section"], numbers)
    check: Check = option.metadata["check"]
    word = f"{PLANT}-{next(numbers)}"
    if isinstance(option.default, Secret):
        return Secret(word)
    if check.entries is not None:
        entries = [planted(check.entries, numbers) for _ in range(2)]
        named = {f"{word}-{number}": each for number, each in enumerate(entries)}
        return tuple(entries) if isinstance(option.default, tuple) else named
    kind = check.json.get("type", "string")
    if kind == "array":
        return (word, Secret(f"{PLANT}-{next(numbers)}"), word)
    if kind != "string" and "object" in kind:
        return {word: f"{PLANT}-{next(numbers)}", f"{word}-2": Secret(word), "deep": [{word: word}]}
    return word


def test_no_word_of_any_option_stays() -> None:
    numbers = itertools.count()
    found = wordless.settings(planted(config.Config, numbers))
    assert next(numbers) > 150, "words were planted in all of them"
    assert PLANT not in json.dumps(found)
    assert found["http"]["token"] == found["mqtt"]["password"] == "**"
    assert found["realtime"]["session"]["instructions"].startswith("text of ")
    assert found["tools"]["mcp"]["1"]["headers"]["2"] == "**"


def test_numbers_choices_and_defaults_stay() -> None:
    settings = config.parse(
        "audio: {echo: cancel, gate: {threshold: 0.6, barge_in: no}}\n"
        "personas: {Grandma: {turn_detection: {silence_duration_ms: 900}}}\n"
        "realtime: {session: {voice: ash}}\n"
    )
    found = wordless.settings(settings)
    assert found["audio"]["echo"] == "cancel"
    assert found["audio"]["gate"]["threshold"] == 0.6
    assert found["audio"]["gate"]["barge_in"] is False
    assert found["personas"]["1"]["turn_detection"] == {"silence_duration_ms": 900}
    assert found["realtime"]["session"]["voice"] == "text of 3 characters"
    assert found["audio"]["input"]["device"] == "default"


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        ("http: {port: !env_var PLANTED}", ("http", "port"), "**"),
        ("audio: {echo: !env_var PLANTED_WORD}", ("audio", "echo"), "**"),
        ("tools: {built_in: [!env_var PLANTED_TOOL]}", ("tools", "built_in"), "**"),
        ("audio: {gate: {threshold: !env_var NOT_SET 0.6}}", ("audio", "gate", "threshold"), 0.6),
    ],
)
def test_what_a_tag_yielded_is_hidden(
    text: str, path: tuple[str, ...], shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED", "8123")
    monkeypatch.setenv("PLANTED_WORD", "cancel")
    monkeypatch.setenv("PLANTED_TOOL", "volume")
    source = yaml_loader.read_text(text, "config.yaml")
    found: Any = wordless.settings(config.parse(text), source.value)
    for step in path:
        found = found[step]
    assert found == shown


def test_a_value_that_may_be_a_number_or_a_word_is_neither_of_them() -> None:
    text = (
        "tools: {own: [{name: door, description: it opens, "
        "http: {url: 'http://a.local/x', query: {pin: 4711}, headers: {really: true}}}]}"
    )
    settings = config.parse(text)
    (found,) = wordless.settings(settings)["tools"]["own"]
    assert found["http"]["query"] == {"1": "a number"}
    assert found["http"]["headers"] == {"1": "yes or no"}
    assert found["name"] == "text of 4 characters"


def test_a_document_keeps_only_the_fields_that_its_schema_names() -> None:
    schema = {"properties": {"state": {"enum": ["ok"]}, "level": {"type": ["number", "null"]}}}
    document = {"state": "ok", "level": 1.5, "words": "secret", "more": {"deep": 1}}
    assert wordless.wordless(document, schema) == {"state": "ok", "level": 1.5}
    assert wordless.wordless({"state": "home", "level": float("nan")}, schema) == {
        "state": "text of 4 characters",
        "level": "a number",
    }
    assert wordless.wordless({"level": 10**400}, schema) == {"level": 10**400}
    assert wordless.wordless(object(), {}) == "something"
    assert wordless.wordless({"a": "b"}, {"type": "object"}) == "a group of 1"
    assert wordless.wordless(["a", None], {"items": {"enum": ["a"]}}) == ["a", None]


def test_a_default_that_was_replaced_in_part_shows_only_what_is_ours() -> None:
    settings = config.Config()
    tools = replace(settings.tools, built_in=("time", "notes"))
    found = wordless.settings(replace(settings, tools=tools))
    assert found["tools"]["built_in"] == ["time", "notes"]
    assert found["tools"]["confirm"][0] == {"domain": "lock"}
