"""The integration for Home Assistant, as far as that can be seen without Home Assistant."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rtaudio_daemon.config.defaults import HTTP_PORT
from rtaudio_daemon.mqtt.states import EVENTS
from rtaudio_daemon.notifications import EVENT_NAMES
from rtaudio_daemon.version import VERSION

FOLDER = Path(__file__).parent.parent / "custom_components/rtaudio_daemon"
STRINGS = ("strings.json", "translations/en.json", "translations/de.json")


def read(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / name).read_text()))


def constant(module: str, name: str) -> Any:
    """The value that a module gives a name."""
    for node in ast.parse((FOLDER / module).read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{module} has no {name}")


def paths(tree: Any, at: str = "") -> set[str]:
    """The places of all sentences of a tree."""
    if not isinstance(tree, dict):
        return {at}
    return {path for key, each in tree.items() for path in paths(each, f"{at}/{key}")}


def test_the_manifest_is_as_home_assistant_wants_it() -> None:
    manifest = read("manifest.json")
    keys = list(manifest)
    assert keys == ["domain", "name", *sorted(keys[2:])]
    assert (manifest["domain"], manifest["version"]) == (FOLDER.name, VERSION)
    assert manifest["requirements"] == []
    hacs = json.loads((FOLDER.parents[1] / "hacs.json").read_text())
    assert hacs["name"] == manifest["name"]


def test_every_sentence_is_there_in_every_language() -> None:
    own, english, german = (read(name) for name in STRINGS)
    assert own == english, "Home Assistant reads translations/en.json of integrations like this"
    assert paths(english) == paths(german)
    for path in paths(english):
        there, here = (_at(tree, path) for tree in (english, german))
        assert there.strip(), path
        assert here.strip(), path
        assert set(re.findall(r"{\w+}", there)) == set(re.findall(r"{\w+}", here)), path


def _at(tree: Any, path: str) -> str:
    for key in path.split("/")[1:]:
        tree = tree[key]
    return str(tree)


def test_every_key_that_is_used_has_its_sentence() -> None:
    english = read("translations/en.json")
    code = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
    assert set(re.findall(r'translation_key="(\w+)"', code)) == set(english["exceptions"])
    assert set(re.findall(r'step_id="(\w+)"', code)) == set(english["config"]["step"])
    reasons = set(re.findall(r'reason="(\w+)"', code))
    by_home_assistant = {"already_configured", "reauth_successful", "reconfigure_successful"}
    assert reasons | by_home_assistant == set(english["config"]["abort"])
    errors = english["config"]["error"]
    assert all(f'"{each}"' in code for each in errors)
    assert len(errors) == 5


def test_every_entity_has_its_name() -> None:
    named = {
        (kind, key)
        for kind, keys in read("translations/en.json")["entity"].items()
        for key, about in keys.items()
        if about["name"]
    }
    buttons = {("button", key) for key in constant("button.py", "_BUTTONS")}
    assert buttons < named
    for kind, key in named - buttons:
        assert f'"{key}")' in (FOLDER / f"{kind}.py").read_text(), (kind, key)


def test_every_action_is_described() -> None:
    actions = yaml.safe_load((FOLDER / "services.yaml").read_text())
    described = read("translations/en.json")["services"]
    assert set(actions) == set(described) == set(read("icons.json")["services"])
    code = (FOLDER / "actions.py").read_text()
    for name, about in actions.items():
        assert f'"{name}"' in code
        fields = set(about.get("fields", {}))
        assert fields == set(described[name].get("fields", {})), name
        assert all(f'"{field}"' in code for field in fields)


def test_the_checklist_names_only_what_home_assistant_knows() -> None:
    rules = yaml.safe_load((FOLDER / "quality_scale.yaml").read_text())["rules"]
    states = {
        name: each if isinstance(each, str) else each["status"] for name, each in rules.items()
    }
    assert set(states.values()) <= {"done", "todo", "exempt"}
    assert all(each["comment"] for each in rules.values() if isinstance(each, dict))


def test_it_knows_the_events_and_the_port_of_the_daemon() -> None:
    assert constant("const.py", "EVENT_TYPES") == list(EVENTS)
    assert constant("const.py", "DEFAULT_PORT") == HTTP_PORT
    followed = set(constant("client.py", "EVENTS").split(","))
    without_entity = {"transcript", "usage", "persona"}
    assert followed == set(EVENT_NAMES.values()) - without_entity


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_it_imports_nothing_that_home_assistant_lacks(path: Path) -> None:
    allowed = {"homeassistant", "aiohttp", "probatio", "yarl", "hassil"}
    for node in ast.walk(ast.parse(path.read_text())):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            assert top in allowed or top in sys.stdlib_module_names, name
