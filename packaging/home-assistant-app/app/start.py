"""Turn the app's options into the daemon's configuration, and become the daemon.

Runs in the container, as root: what the Supervisor puts there is root's. /data holds options.json,
and is kept; below it /data/daemon is the daemon's. /config is the folder of the app that people see
(addon_configs): a config.yaml in it counts instead of the options.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rtaudio_daemon import config
from rtaudio_daemon.errors import ConfigError

PROGRAM = Path("/opt/rtaudio-daemon")
DATA, OWN = Path("/data"), Path("/config/config.yaml")
USER = 990
EXIT_CONFIG = 78
SUPERVISOR = "http://supervisor"
HOME = "http://homeassistant:8123"
ANSWER_MAX = 64 * 1024
HTTP: Mapping[str, Any] = {"host": "0.0.0.0", "port": 8770, "ingress": "172.30.32.2"}
"""What the app needs: the Supervisor's proxy has this address, and asks at this port."""

OPTIONS: Mapping[str, str] = {
    "profile": "realtime.profile",
    "host_name": "realtime.host_name",
    "deployment": "realtime.deployment",
    "api_key": "realtime.api_key",
    "voice": "realtime.session.voice",
    "instructions": "realtime.session.instructions",
    "transcription_model": "realtime.session.transcription.model",
    "listen": "audio.listen",
    "wake_word": "audio.wake.word",
    "price_table": "realtime.budget.price_table",
    "daily_limit": "realtime.budget.daily_limit",
    "home_assistant_token": "home_assistant.token",
    "home_assistant_url": "home_assistant.url",
    "name": "mqtt.name",
    "http_token": "http.token",
    "log_level": "logger.default",
}
"""The daemon's option for each option of the app; `mqtt` asks the Supervisor for its broker."""

SECRETS = {"api_key", "home_assistant_token", "http_token", "mqtt_password"}


def settings(options: Mapping[str, Any], broker: Mapping[str, Any]) -> dict[str, Any]:
    """The daemon's settings as a tree; what is empty keeps its default.

    `broker`: host, port, username, password and ssl, as the Supervisor says; empty for none.
    """
    given = {name: options.get(name) for name in OPTIONS}
    if given["home_assistant_token"] and not given["home_assistant_url"]:
        given["home_assistant_url"] = HOME
    values = {OPTIONS[name]: value for name, value in given.items() if value not in (None, "")}
    for name, key in (("host", "host"), ("port", "port"), ("username", "username")):
        if broker.get(key):
            values[f"mqtt.{name}"] = broker[key]
    if broker.get("password"):
        values["mqtt.password"] = broker["password"]
    if broker.get("ssl"):
        values["mqtt.tls"] = "on"
    values |= {f"http.{name}": value for name, value in HTTP.items()}
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *groups, last = path.split(".")
        group = tree
        for each in groups:
            group = group.setdefault(each, {})
        group[last] = value
    return tree


def supervisors_broker(address: str, token: str) -> dict[str, Any]:
    """The MQTT broker that the Supervisor knows; if it has none, empty, and a line in the log."""
    request = urllib.request.Request(
        f"{address}/services/mqtt", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.loads(answer.read(ANSWER_MAX))
        return dict(found["data"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = error.reason if isinstance(error, urllib.error.URLError) else type(error).__name__
        print(
            f"mqtt: the Supervisor names no broker ({why}): install the app Mosquitto broker, then "
            "restart this one; it starts without MQTT",
            file=sys.stderr,
        )
        return {}


def token_of(folder: Path) -> str:
    """The token for others in the network of the apps: made once, and kept."""
    file = folder / "http_token"
    if not file.exists():
        write(file, secrets.token_hex(32))
    return file.read_text().strip()


def write(file: Path, text: str) -> None:
    """Write a file that only its owner reads."""
    file.unlink(missing_ok=True)
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(number, "w") as stream:
        stream.write(text)


def from_options(data: Path, address: str, token: str) -> Path:
    """Make the configuration below `data`. Raises ConfigError, in the words of the app.

    `address`, `token`: of the Supervisor.
    """
    options = json.loads((data / "options.json").read_text())
    folder = data / "daemon"
    folder.mkdir(exist_ok=True)
    given = {**options, "http_token": options.get("http_token") or token_of(data)}
    broker = supervisors_broker(address, token) if options.get("mqtt") else {}
    tree, hidden = settings(given, broker), {}
    for path in (OPTIONS.get(name, "mqtt.password") for name in sorted(SECRETS)):
        *groups, last = path.split(".")
        group = tree
        for each in groups:
            group = group.get(each, {})
        if last in group:
            hidden[path.replace(".", "_")] = str(group[last])
            group[last] = _Secret(path.replace(".", "_"))
    file = folder / "config.yaml"
    write(folder / "secrets.yaml", yaml.safe_dump(hidden))
    text = "# Made from the options of the app at each start.\n" + yaml.dump(tree, Dumper=_Dumper)
    write(file, text)
    try:
        config.load(file)
    except ConfigError as error:
        raise ConfigError([in_the_apps_words(each) for each in error.problems]) from None
    return file


def own(file: Path) -> Path:
    """The configuration that somebody wrote, if the Supervisor can reach it. Raises ConfigError."""
    http = config.load(file).http
    wrong = [
        f"{file}: http.{name}: the app needs {name}: {value}"
        for name, value in HTTP.items()
        if getattr(http, name) != value
    ]
    if wrong:
        raise ConfigError(wrong)
    return file


def in_the_apps_words(problem: str) -> str:
    """A problem of the configuration that was made, with the name of the app's option."""
    for name, path in OPTIONS.items():
        found = re.fullmatch(rf"\S+:\d+: {re.escape(path)}: (.*)", problem, re.S)
        if found:
            return f"option {name}: {found[1]}"
    return problem


def hand_over(*folders: Path) -> None:
    """Give the folders and what is in them to the daemon's user."""
    for folder in folders:
        for place, _, files in os.walk(folder):
            for path in (place, *(os.path.join(place, each) for each in files)):
                os.chown(path, USER, USER, follow_symlinks=False)


def main() -> None:
    """Make the configuration, give up being root, and become the daemon."""
    try:
        if OWN.exists():
            print(f"{OWN} counts; the options of the app are not used", file=sys.stderr)
            file = own(OWN)
        else:
            file = from_options(DATA, SUPERVISOR, os.environ.get("SUPERVISOR_TOKEN", ""))
    except ConfigError as error:
        sys.exit(_refused(error))
    state = DATA / "daemon" / "state"
    state.mkdir(parents=True, exist_ok=True)
    hand_over(state.parent, OWN.parent)
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    os.chdir(PROGRAM)
    os.environ |= {"RTAUDIO_CONFIG": str(file), "STATE_DIRECTORY": str(state), "HOME": str(state)}
    os.environ.pop("SUPERVISOR_TOKEN", None)
    os.environ.pop("HASSIO_TOKEN", None)
    os.execv(sys.executable, [sys.executable, "daemon.py", "run"])


def _refused(error: ConfigError) -> int:
    print("The configuration of the app is wrong; correct it and start again:", file=sys.stderr)
    for problem in error.problems:
        print(f"  {problem}", file=sys.stderr)
    return EXIT_CONFIG


class _Secret(str):
    """The name of an entry of secrets.yaml."""


class _Dumper(yaml.SafeDumper):
    """Writes such a name as `!secret NAME`."""


_Dumper.add_representer(_Secret, lambda dumper, name: dumper.represent_scalar("!secret", str(name)))


if __name__ == "__main__":
    main()
