"""The app for Home Assistant: what the Supervisor reads, and what becomes of the options.

`SUPERVISOR` are the rules of the Supervisor's own source (apps/validate.py and apps/options.py, as
read on 2026-11-28), without what is deprecated there; unlike there, an unknown name is wrong.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import runpy
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import voluptuous as vol
import yaml

from rtaudio_daemon import config
from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.optional_packages import SPECS
from rtaudio_daemon.version import VERSION

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "packaging" / "home-assistant-app"
APP = TEMPLATE / "app"
TOKEN = "0123456789abcdef0123456789abcdef"

_ELEMENT = re.compile(
    r"(bool|email|url|port|device(\(subsystem=[a-z]+\))?|(str|password|int)(\(\d*,\d*\))?"
    r"|float(\([\d.]*,[\d.]*\))?|match\(.*\)|list\((?P<list>.+)\))\??"
)
_PORT = vol.All(int, vol.Range(1, 65535))


def _matches(pattern: str) -> Any:
    return vol.All(str, vol.Match(rf"^(?:{pattern})$"))


def _element(value: Any) -> Any:
    if not (isinstance(value, str) and _ELEMENT.fullmatch(value)):
        raise vol.Invalid("is no type that the Supervisor knows")
    return value


SUPERVISOR = vol.Schema(
    {
        vol.Required("name"): str,
        vol.Required("version"): str,
        vol.Required("slug"): _matches(r"[-_.A-Za-z0-9]+"),
        vol.Required("description"): str,
        vol.Required("arch"): vol.All([vol.In(("aarch64", "amd64"))], vol.Length(1)),
        "url": vol.Url(),
        "startup": vol.In(("initialize", "system", "services", "application", "once")),
        "boot": vol.In(("auto", "manual", "manual_only")),
        "init": bool,
        "stage": vol.In(("stable", "experimental", "deprecated")),
        "ports": {_matches(r"\d+(/tcp|/udp)?"): vol.Maybe(_PORT)},
        "ports_description": {_matches(r"\d+(/tcp|/udp)?"): str},
        "watchdog": _matches(r"(https?|\[PROTO:\w+\]|tcp)://\[HOST\]:(\[PORT:\d+\]|\d+).*"),
        "ingress": bool,
        "ingress_port": vol.Any(_PORT, 0),
        "ingress_stream": bool,
        "panel_icon": _matches("mdi:[a-z-]+"),
        "panel_title": str,
        "audio": bool,
        "services": [_matches("(mqtt|mysql):(provide|want|need)")],
        "map": [{vol.Required("type"): vol.In(("data", "addon_config", "share", "media")),
                 "read_only": bool, "path": str}],
        "options": dict,
        "schema": {str: _element},
        "timeout": vol.All(int, vol.Range(10, 300)),
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def start() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(APP / "start.py")))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run([TEMPLATE / "make", tmp_path / "made"], check=True, timeout=30)
    return tmp_path / "made"


def manifest() -> dict[str, Any]:
    return dict(yaml.safe_load((APP / "config.template.yaml").read_text()))


def made_of(start: SimpleNamespace, data: Path, **options: Any) -> Path:
    (data / "options.json").write_text(json.dumps(manifest()["options"] | options))
    return Path(start.from_options(data, "http://127.0.0.1:1", "token"))


def test_the_supervisor_takes_it_for_one_app(repository: Path) -> None:
    apps = [path for path in repository.rglob("config.*") if path.suffix in (".yaml", ".json")]
    assert apps == [repository / "rtaudio_daemon" / "config.yaml"]
    made = SUPERVISOR(yaml.safe_load(apps[0].read_text()))
    assert made == manifest() | {"version": VERSION}
    assert vol.Schema({"name": str, "url": vol.Url(), "maintainer": str})(
        yaml.safe_load((repository / "repository.yaml").read_text())
    )


def test_in_this_repository_nothing_else_is_taken_for_an_app() -> None:
    tracked = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "*config.yaml", "*config.yml", "*config.json"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert [each for each in tracked if Path(each).stem == "config"] == ["config.yaml"]
    with pytest.raises(vol.Invalid):
        SUPERVISOR(yaml.safe_load((ROOT / "config.yaml").read_text()))


def test_what_the_dockerfile_copies_is_there(repository: Path) -> None:
    folder = repository / "rtaudio_daemon"
    lines = (folder / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if re.match(r"COPY (?!--from)", line)]
    assert len(copied) == 5
    assert [name for names in copied for name in names if not (folder / name).exists()] == []
    assert [line.split()[1:] for line in lines if line.startswith("FROM")] == [
        ["debian:trixie-slim", "AS", "build"],
        ["debian:trixie-slim", "AS", "daemon"],
        ["daemon"],
    ]


def test_it_may_stand_on_an_image_that_was_pushed(tmp_path: Path) -> None:
    image = "ghcr.io/ada/rtaudio-daemon:0.2.0"
    subprocess.run([TEMPLATE / "make", tmp_path, "--image", image], check=True, timeout=30)
    text = (tmp_path / "rtaudio_daemon" / "Dockerfile").read_text()
    assert re.findall("^FROM (.*)", text, re.M) == [image]
    assert not (tmp_path / "rtaudio_daemon" / "rtaudio_daemon").exists()
    wrong = subprocess.run([TEMPLATE / "make", tmp_path, "--image", "a b"], capture_output=True)
    assert wrong.returncode == 2
    assert b"no name of an image" in wrong.stderr


def test_every_option_has_a_place_a_default_where_it_must_and_its_words(
    start: SimpleNamespace,
) -> None:
    given, schema = manifest()["options"], manifest()["schema"]
    assert set(schema) == {*start.OPTIONS, "mqtt"}
    assert {name for name, kind in schema.items() if not kind.endswith("?")} <= set(given)
    assert set(given) <= set(schema)
    for language in ("en", "de"):
        words = yaml.safe_load((APP / "translations" / f"{language}.yaml").read_text())
        assert set(words) == {"configuration", "network"}
        assert set(words["configuration"]) == set(schema)
        assert set(words["network"]) == set(manifest()["ports"])
    documented = set(re.findall(r"`(\w+)`", (APP / "DOCS.md").read_text()))
    assert set(schema) <= documented


def test_what_may_be_chosen_is_what_the_daemon_takes(start: SimpleNamespace) -> None:
    checks = {each.path: each.check for each in config.describe()}
    for name, kind in manifest()["schema"].items():
        found = _ELEMENT.fullmatch(kind)
        assert found
        check = checks[start.OPTIONS.get(name, "mqtt.host")]
        assert check
        for value in (found["list"] or "").split("|") if found["list"] else ():
            assert check(value) == value
        if kind.startswith("password"):
            assert name in start.SECRETS


def test_secret_options_are_exactly_those_that_are_hidden(start: SimpleNamespace) -> None:
    kinds = manifest()["schema"]
    hidden = {name for name, kind in kinds.items() if kind.startswith("password")}
    assert hidden | {"mqtt_password"} == start.SECRETS


def test_as_it_is_installed_it_needs_nothing(start: SimpleNamespace, tmp_path: Path) -> None:
    made = config.load(made_of(start, tmp_path))
    assert made.realtime.profile == "simulator"
    assert (made.http.host, made.http.port, made.http.ingress) == ("0.0.0.0", 8770, "172.30.32.2")
    assert made.http.port == manifest()["ingress_port"]
    assert f"[PORT:{made.http.port}]/health" in manifest()["watchdog"]
    assert made.warnings == ()
    token = made.http.token.reveal()
    assert len(token) == 64
    assert config.load(made_of(start, tmp_path)).http.token.reveal() == token, "it is kept"


def test_all_options_arrive(start: SimpleNamespace, tmp_path: Path) -> None:
    made = config.load(
        made_of(
            start,
            tmp_path,
            profile="azure",
            host_name="ada.openai.azure.com",
            deployment="gpt-realtime",
            api_key="secret:'key'#1",
            voice="verse",
            instructions="Be brief.\nSpeak: slowly.",
            transcription_model="whisper-1",
            listen="wake_word",
            wake_word="hey_jarvis",
            price_table="gpt-realtime-2.1",
            daily_limit=2.5,
            home_assistant_token="ha-token",
            name="Kitchen",
            http_token=TOKEN,
            log_level="debug",
        )
    )
    service = made.realtime
    assert (service.profile, service.host_name) == ("azure", "ada.openai.azure.com")
    assert (service.deployment, service.api_key.reveal()) == ("gpt-realtime", "secret:'key'#1")
    session = service.session
    assert (session.voice, session.instructions) == ("verse", "Be brief.\nSpeak: slowly.")
    assert session.transcription.model == "whisper-1"
    assert (made.audio.listen, made.audio.wake.word) == ("wake_word", "hey_jarvis")
    assert service.budget.price_table == "gpt-realtime-2.1"
    assert service.budget.daily_limit == 2.5
    assert made.home_assistant.url == start.HOME
    assert made.home_assistant.token.reveal() == "ha-token"
    assert (made.mqtt.name, made.mqtt.host) == ("Kitchen", "")
    assert made.http.token.reveal() == TOKEN
    assert made.logger.default == "debug"
    assert made.warnings == ()


def test_secrets_are_in_a_file_of_their_own_that_nobody_else_reads(
    start: SimpleNamespace, tmp_path: Path
) -> None:
    key = "very-secret-key"
    made = made_of(start, tmp_path, api_key=key)
    assert key not in made.read_text()
    for file in (made, made.parent / "secrets.yaml", tmp_path / "http_token"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"profile": "azure"}, "host_name"),
        ({"http_token": "short"}, "http_token"),
        ({"daily_limit": 2.0}, "daily_limit"),
        ({"listen": "sometimes"}, "listen"),
        ({"home_assistant_url": "nowhere"}, "home_assistant_url"),
    ],
)
def test_a_mistake_is_named_by_the_option(
    start: SimpleNamespace, tmp_path: Path, options: dict[str, Any], name: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        made_of(start, tmp_path, **options)
    assert refused.value.problems[0].split(": ")[0] == f"option {name}"


def test_a_configuration_of_ones_own_must_let_the_supervisor_in(
    start: SimpleNamespace, tmp_path: Path
) -> None:
    own = tmp_path / "config.yaml"
    own.write_text("realtime: {profile: simulator}\n")
    with pytest.raises(ConfigError) as refused:
        start.own(own)
    assert refused.value.problems == (
        f"{own}: http.host: the app needs host: 0.0.0.0",
        f"{own}: http.ingress: the app needs ingress: 172.30.32.2",
    )
    block = re.search(r"```yaml\n(.*?)```", (APP / "DOCS.md").read_text(), re.S)
    assert block
    own.write_text(block[1])
    (tmp_path / "secrets.yaml").write_text(f"http_token: {TOKEN}\n")
    assert start.own(own) == own


class _Supervisor(http.server.BaseHTTPRequestHandler):
    answer: Any = None
    asked: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        body = json.dumps(self.answer).encode()
        self.send_response(200 if self.answer["result"] == "ok" else 400)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def supervisor() -> Iterator[str]:
    _Supervisor.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Supervisor) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_broker_is_that_of_the_supervisor(
    start: SimpleNamespace, tmp_path: Path, supervisor: str
) -> None:
    data = {"host": "core-mosquitto", "port": 1883, "ssl": False, "username": "apps"}
    _Supervisor.answer = {"result": "ok", "data": data | {"password": "pa: ss"}}
    (tmp_path / "options.json").write_text(json.dumps(manifest()["options"] | {"mqtt": True}))
    made = config.load(start.from_options(tmp_path, supervisor, "token"))
    assert _Supervisor.asked == [("/services/mqtt", "Bearer token")]
    assert (made.mqtt.host, made.mqtt.port, made.mqtt.tls) == ("core-mosquitto", 1883, "off")
    assert (made.mqtt.username, made.mqtt.password.reveal()) == ("apps", "pa: ss")


def test_without_a_broker_it_starts_and_says_so(
    start: SimpleNamespace, tmp_path: Path, supervisor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _Supervisor.answer = {"result": "error", "message": "Service not enabled"}
    (tmp_path / "options.json").write_text(json.dumps(manifest()["options"] | {"mqtt": True}))
    assert config.load(start.from_options(tmp_path, supervisor, "token")).mqtt.host == ""
    assert "install the app Mosquitto broker" in capsys.readouterr().err


def test_the_optional_packages_are_those_of_the_daemon() -> None:
    wanted = (APP / "requirements.txt").read_text().splitlines()[1:]
    assert set(wanted) <= set(SPECS.values())
    assert os.access(TEMPLATE / "make", os.X_OK)
