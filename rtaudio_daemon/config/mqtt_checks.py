"""Rules between options of `mqtt`, and for `tools.own` entries that send over MQTT."""

from __future__ import annotations

from collections.abc import Iterator

from .hosts import beyond_loopback
from .mqtt_sections import Mqtt
from .placeholders import revealed
from .sections import Config
from .source import Mistake, Steps


def mistakes(config: Config) -> Iterator[Mistake]:
    """Yield every mistake: at which option, and the remedy."""
    mqtt = config.mqtt
    if mqtt.host:
        yield from _broker(mqtt)
    own = [(index, each.mqtt) for index, each in enumerate(config.tools.own) if each.mqtt.topic]
    for index, message in own:
        at: Steps = ("tools", "own", index, "mqtt", "topic")
        if not mqtt.host:
            yield at, "there is no broker to send it to; write host below mqtt"
        if revealed(message.topic).split("/")[0] == mqtt.base:
            yield (
                at,
                f"topics below {mqtt.base} are the daemon's own; a tool exists for what it does",
            )


def _broker(mqtt: Mqtt) -> Iterator[Mistake]:
    if mqtt.username and not mqtt.password:
        yield ("mqtt", "password"), "this user needs one: write !secret mqtt here, and the password"
    if mqtt.password and not mqtt.username:
        yield ("mqtt", "username"), "the password is somebody's: write the name of the user, too"
    if mqtt.ca and mqtt.tls != "on":
        what = "is not looked at without tls: on, so the connection would not be what it seems"
        yield ("mqtt", "ca"), what


def cautions(config: Config) -> Iterator[Mistake]:
    """Yield what works but is not advisable, in the same form."""
    mqtt = config.mqtt
    if not mqtt.host:
        return
    if not mqtt.username and beyond_loopback(mqtt.host):
        what = (
            "nobody needs a password at this broker: whoever reaches it can make the daemon speak"
            if mqtt.commands
            else "nobody needs a password at this broker: whoever reaches it sees what happens here"
        )
        yield ("mqtt", "host"), f"{what}; make a user there, and write username and password"
    if mqtt.tls == "insecure" and beyond_loopback(mqtt.host):
        what = "the password goes to whoever poses as the broker; use on, with ca for one's own"
        yield ("mqtt", "tls"), what
    if mqtt.tls != "off" and mqtt.port == 1883:
        yield ("mqtt", "port"), "with TLS brokers usually listen on 8883"
