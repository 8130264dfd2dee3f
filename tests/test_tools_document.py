"""docs/tools.md: its configuration is in order, and its programs do what it says."""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

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


class Search(BaseHTTPRequestHandler):
    """Answers as SearXNG does."""

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        found = {
            "title": f"T{asked['q'][0][1:]}",
            "content": "High water today at 14:12.",
            "url": "u",
        }
        self.send_response(200 if asked["format"] == ["json"] else 403)
        self.end_headers()
        self.wfile.write(json.dumps({"query": asked["q"][0], "results": [found] * 9}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_search_of_the_document_finds_what_it_shows() -> None:
    (block,) = [each for each in blocks("python") if "def web_search" in each]
    server = HTTPServer(("127.0.0.1", 0), Search)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names: dict[str, object] = {}
    exec(block, names)
    names["SEARXNG"] = f"http://127.0.0.1:{server.server_port}"
    web_search = names["web_search"]
    assert callable(web_search)
    found = web_search("tides in Husum")
    server.shutdown()
    server.server_close()
    assert len(found) == 5
    assert json.dumps(found[:1], indent=2) in DOCUMENT
