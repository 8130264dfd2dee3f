"""Every piece of configuration in a document is in order."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from rtaudio_daemon import config
from rtaudio_daemon.simulator import scenario
from tests.documents import Block, blocks

ELSEWHERE = {"docs/tools.md", "docs/automations.md"}
"""These have tests of their own: test_tools_document.py, test_automations_document.py."""
SECTIONS = {each.name for each in fields(config.Config)}
OF_OTHERS = {"automation", "actions", "template", "rest_command", "sensor", "scrape_configs"}
"""What Home Assistant's and Prometheus' files begin with; a test of each has read them."""

WARNS = {
    ("docs/simulator.md", "realtime"): "the key itself stands here",
    ("docs/wake-words.md", "personas"): "nothing is transcribed",
}
"""The warning that a block is meant to have, by its document and its first section."""


class Loader(yaml.SafeLoader):
    """Takes `!secret` and the like for text."""


Loader.add_multi_constructor("!", lambda loader, tag, node: "0123456789abcdef" * 2)


def of_the_daemon() -> list[Block]:
    """The blocks that stand in a `config.yaml`, or are one."""
    found = [each for each in blocks("yaml") if each.document not in ELSEWHERE]
    return [each for each in found if set(loaded(each)) <= SECTIONS]


def loaded(block: Block) -> dict[str, object]:
    value = yaml.load(block.text, Loader)
    assert isinstance(value, dict)
    return value


def test_each_block_is_of_a_known_kind() -> None:
    strange = [
        str(each)
        for each in blocks("yaml")
        if each.document not in ELSEWHERE
        and not set(loaded(each)) <= SECTIONS
        and not set(loaded(each)) & {*OF_OTHERS, "answers", "api_key"}
    ]
    assert strange == []


@pytest.mark.parametrize("block", of_the_daemon(), ids=str)
def test_each_configuration_is_in_order(block: Block, tmp_path: Path) -> None:
    secrets = set(re.findall(r"!secret (\w+)", block.text))
    (tmp_path / "secrets.yaml").write_text(
        "".join(f"{name}: {f'{name}-0123' * 8}\n" for name in secrets) or "{}"
    )
    (tmp_path / "secrets.yaml").chmod(0o600)
    text = block.text.replace("RESOURCE.", "kitchen.")
    found = config.parse(text, str(tmp_path / "config.yaml")).warnings
    meant = WARNS.get((block.document, text.split(":", 1)[0]), "nothing")
    assert [warning for warning in found if meant not in warning] == []


def test_each_scenario_is_in_order(tmp_path: Path) -> None:
    found = [each for each in blocks("yaml") if "answers" in loaded_or_nothing(each)]
    assert len(found) == 2
    for block in found:
        (tmp_path / "scenario.yaml").write_text(block.text)
        assert scenario.load(tmp_path / "scenario.yaml").answers


def loaded_or_nothing(block: Block) -> dict[str, object]:
    return loaded(block) if block.document == "docs/simulator.md" else {}
