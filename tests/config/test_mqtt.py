"""The section `mqtt`, and own tools that send over MQTT: what is wrong, and what is warned of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.errors import ConfigError

TOOL = "tools: {own: [{name: gate, description: Opens it., mqtt: {topic: garden/gate/set}}]}\n"
PLACE = '"garden/{gate}"'
PAYLOAD = '/set, payload: "{state}"'
SECRET = "!env_var RTAUDIO_TEST_MQTT words"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("mqtt: {host: 'mqtt://nas'}\n", "mqtt.host: expected a host, as in homeassistant.local"),
        (
            "mqtt: {host: nas, username: voice}\n",
            "mqtt.password: this user needs one: write !secret mqtt here, and the password",
        ),
        (
            "mqtt: {host: nas, password: abc}\n",
            "mqtt.username: the password is somebody's: write the name of the user, too",
        ),
        ("mqtt: {host: nas, password: }\n", "mqtt.password: nothing is left of what was written"),
        (
            "mqtt: {host: nas, username: voice, password: !env_var RTAUDIO_TEST_MQTT ''}\n",
            "mqtt.password: nothing is left of what was written",
        ),
        ("mqtt: {host: nas, ca: ca.pem}\n", "mqtt.ca: is not looked at without tls: on"),
        ("mqtt: {host: nas, base: a/b}\n", "mqtt.base: expected letters, digits, _ and -"),
        ("mqtt: {host: nas, id: Küche}\n", "mqtt.id: expected small letters, digits and _"),
        ("mqtt: {host: nas, port: 0}\n", "mqtt.port: expected a whole number from 1 to 65535"),
        (TOOL, "tools.own[0].mqtt.topic: there is no broker to send it to; write host below mqtt"),
        (
            f"mqtt: {{host: 127.0.0.1}}\n{TOOL.replace('garden', 'rtaudio-daemon')}",
            "tools.own[0].mqtt.topic: topics below rtaudio-daemon are the daemon's own",
        ),
        (
            f"mqtt: {{host: 127.0.0.1}}\n{TOOL.replace('gate/set', '#')}",
            "tools.own[0].mqtt.topic: expected a topic as in garden/gate/set, without #, +",
        ),
        (
            f"mqtt: {{host: 127.0.0.1}}\n{TOOL.replace('garden/gate/set', PLACE)}",
            "tools.own[0].mqtt.topic: expected a topic as in garden/gate/set",
        ),
        (
            f"mqtt: {{host: 127.0.0.1}}\n{TOOL.replace('/set', PAYLOAD)}",
            "tools.own[0].mqtt.payload: {state} is no parameter of this tool",
        ),
        (
            TOOL.replace("topic: garden/gate/set", "payload: open"),
            "tools.own[0].mqtt: has no topic; write one, as in topic: garden/gate/set",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(text: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text)
    assert any(wrong in each for each in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ("host: nas", "mqtt.host: nobody needs a password at this broker: whoever reaches it can"),
        ("host: nas, commands: false", "whoever reaches it sees what happens here"),
        ("host: 127.0.0.1", ""),
        ("host: localhost", ""),
        (f"host: nas, username: voice, password: {SECRET}", ""),
        ("host: 127.0.0.1, tls: insecure, port: 8883", ""),
        (
            f"host: nas, username: voice, password: {SECRET}, tls: insecure, port: 8883",
            "mqtt.tls: the password goes to whoever poses as the broker",
        ),
        ("host: 127.0.0.1, tls: on", "mqtt.port: with TLS brokers usually listen on 8883"),
    ],
)
def test_an_open_broker_and_what_else_should_not_stay_so_is_warned_of(
    options: str, warning: str
) -> None:
    about = ("mqtt.host", "mqtt.tls", "mqtt.port")
    warnings = config.parse(f"mqtt: {{{options}}}\n").warnings
    found = [each for each in warnings if each.split(": ")[1] in about]
    assert len(found) == bool(warning)
    assert all(warning in each for each in found)


def test_the_password_may_have_spaces_and_never_shows(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("mqtt: 'two words, ä'\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    file = tmp_path / "config.yaml"
    file.write_text(
        "mqtt: {host: nas, username: voice, password: !secret mqtt, ca: a.pem, tls: on}"
    )
    found = config.load(file)
    assert found.mqtt.password.reveal() == "two words, ä"
    assert found.mqtt.ca == str(tmp_path / "a.pem"), "beside the file"
    assert "two words" not in json.dumps(config.redacted(found)) + repr(found)


def test_what_is_off_needs_nothing() -> None:
    assert config.parse("mqtt: {username: voice}\n").mqtt.host == ""
