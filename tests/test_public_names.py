"""What Python developers may import: these names, from the package itself, and nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rtaudio_daemon

ROOT = Path(__file__).parent.parent

PUBLIC = [
    "AzureRealTimeAudio",
    "ConfigError",
    "ConnectionChanged",
    "ConnectionState",
    "Counters",
    "DEFAULT_SESSION_CONFIG",
    "DeviceError",
    "Endpoint",
    "FunctionCall",
    "HandshakeError",
    "ModelStatus",
    "ModelStatusEnum",
    "NotConnectedError",
    "Policy",
    "Prices",
    "RTAudioError",
    "ServiceError",
    "SessionFacts",
    "SessionPolicy",
    "ToolError",
    "UsageFile",
    "UsageMeter",
    "WebsocketOptions",
    "__version__",
    "endpoint",
    "tool",
]


def programs() -> dict[str, str]:
    """Every example, and every Python block of a document that uses the package."""
    found = {f"examples/{path.name}": path.read_text() for path in (ROOT / "examples").glob("*.py")}
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.S)):
            found[f"{path.name} {number}"] = block
    return {name: text for name, text in found.items() if "rtaudio_daemon" in text}


PROGRAMS = programs()


def test_the_public_names_are_these() -> None:
    assert sorted(rtaudio_daemon.__all__) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(rtaudio_daemon, name) is not None


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="Nobody"):
        _ = rtaudio_daemon.Nobody


def test_earlier_names_stay() -> None:
    assert rtaudio_daemon.Policy is rtaudio_daemon.SessionPolicy
    assert rtaudio_daemon.ModelStatusEnum is rtaudio_daemon.ModelStatus
    assert [status.value for status in rtaudio_daemon.ModelStatus] == [
        "idle",
        "listening",
        "thinking",
        "speaking",
    ]


def test_importing_the_package_loads_no_network_code() -> None:
    seen = "import sys, rtaudio_daemon; print('aiohttp' in sys.modules, 'asyncio' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", seen], cwd=ROOT, capture_output=True, text=True)
    assert output.stdout == "False False\n"


def test_there_are_programs_to_look_at() -> None:
    assert {"examples/talk.py", "examples/light.py", "client.md 0"} <= set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_documents_and_examples_import_from_the_package_itself(name: str) -> None:
    for node in ast.walk(ast.parse(PROGRAMS[name])):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert not [each for each in names if each.startswith("rtaudio_daemon.")], name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rtaudio_daemon"):
            assert node.module == "rtaudio_daemon", name
            assert {alias.name for alias in node.names} <= set(PUBLIC), name
