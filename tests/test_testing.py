"""The fixture for authors of tools: a sentence, the calls, the answer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import ConfigError
from rtaudio_daemon.testing import ToolCall, Voice, voice

__all__ = ["voice"]
BELL = '''
from rtaudio_daemon import ToolError, tool

@tool
def ring(times: int = 1) -> str:
    """Ring the bell."""
    if times > 3:
        raise ToolError("the bell rings three times at most")
    return f"rang {times} times"
'''


@pytest.fixture
def bell(tmp_path: Path) -> Path:
    path = tmp_path / "bell.py"
    path.write_text(BELL)
    return path


def test_a_call_and_its_answer_are_seen(voice: Voice, bell: Path) -> None:
    voice.use(bell)
    answer = voice.say("Ring twice, please.", calls={"ring": {"times": 2}})
    assert answer.calls == (ToolCall("ring", {"times": 2}, "done", "rang 2 times", ""),)
    assert answer.text == "rang 2 times"


def test_errors_wrong_arguments_and_unknown_tools_are_seen(voice: Voice, bell: Path) -> None:
    voice.use(bell)
    calls: dict[str, dict[str, Any]] = {
        "ring": {"times": "often"},
        "rnig": {},
        "volume": {"percent": 40},
    }
    answer = voice.say("Ring!", calls=calls, answer="That did not work.")
    ring, unknown, volume = answer.calls
    assert (ring.phase, ring.error.startswith("wrong arguments: times")) == ("refused", True)
    assert (unknown.phase, "did you mean ring" in unknown.error) == ("refused", True)
    assert (volume.phase, volume.error) == ("done", "")
    assert answer.text == "That did not work."
    failed = voice.say("Ring nine times.", calls={"ring": {"times": 9}})
    assert (failed.calls[0].phase, failed.text) == ("failed", "the bell rings three times at most")


def test_own_tools_and_permissions_are_tried_like_that(voice: Voice) -> None:
    voice.configuration = """
tools:
  own: [{name: lamp, description: Switches the lamp., program: [echo, "on"]}]
  deny: [{tool: lamp}]
"""
    (call,) = voice.say("Switch it on.", calls={"lamp": {}}).calls
    assert call.phase == "refused"


def test_a_sentence_without_a_call_is_answered(voice: Voice) -> None:
    answer = voice.say("Good morning.")
    assert (answer.calls, answer.text) == ((), "I see.")


def test_a_file_that_cannot_be_used_is_named(voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    voice.use(tmp_path / "broken.py")
    with pytest.raises(ConfigError, match=r"broken\.py:1: invalid syntax"):
        voice.say("Hello.")


@pytest.mark.real_time
async def test_it_works_in_an_event_loop(voice: Voice, bell: Path) -> None:
    voice.use(bell)
    answer = await voice.say_async("Ring.", calls={"ring": {}})
    assert answer.calls[0].result == "rang 1 times"


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_a_sentence_may_be_spoken(voice: Voice, bell: Path) -> None:
    voice.use(bell)
    answer = voice.say("Ring twice, please.", calls={"ring": {"times": 2}}, spoken=True)
    assert answer.calls[0].result == "rang 2 times"
