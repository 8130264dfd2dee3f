"""The first run, as people answer it."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import stat
import sys
import termios
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli import local_commands
from rtaudio_daemon.cli.setup import guide
from rtaudio_daemon.cli.setup.services import configurations, service_of
from rtaudio_daemon.cli.setup.steps import STEPS
from rtaudio_daemon.cli.setup.terminal import Terminal
from rtaudio_daemon.config.generate import template
from rtaudio_daemon.errors import ConfigError, RTAudioError
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.sound_server import eventually
from tests.tools.home_assistant.fake_home import TOKEN, FakeHome

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parent.parent.parent
KEY = "the-right-key-4711"
SKIP = ""
SERVICE = ("Service",)
NOBODY = "ws://127.0.0.1:9/v1/realtime"


async def set_up(folder: Path, *answers: str, steps: Sequence[str] = ()) -> tuple[int, str]:
    """Exit status and everything that was printed, where these answers are given to some steps."""
    path, output, left = str(folder / "config.yaml"), io.StringIO(), iter(answers)

    def read(prompt: str) -> str:
        print(prompt, file=output)
        for answer in left:
            return answer
        raise EOFError

    def run() -> int:
        with redirect_stdout(output), redirect_stderr(output):
            return guide.run(
                path,
                check=lambda: local_commands.check(Namespace(config=path)),
                terminal=Terminal(read, read),
                steps=[each for each in STEPS if each.name in steps],
            )

    try:
        status = await asyncio.to_thread(run)
    except ConfigError as error:
        status = 78
        output.write(str(error))
    said = " ".join(output.getvalue().split())
    assert KEY not in said
    assert TOKEN not in said
    return status, said


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_defaults_ask_nothing_and_overwrite_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    command = Namespace(config=str(file), defaults=True, page=False)
    assert local_commands.setup(command) == 0
    assert file.read_text() == template()
    assert local_commands.setup(command) == 0, "nothing is left to do"
    file.write_text("# mine\n")
    with pytest.raises(RTAudioError, match="is there already"):
        local_commands.setup(command)
    assert file.read_text() == "# mine\n"


async def test_every_step_can_be_skipped(tmp_path: Path) -> None:
    names = ("Service", "Echo", "Wake word", "Home Assistant")
    status, said = await set_up(tmp_path, *[SKIP] * 5, steps=names)
    assert status == 0
    assert "config.yaml: fine Next: " in said
    assert said.endswith(f"run -c {tmp_path}/config.yaml")
    assert (tmp_path / "config.yaml").read_text() == template()
    assert [each.name for each in tmp_path.iterdir()] == ["config.yaml"]


def test_the_service_that_reads_a_file_is_found_with_its_program(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    file = tmp_path / "rtaudio-daemon" / "config.yaml"
    program = tmp_path / "program"
    program.mkdir()
    assert service_of(file, {**environment, "XDG_CONFIG_HOME": str(tmp_path / "x")}) is None
    found = service_of(file, environment, program=program)
    assert found is None, "it is not installed"
    (program / "daemon.py").touch()
    found = service_of(file, environment, program=program)
    assert found is not None
    assert found.restart == "systemctl --user restart rtaudio-daemon"
    assert found.setup(file) == (f"{program}/.venv/bin/python {program}/daemon.py setup -c {file}")
    assert not found.is_this_program
    assert file not in configurations(environment, program=program)
    file.parent.mkdir()
    file.touch()
    assert file in configurations(environment, program=program)
    assert service_of(file.with_name("other.yaml"), environment, program=program) is None


async def test_the_end_of_the_input_leaves_nothing(tmp_path: Path) -> None:
    status, said = await set_up(tmp_path, "openai", "gpt-realtime-2.1", steps=SERVICE)
    assert status == 1
    assert said.endswith("nothing was written.")
    assert list(tmp_path.iterdir()) == []


async def test_a_wrong_key_is_found_at_once_and_answered_again(tmp_path: Path) -> None:
    async with Simulator(api_key=KEY) as service:
        address = f"{service.url}/v1/realtime?model=m"
        answers = ("compatible", address, "a-wrong-key", "again", SKIP, SKIP, KEY, "write")
        status, said = await set_up(tmp_path, *answers, steps=SERVICE)
    assert status == 0
    assert "HTTP 401" in said
    assert "copy the key of this very resource again" in said
    assert "first sound after" in said
    text = (tmp_path / "config.yaml").read_text()
    assert KEY not in text
    assert "# the kind of service" in text
    assert mode(tmp_path / "secrets.yaml") == 0o600
    settings = config.load(tmp_path / "config.yaml").realtime
    assert (settings.url, settings.api_key) == (address, KEY)


async def test_a_wrong_host_can_be_left_or_kept(tmp_path: Path) -> None:
    wrong = ("azure", "https://nowhere.invalid/openai", "gpt-realtime-2.1", KEY)
    status, said = await set_up(tmp_path, *wrong, SKIP, "quit", steps=SERVICE)
    assert status == 1
    assert "there is no nowhere.invalid" in said
    assert "1 Service: simulator; as it was, because the answers did not work" in said
    assert list(tmp_path.iterdir()) == []
    status, said = await set_up(tmp_path, *wrong, "keep", SKIP, SKIP, steps=(*SERVICE, "Echo"))
    assert status == 0
    assert "Service: does not work yet; `daemon.py setup -c " in said
    settings = config.load(tmp_path / "config.yaml")
    assert (settings.realtime.host_name, settings.audio.echo) == ("nowhere.invalid", "auto")
    # The next time only that step is asked, and nothing else.
    answers = ("edit", "1", "simulator", SKIP)
    status, said = await set_up(tmp_path, *answers, steps=(*SERVICE, "Echo"))
    assert status == 0
    assert "does not work" not in said
    assert "The echo:" not in said
    assert config.load(tmp_path / "config.yaml").realtime.profile == "simulator"


async def test_a_service_without_what_it_needs_is_not_kept(tmp_path: Path) -> None:
    status, said = await set_up(
        tmp_path, "azure", "two words", SKIP, SKIP, SKIP, "keep", SKIP, SKIP, steps=SERVICE
    )
    assert status == 0
    assert "expected a host, as in RESOURCE.openai.azure.com" in said
    assert "azure needs the resource's host" in said
    assert "Type a number from 1 to 1" in said
    assert config.load(tmp_path / "config.yaml").realtime.profile == "simulator"


async def test_without_a_microphone_it_goes_on(tmp_path: Path) -> None:
    status, said = await set_up(tmp_path, "none", SKIP, steps=("Microphone",))
    assert status == 0
    assert "microphone: none, as configured" in said
    assert config.load(tmp_path / "config.yaml").audio.input.device == "none"


async def test_a_step_is_repeated_from_the_summary(tmp_path: Path) -> None:
    answers = (SKIP, "hey_jarvis", "2", "push_to_talk", "Echo", "off", SKIP)
    status, said = await set_up(tmp_path, *answers, steps=("Echo", "Wake word"))
    assert status == 0
    assert "2 Wake word: hey_jarvis" in said
    audio = config.load(tmp_path / "config.yaml").audio
    assert (audio.listen, audio.echo) == ("push_to_talk", "off")


async def test_a_home_is_tested_and_its_token_kept_apart(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("# mine\nother: 1\n")
    async with FakeHome() as home:
        url = home.settings.url
        answers = (f"{url}/", "a-wrong-token", "again", SKIP, TOKEN, SKIP)
        status, said = await set_up(tmp_path, *answers, steps=("Home Assistant",))
    assert status == 0
    assert "refuses the token" in said
    assert "answers and takes the token" in said
    assert secrets.read_text().startswith("# mine\nother: 1\nha_token: ")
    assert mode(secrets) == 0o600
    settings = config.load(tmp_path / "config.yaml").home_assistant
    assert (settings.url, settings.token) == (url, TOKEN)


async def test_a_file_of_ones_own_is_edited_in_place(tmp_path: Path) -> None:
    file, secrets = tmp_path / "config.yaml", tmp_path / "secrets.yaml"
    before = (
        "# my own words\nrealtime:\n  profile: compatible\n  api_version: v1\n  url: ws://127.0.0.1:1/\n"
        "  api_key: !secret mine # of Monday\nhttp:\n  port: 9999 # mine\n"
    )
    file.write_text(before)
    secrets.write_text("mine: the-key-of-yesterday\n")
    answers = ("edit", "Service", "compatible", NOBODY, KEY, "keep", SKIP)
    status, said = await set_up(tmp_path, *answers, steps=SERVICE)
    assert status == 0
    assert "the-key-of-yesterday" not in said
    after = before.replace("ws://127.0.0.1:1/", f'"{NOBODY}"')
    assert file.read_text() == after
    assert secrets.read_text() == f'mine: "{KEY}"\n'
    assert (tmp_path / "config.yaml.bak").read_text() == before


async def test_the_key_of_a_service_stays_with_its_unit(tmp_path: Path) -> None:
    (tmp_path / "api_key").write_text("")
    answers = ("compatible", NOBODY, KEY, "keep", SKIP)
    status, _ = await set_up(tmp_path, *answers, steps=SERVICE)
    assert status == 0
    assert (tmp_path / "api_key").read_text() == KEY
    assert "api_key: !credential api_key" in (tmp_path / "config.yaml").read_text()


async def test_a_mistake_in_the_file_is_named_and_the_file_kept(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    broken = 'audio:\n  output: {volume: "0.5\n'
    file.write_text(broken)
    status, said = await set_up(tmp_path, "edit", SKIP, steps=SERVICE)
    assert status == 1
    assert "config.yaml:2: " in said
    assert "Type a number from 1 to 1" in said
    assert file.read_text() == broken
    status, _ = await set_up(tmp_path, "new", SKIP, SKIP, steps=SERVICE)
    assert status == 0
    assert file.read_text() == template()
    assert (tmp_path / "config.yaml.bak").read_text() == broken


async def test_a_mistake_in_the_secrets_shows_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("mine: 'yesterdays-key\n")
    answers = ("compatible", NOBODY, KEY, "keep", SKIP)
    status, said = await set_up(tmp_path, *answers, steps=SERVICE)
    assert status == 78
    assert "must hold lines of" in said
    assert "yesterdays-key" not in said
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.yaml"]


def test_in_a_terminal_the_key_is_not_seen_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.environ.pop("RTAUDIO_CONFIG", None)
        os.execv(sys.executable, [sys.executable, str(ROOT / "daemon.py"), "setup"])
    seen = ""

    def until(words: str) -> None:
        nonlocal seen
        while words not in seen:
            seen += os.read(terminal, 4096).decode()

    for question, answer in (
        ("Which service?", "compatible\n"),
        ("Address, as in", f"{NOBODY}\n"),
        ("not shown", f"{KEY}\n"),
    ):
        until(question)
        if answer.startswith(KEY):  # what is typed before that is discarded
            eventually(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)
        os.write(terminal, answer.encode())
    until("Which one? Enter leaves")
    eventually(lambda: Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S")
    os.write(terminal, b"\x03")  # not before it reads: Python's input() would not see it
    until("nothing was written")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
    assert KEY not in seen
    assert max(map(len, seen.splitlines())) <= 80
    assert list(tmp_path.iterdir()) == []
