"""The files that are made from the options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.config import Config, describe, load
from rtaudio_daemon.config.generate import documents, json_schema, main
from tests.config.test_loader import ROOT

# ------------------------------------------------------------------- the shipped files


def test_the_shipped_configuration_says_exactly_the_defaults() -> None:
    config = load(ROOT / "config.yaml")
    assert config == Config()
    assert config.warnings == ()


@pytest.mark.parametrize("name", documents())
def test_a_generated_file_is_in_step_with_the_code(name: str) -> None:
    assert (ROOT / name).read_text() == documents()[name], "run script/generate"


def test_the_shipped_configuration_names_every_option() -> None:
    source = load(ROOT / "config.yaml").source
    assert source is not None
    assert {each.steps for each in describe()} == {
        steps
        for steps in source.places
        if steps and not any(isinstance(step, int) for step in steps)  # these are in lists
    }


def test_the_documentation_names_every_option_with_what_is_allowed() -> None:
    lines = documents()["docs/configuration.md"].splitlines()
    for each in describe():
        rows = [line for line in lines if line.startswith(f"| `{each.steps[-1]}` |")]
        assert rows if len(each.steps) > 1 else f"### `{each.path}`: {each.meaning}" in lines
        if each.check is not None:
            assert any(each.check.allowed in row and each.meaning in row for row in rows)


def test_the_json_schema_knows_every_option_and_no_other() -> None:
    def paths(node: dict[str, Any], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        found = set()
        for name, each in node.get("properties", {}).items():
            found |= {(*above, name)} | paths(each, (*above, name))
        return found

    schema = json_schema()
    assert paths(schema) == {each.steps for each in describe()}
    assert schema["additionalProperties"] is False
    assert schema["properties"]["audio"]["properties"]["gate"]["additionalProperties"] is False


def test_generate_writes_the_files_into_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["--help"])
    assert list(tmp_path.iterdir()) == [], "asking for help writes nothing"
    assert main([]) == 0
    assert capsys.readouterr().out.count("wrote ") == 3
    assert all((tmp_path / name).read_text() == text for name, text in documents().items())
