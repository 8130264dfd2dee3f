"""docs/tools.md: its configuration is in order, and its programs do what it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.preflight import unusable_tools
from rtaudio_daemon.testing import Voice, voice

__all__ = ["voice"]
DOCUMENT = (Path(__file__).parent.parent / "docs" / "tools.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.S)


HOUSE, _, TESTS = blocks("python")[:3]
SECRETS = """\
gate_key: Bearer 0123456789
ha_token: abcdefgh.ijklmnop
nas: Bearer 0123456789
notes_key: Bearer 0123456789
"""
HOME = "home_assistant: {url: 'http://home.local', token: !secret ha_token}\n"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "house.py").write_text(HOUSE)
    (tmp_path / "secrets.yaml").write_text(SECRETS)
    (tmp_path / "secrets.yaml").chmod(0o600)
    return tmp_path


@pytest.mark.parametrize("block", blocks("yaml"))
def test_each_configuration_is_in_order(house: Path, block: str) -> None:
    if block.startswith("    - name"):  # one more of one's own
        block = f"tools:\n  own:\n{block}"
    if "      home_assistant:" in block:  # its address stands in another block
        block = HOME + block
    block = block.replace("/opt/mcp/bin/python", sys.executable)
    settings = config.parse(block, str(house / "config.yaml"))
    assert unusable_tools(settings) == []


def test_the_tests_of_the_document_pass(house: Path, voice: Voice, tmp_path: Path) -> None:
    names: dict[str, object] = {}
    exec(TESTS, names)
    tests = [names[name] for name in names if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        assert callable(test)
        test(Voice(house, tmp_path))


def test_the_calls_of_the_document_lead_to_what_it_shows(house: Path) -> None:
    names: dict[str, object] = {}
    exec(HOUSE, names)
    water_level = names["water_level"]
    assert callable(water_level)
    assert f"\n{water_level('barrel')}\n" in DOCUMENT
