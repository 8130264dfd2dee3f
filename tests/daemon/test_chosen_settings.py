"""Settings that are chosen on the page: laid over the configuration, kept, and undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.preflight import listed_choices
from rtaudio_daemon.config import overlay
from rtaudio_daemon.daemon.chosen_settings import ChosenSettings
from rtaudio_daemon.errors import ConfigError, NotNowError, RTAudioError, WrongValueError

FILE = """
realtime: {profile: simulator}
audio: {listen: wake_word, echo: half_duplex, output: {volume: 0.5}, wake: {word: alexa}}
"""
DEVICES = [
    {"name": "desk mic", "kind": "microphone"},
    {"name": "kitchen box", "kind": "speaker"},
]


class Daemon:
    """A configuration file, what is chosen over it, and what runs."""

    def __init__(self, folder: Path, text: str = FILE, *, state: bool = True) -> None:
        self.file, self.path = folder / "config.yaml", folder / "state" / overlay.OVERLAY_FILE
        self.file.write_text(text)
        self.chosen = ChosenSettings(
            self.path if state else None, lambda over: config.load(self.file, over)
        )
        self.runs = self.chosen.load()

    async def reload(self) -> dict[str, Any]:
        self.runs = self.chosen.load()
        return {}

    async def choose(self, **values: Any) -> None:
        await self.chosen.choose(values, DEVICES, self)

    async def shown(self) -> dict[str, Any]:
        return {each["name"]: each for each in await self.chosen.listed(DEVICES)}


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path)


async def test_what_is_chosen_is_in_effect_at_once_and_after_a_restart(
    daemon: Daemon, tmp_path: Path
) -> None:
    before = daemon.file.read_bytes()
    await daemon.choose(voice="ash", volume=0.8, wake_sensitivity="high", microphone="desk mic")
    for runs in (daemon.runs, Daemon(tmp_path).runs):
        assert runs.realtime.session.voice == "ash"
        assert runs.audio.output.volume == 0.8
        assert runs.audio.input.device == "desk mic"
        (word,) = runs.audio.wake.entries()
        assert (word.word, word.sensitivity) == ("alexa", "high")
    assert daemon.file.read_bytes() == before, "the configuration stays as it is"
    assert daemon.path.stat().st_mode & 0o777 == 0o600
    assert listed_choices(daemon.path.parent)[0] == (
        f"realtime.session.voice: ash is chosen on the page ({daemon.path})"
    )


async def test_what_is_chosen_as_it_is_configured_is_no_choice(daemon: Daemon) -> None:
    await daemon.choose(echo="off", volume=0.9)
    shown = await daemon.shown()
    assert (shown["echo"]["value"], shown["echo"]["configured"]) == ("off", "half_duplex")
    assert [name for name, each in shown.items() if each["changed"]] == ["volume", "echo"]
    await daemon.choose(echo="half_duplex")
    assert json.loads(daemon.path.read_text()) == {"volume": 0.9}
    await daemon.chosen.reset(daemon)
    assert not daemon.path.exists()
    assert (daemon.runs.audio.output.volume, daemon.chosen.chosen) == (0.5, {})
    await daemon.chosen.reset(daemon)


async def test_a_configured_file_can_be_chosen_back_but_no_other(tmp_path: Path) -> None:
    daemon = Daemon(
        tmp_path, 'realtime: {profile: simulator}\naudio: {input: {device: "wav:a.wav"}}'
    )
    configured = f"wav:{tmp_path / 'a.wav'}"
    await daemon.choose(microphone="desk mic")
    assert (await daemon.shown())["microphone"]["configured"] == configured
    await daemon.choose(microphone=configured)
    assert daemon.chosen.chosen == {}
    with pytest.raises(WrongValueError):
        await daemon.choose(microphone="wav:b.wav")


async def test_only_what_is_offered_can_be_chosen(daemon: Daemon) -> None:
    shown = await daemon.shown()
    assert shown["loudspeaker"]["choices"] == ["default", "kitchen box"]
    assert shown["volume"]["choices"] is None
    wrong: list[dict[str, Any]] = [
        {"microphone": "wav:/etc/passwd"},
        {"microphone": "kitchen box"},
        {"echo": "loud"},
        {"voice": "a\nb"},
        {"volume": 2.0},
        {"volume": True},
        {"token": "x"},
    ]
    for values in wrong:
        with pytest.raises(WrongValueError):
            await daemon.choose(**values)
    assert not daemon.path.exists()


async def test_somebody_else_can_be_chosen_where_somebody_is_there(tmp_path: Path) -> None:
    text = "realtime: {persona: nova}\npersonas: {nova: {voice: ash}, max: {voice: echo}}\n"
    daemon = Daemon(tmp_path, text)
    assert (await daemon.shown())["persona"]["choices"] == ["", "nova", "max"]
    await daemon.choose(persona="max")
    assert Daemon(tmp_path, text).runs.realtime.persona == "max"
    await daemon.choose(persona="")
    assert (daemon.runs.realtime.persona, daemon.chosen.chosen) == ("", {"persona": ""})
    assert listed_choices(daemon.path.parent)[0].startswith("realtime.persona: nobody special is")
    with pytest.raises(WrongValueError, match="expected"):
        await daemon.choose(persona="emma")
    await daemon.choose(persona="max")
    gone = Daemon(tmp_path, "realtime: {profile: simulator}\n")
    assert "there is no such persona" in gone.runs.warnings[-1]
    assert "persona" not in await gone.shown()


async def test_a_choice_that_does_not_fit_the_configuration_changes_nothing(
    tmp_path: Path,
) -> None:
    daemon = Daemon(tmp_path)
    daemon.file.write_text(FILE + "nonsense: 1\n")
    with pytest.raises(ConfigError, match="nonsense"):
        await daemon.choose(echo="off")
    assert not daemon.path.exists()


def test_a_choice_that_fits_no_longer_is_left_out_with_a_warning(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.path.parent.mkdir()
    daemon.path.write_text('{"echo": "loud", "volume": 0.9}')
    runs = daemon.chosen.load()
    assert (runs.audio.echo, runs.audio.output.volume) == ("half_duplex", 0.5)
    assert "settings.json:1: audio.echo: expected auto" in runs.warnings[-1]
    assert daemon.chosen.chosen == {}


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"echo": 1, "tools": {}, "volume": "x"}'])
def test_a_file_that_is_none_chooses_nothing(daemon: Daemon, content: str) -> None:
    daemon.path.parent.mkdir()
    daemon.path.write_text(content)
    assert overlay.read(daemon.path) == {}
    assert listed_choices(daemon.path.parent) == []


def test_a_file_that_cannot_be_read_is_named(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.path.mkdir(parents=True)
    assert daemon.chosen.load().audio.echo == "half_duplex"
    assert "cannot be read" in caplog.text
    assert "cannot be read" in listed_choices(daemon.path.parent)[0]
    assert listed_choices(None) == []


async def test_where_nothing_can_be_kept_nothing_is_changed(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, state=False)
    with pytest.raises(NotNowError, match="no state directory"):
        await daemon.choose(echo="off")
    daemon = Daemon(tmp_path)
    daemon.path.parent.write_text("a file")
    with pytest.raises(NotNowError, match="cannot be written"):
        await daemon.choose(echo="off")
    assert daemon.runs.audio.echo == "half_duplex"


@pytest.mark.parametrize(
    ("text", "sensitivities"),
    [
        ("audio: {listen: wake_word}", ["low"]),
        ("audio: {listen: wake_word, wake: {word: any}}", ["low"] * 4),
        ("audio: {listen: wake_word, wake: {words: {word: alexa}}}", ["low"]),
        (
            "audio: {listen: wake_word, wake: {words: [{word: alexa, sensitivity: high}, "
            "{word: okay_nabu, stop: true}]}}",
            ["low", "normal"],
        ),
    ],
)
def test_the_sensitivity_is_that_of_every_word_that_wakes(
    tmp_path: Path, text: str, sensitivities: list[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"realtime: {{profile: simulator}}\n{text}\n")
    found = config.load(path, {"wake_sensitivity": "low"})
    assert [each.sensitivity for each in found.audio.wake.entries()] == sensitivities


@pytest.mark.parametrize(
    "text", ["", "[]", "audio: 1", "audio: {wake: 1}", "audio: {wake: {words: 1}}"]
)
def test_a_choice_hides_no_mistake_of_the_configuration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    chosen: overlay.Chosen = {"wake_sensitivity": "low", "echo": "off"}
    outcomes: list[object] = []
    for over in ({}, chosen):
        try:
            outcomes.append(config.load(path, over) and "fine")
        except RTAudioError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_without_a_wake_word_its_sensitivity_is_not_offered(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("realtime: {profile: simulator}\n")
    assert set(overlay.in_effect(config.load(path))) == set(overlay.NAMES) - {
        "wake_sensitivity",
        "persona",
    }
