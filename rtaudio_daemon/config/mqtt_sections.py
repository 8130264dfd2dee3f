"""The settings of MQTT: the broker, and the messages of `tools.own`."""

from __future__ import annotations

from dataclasses import dataclass

from .checks import boolean, choice, integer, kept, option, password, text
from .secret import Secret

_BROKER = r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]"
_LEVEL_NAME = r"[A-Za-z0-9_-]{1,64}"
_LEVELS = rf"{_LEVEL_NAME}(/{_LEVEL_NAME}){{0,3}}"
_ID = r"[a-z0-9_]{1,32}"
_TOPIC = r"[^\s#+\x00-\x1f{}$][^#+\x00-\x1f{}]*"


@dataclass(frozen=True)
class Mqtt:
    """The MQTT broker, for the daemon's state and for commands; off without a host."""

    host: str = option(
        "", "the broker; empty = off", text(_BROKER, "a host, as in homeassistant.local")
    )
    port: int = option(1883, "its port; with TLS usually 8883", integer(1, 65_535))
    username: str = option("", "user at the broker; empty = without", text())
    password: Secret = option(
        Secret(""), "the user's password; not here, but in secrets.yaml", password()
    )
    tls: str = option(
        "off",
        "encrypt; insecure = without checking the broker's certificate",
        choice("off", "on", "insecure"),
    )
    ca: str = option(
        "",
        "file with the certificate that signed the broker's; empty = those of the system",
        text(),
    )
    name: str = option("Voice", "name of the device in Home Assistant", text(r".{1,64}", "a name"))
    area: str = option("", "suggested area of the device", text(r".{1,64}", "a name"))
    discovery_prefix: str = option(
        "homeassistant",
        "where Home Assistant looks for devices; empty = do not announce it",
        text(_LEVELS, "levels of a topic, as in homeassistant"),
    )
    base: str = option(
        "rtaudio-daemon",
        "first level of all topics, the same for all daemons of a home",
        text(_LEVEL_NAME, "letters, digits, _ and -"),
    )
    id: str = option(
        "",
        "second level, different for each daemon; empty = made from this machine and this file",
        text(_ID, "small letters, digits and _"),
    )
    commands: bool = option(True, "whether clients may control it, and not only see it", boolean())
    said: bool = option(False, "publish the last spoken words, of both sides", boolean())
    currency: str = option(
        "USD",
        "currency of the prices in realtime.budget",
        text("[A-Z]{3}", "three letters, as in EUR"),
    )


@dataclass(frozen=True)
class OwnMqtt:
    """The message that a tool of `tools.own` sends; `{name}` stands for the argument `name`."""

    topic: str = option(
        "",
        "fixed topic, such as garden/gate/set; never one of the daemon's own",
        text(_TOPIC, "a topic as in garden/gate/set, without #, + and places for arguments"),
    )
    payload: str = option("", 'message to send, as in "{state}"', kept(text()))
    retain: bool = option(False, "whether the broker keeps it for later subscribers", boolean())
