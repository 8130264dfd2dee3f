"""The doctor's check of the MQTT broker: address, user, encryption, and permissions."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ... import config
from ...daemon import identity
from ...mqtt.bridge import MissingPackageError, load_connect
from ...mqtt.link import BrokerError, Caller, Connect, Trouble
from .finding import Finding, failed, passed, warned

_NAME = "mqtt"
_REMEDIES = {
    Trouble.AWAY: "is the broker running, and are mqtt.host and mqtt.port right?",
    Trouble.SILENT: "is mqtt.port the port of an MQTT broker, and mqtt.tls as it wants it?",
    Trouble.REFUSED: "correct username, password, tls or ca below mqtt",
}


async def check_broker(
    settings: config.Config, connect: Connect | None = None
) -> AsyncIterator[Finding]:
    """Yield findings if a broker is configured; otherwise nothing is tried."""
    mqtt, topics = settings.mqtt, identity.topics(settings)
    if not mqtt.host:
        return
    try:
        connect = connect or await load_connect()
    except MissingPackageError as error:
        yield warned(_NAME, str(error), "install it, or leave mqtt.host empty")
        return
    try:
        try:
            denied = await _permitted(connect, settings, old=False)
        except BrokerError as error:
            if error.trouble is not Trouble.OLD:
                raise
            denied = await _permitted(connect, settings, old=True)
    except BrokerError as error:
        refused = error.trouble is Trouble.REFUSED
        yield failed(_NAME, str(error), _REMEDIES.get(error.trouble, ""), key_at_fault=refused)
        return
    where = f"{topics.base}/{topics.id}"
    yield passed(_NAME, f"the broker {mqtt.host}:{mqtt.port} answers; we are {where} there")
    if denied:
        what = f"the broker does not let us read {denied}, so no commands arrive"
        yield warned(_NAME, what, "permit it in the broker's access list, or set commands: false")


async def _permitted(connect: Connect, settings: config.Config, *, old: bool) -> str:
    """Connect beside a daemon that may be running; return what may not be read, if anything."""
    topics = identity.topics(settings)
    async with connect(settings.mqtt, Caller(f"{topics.device}-doctor", None, old)) as link:
        return await link.subscribe(topics.commands) if settings.mqtt.commands else ""
