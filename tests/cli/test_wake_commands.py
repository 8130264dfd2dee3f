"""The command `wake` guides somebody who teaches a word."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any, cast

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.http_client import DaemonClient
from rtaudio_daemon.cli.wake_commands import DaemonTeacher, OwnTeacher, teach, wake
from rtaudio_daemon.controls import TeachingStep
from rtaudio_daemon.errors import NotFoundError, NotNowError, RTAudioError, WrongValueError

GOOD = {"accepted": True, "reason": "", "how": "faster", "done": False, "recorded": 1}
SHORT = {**GOOD, "accepted": False, "reason": "it was too short"}
LEARNED = {**GOOD, "done": True, "recorded": 0, "warnings": ["it is short"]}
NO = {**LEARNED, "accepted": False}
BUSY = NotNowError("somebody speaks; try again when it is quiet")


class Teacher:
    """Answers the steps in turn."""

    def __init__(self, *answers: dict[str, Any] | RTAudioError) -> None:
        self._answers = list(answers)
        self.steps: list[TeachingStep] = []
        self.lacks = ""

    def missing(self) -> str:
        return self.lacks

    def take(self, name: str, step: TeachingStep) -> dict[str, Any]:
        assert name == "hey marvin"
        self.steps.append(step)
        if step == "cancel":
            return {}
        answer = self._answers.pop(0)
        if isinstance(answer, RTAudioError):
            raise answer
        return answer

    def names(self) -> list[str]:
        return []

    def forget(self, name: str) -> None: ...


def never(_seconds: float) -> None:
    raise AssertionError("there is nothing to wait for")


def test_every_step_says_what_to_do_and_how_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    teacher = Teacher(GOOD, SHORT, LEARNED, LEARNED, LEARNED, NO)
    assert teach(teacher, "hey marvin", never) == 0
    assert teacher.steps == ["cancel", *["record"] * 3, *["test"] * 3]
    printed = capsys.readouterr().out
    for line in (
        'say "hey marvin" now: near the microphone, as you would call somebody …\n  good\n',
        'say "hey marvin" now: faster …\n  not used: it was too short\n',
        "warning: it is short\n",
        "say something else now …\n  not the word\n",
        'audio.wake.words: [{taught: "hey marvin"}]\n',
    ):
        assert line in printed


def test_nobody_is_asked_to_speak_where_a_package_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    teacher = Teacher(GOOD)
    teacher.lacks = "teaching a word needs the package pyopen-wakeword"
    with pytest.raises(NotNowError, match="pyopen-wakeword"):
        teach(teacher, "hey marvin", never)
    assert (teacher.steps, capsys.readouterr().out) == ([], "")


def test_without_a_microphone_no_advice_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    nobody = OwnTeacher(config.Input(device="none"))
    nobody_there = DaemonTeacher(cast(DaemonClient, _NoMicrophone()))
    for teacher, why in ((nobody, "audio.input.device is none"), (nobody_there, "not plugged in")):
        with pytest.raises(NotNowError, match=f"no microphone: {why}"):
            teach(teacher, "hey marvin", never)
    assert capsys.readouterr().out == ""


class _NoMicrophone:
    def get(self, path: str) -> dict[str, Any]:
        assert path == "/api/status"
        return {"microphone": {"state": "lost", "reason": "not plugged in"}}


@pytest.mark.parametrize("answers", [(LEARNED, LEARNED, LEARNED), (LEARNED, NO, NO)])
def test_a_word_that_fails_its_test_is_not_praised(
    answers: tuple[dict[str, Any], ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert teach(Teacher(LEARNED, *answers), "hey marvin", never) == 1
    assert "it does not work well yet" in capsys.readouterr().out


def test_who_is_interrupted_goes_on_where_he_was(capsys: pytest.CaptureFixture[str]) -> None:
    teacher = Teacher(GOOD, BUSY, BUSY, LEARNED, LEARNED, BUSY, LEARNED, NO)
    waited: list[float] = []
    assert teach(teacher, "hey marvin", waited.append) == 0
    assert waited == [3.0] * 3
    assert teacher.steps.count("cancel") == 1, "what was recorded is kept"
    assert capsys.readouterr().out.count("  not now: somebody speaks") == 3


def test_what_refuses_the_first_step_ends_it_at_once_and_later_after_some_tries() -> None:
    with pytest.raises(NotNowError):
        teach(Teacher(BUSY), "hey marvin", never)
    waited: list[float] = []
    with pytest.raises(NotNowError):
        teach(Teacher(GOOD, *[BUSY] * 6), "hey marvin", waited.append)
    assert len(waited) == 5


def test_who_is_never_understood_is_asked_no_more_and_sent_to_the_doctor() -> None:
    patient = Teacher(GOOD, *[SHORT] * 5, GOOD, *[SHORT] * 5, LEARNED, LEARNED, LEARNED, NO)
    assert teach(patient, "hey marvin", never) == 0
    with pytest.raises(NotNowError, match=r"daemon\.py doctor` tests the microphone"):
        teach(Teacher(GOOD, *[SHORT] * 6), "hey marvin", never)


@pytest.fixture
def settings(tmp_path: Path) -> str:
    """A configuration of a daemon that does not run."""
    path = tmp_path / "config.yaml"
    path.write_text("http: {port: 1}\n")
    return str(path)


def command(action: str, settings: str, *word: str, json: bool = False) -> int:
    return wake(Namespace(action=action, word=list(word), config=settings, url=None, json=json))


def test_without_a_daemon_what_was_taught_is_listed_and_forgotten_all_the_same(
    settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("list", settings) == 0
    assert capsys.readouterr().out.startswith("no word was taught yet")
    assert command("list", settings, json=True) == 0
    assert capsys.readouterr().out.split() == ["{", '"words":', "[]", "}"]
    with pytest.raises(NotFoundError, match="hey marvin"):
        command("forget", settings, "hey", "marvin")


@pytest.mark.parametrize("action", ["teach", "forget"])
def test_a_word_is_needed(action: str, settings: str) -> None:
    with pytest.raises(RTAudioError, match="say which word"):
        command(action, settings)


@pytest.mark.parametrize("name", ["../..", "/home/me", ".", "hey/marvin", "x" * 300, "\U0001f600"])
def test_a_name_that_leads_elsewhere_is_refused_before_anybody_speaks(
    name: str, settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WrongValueError, match="expected up to 48 letters, digits, spaces"):
        command("teach", settings, name)
    assert capsys.readouterr().out == ""
