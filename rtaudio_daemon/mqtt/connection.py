"""The connection to a broker through aiomqtt. Only this module imports it.

Nothing outlives a connection: the session is always clean, so that no commands can wait for us at
the broker, and retained messages are not delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ..config import Mqtt
from .link import ANSWER_S, KEEPALIVE_S, BrokerError, Caller, Link, Received, Trouble
from .waiting import Message

_QUIET = logging.getLogger(f"{__name__}.paho")
_QUIET.setLevel(logging.CRITICAL)  # failures are reported as errors, in our words
_REACHED_S = 1.5  # how long the connecting thread may delay the end of the daemon
_LOOK_S, _LOOKS = 0.02, 75
_LAST_S = 1.0
_UNREAD_MOST = 100  # unread messages; further ones are dropped
_PACKET_MOST = 256 * 1024  # maximum size of a message that the broker may send us
# Reason codes of a broker; paho translates those of version 3.1.1.
_OLD = 132
_REFUSALS = frozenset({134, 135, 138, 140})
_TAKEN = 142
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF", "EOF occurred", "reset by peer")
_properties: Callable[[int], Properties] = Properties


@asynccontextmanager
async def connect(settings: Mqtt, caller: Caller) -> AsyncIterator[Link]:
    """Provide a connection. Raises BrokerError, also when it is lost."""
    tls = await _encryption(settings)
    client = _client(settings, caller, tls)
    await _enter(client, settings, tls)
    try:
        yield _Link(client, old=caller.old)
    finally:
        client.timeout = _LAST_S  # do not wait for a broker that no longer accepts data
        try:
            await client.__aexit__(None, None, None)
        except aiomqtt.MqttError:
            client._client._sock_close()


class _Encryption(ssl.SSLContext):
    """Closes what paho leaves open on failure: `close` also ends a handshake that hangs."""

    _opened: ssl.SSLSocket | None = None

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        self._opened = super().wrap_socket(*arguments, **options)
        return self._opened

    def close(self) -> None:
        """Close the last encrypted socket, if there is one."""
        if self._opened is not None:
            with contextlib.suppress(OSError):
                self._opened.shutdown(socket.SHUT_RDWR)
            self._opened.close()


def _client(settings: Mqtt, caller: Caller, tls: _Encryption | None) -> aiomqtt.Client:
    last = caller.will
    will = aiomqtt.Will(last.topic, last.payload, 1, last.retain) if last else None
    limits = _properties(PacketTypes.CONNECT)
    limits.MaximumPacketSize = _PACKET_MOST
    old, version = caller.old, aiomqtt.ProtocolVersion
    client = aiomqtt.Client(
        settings.host.strip("[]"),
        settings.port,
        username=settings.username or None,
        password=settings.password.reveal() or None,
        identifier=caller.name,
        protocol=version.V311 if old else version.V5,
        clean_session=True if old else None,
        clean_start=MQTT_CLEAN_START_FIRST_ONLY if old else True,
        properties=None if old else limits,
        will=will,
        keepalive=KEEPALIVE_S,
        timeout=ANSWER_S,
        max_queued_incoming_messages=_UNREAD_MOST,
        tls_context=tls,
        logger=_QUIET,
    )
    client.pending_calls_threshold = _UNREAD_MOST
    client._client.connect_timeout = _REACHED_S
    return client


async def _encryption(settings: Mqtt) -> _Encryption | None:
    """Return the TLS context, if wanted. Raises BrokerError if the certificates are unusable."""
    if settings.tls == "off":
        return None
    context = _Encryption(ssl.PROTOCOL_TLS_CLIENT)
    if settings.tls == "insecure":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif not settings.ca:
        await asyncio.to_thread(context.load_default_certs)
    else:
        try:
            await asyncio.to_thread(context.load_verify_locations, settings.ca)
        except OSError as error:
            what = f"mqtt.ca: {settings.ca} cannot be used: {_words(error)}"
            raise BrokerError(Trouble.REFUSED, what) from error
    return context


async def _enter(client: aiomqtt.Client, settings: Mqtt, tls: _Encryption | None) -> None:
    """Connect in a thread, which cannot be cancelled; close then what it opens."""
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        if tls is not None:
            tls.close()
        for _ in range(_LOOKS):
            await asyncio.sleep(_LOOK_S)
            if client._client.socket() is not None or entering.done():
                break
        client._client.disconnect()
        await asyncio.sleep(_LOOK_S)  # lets it be written, and the socket closed
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        raise
    except (aiomqtt.MqttError, ValueError, UnicodeError) as error:
        client._client.disconnect()
        if tls is not None:
            tls.close()
        raise _connecting(error, settings) from error


def _connecting(error: Exception, settings: Mqtt) -> BrokerError:
    where = f"{settings.host}:{settings.port}"
    code = _code(error)
    if code == _OLD:
        return BrokerError(Trouble.OLD, f"{where} does not know version 5 of MQTT")
    if code in _REFUSALS:
        what = f"does not take the password of {settings.username}"
        if not settings.username:
            what = "wants a user and a password: write username and password below mqtt"
        return BrokerError(Trouble.REFUSED, f"{where} {what}")
    words = _words(error)
    if "CERTIFICATE_VERIFY_FAILED" in words or "certificate verify failed" in words:
        why = words.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or words
        what = f"the certificate of {where} is not trusted: {why}; name its authority in mqtt.ca"
        return BrokerError(Trouble.REFUSED, what)
    if settings.tls != "off" and any(each in words for each in _NO_TLS):
        return BrokerError(Trouble.AWAY, f"{where} does not encrypt: is mqtt.port the one for TLS?")
    if code is not None:
        return BrokerError(Trouble.AWAY, f"{where} refuses the connection: {words}")
    if words == "Operation timed out":
        hint = "; is it a port for TLS? then write tls: on" * (settings.tls == "off")
        what = f"{where} does not answer as an MQTT broker does{hint}"
        return BrokerError(Trouble.SILENT, what)
    return BrokerError(Trouble.AWAY, f"{where} cannot be reached: {words}")


def _lost(error: aiomqtt.MqttError) -> BrokerError:
    """Return why a connection was lost."""
    code = _code(error)
    if code is None and error.__cause__ is not None:
        code = _code(error.__cause__)
    if code == _TAKEN:
        return BrokerError(Trouble.TAKEN, "another client of the broker has the same name")
    return BrokerError(Trouble.AWAY, "the connection to the broker is lost")


def _code(error: BaseException) -> int | None:
    """Return the broker's reason code, if it gave one."""
    if not isinstance(error, aiomqtt.MqttCodeError):
        return None
    return error.rc.value if isinstance(error.rc, ReasonCode) else error.rc


def _words(error: BaseException) -> str:
    """Return what went wrong, without the number that libraries put before it."""
    words = str(error) or type(error).__name__
    return words.partition("] ")[2] if words.startswith("[Errno") else words


class _Link:
    """The `Link` of a connected client."""

    def __init__(self, client: aiomqtt.Client, *, old: bool) -> None:
        self._client = client
        self._old = old

    async def subscribe(self, *topics: str, own: bool = False) -> str:
        # Without retained messages at the subscription, and with the retain flag kept.
        options = SubscribeOptions(1, noLocal=not own, retainAsPublished=True, retainHandling=2)
        denied = []
        for topic in topics:
            try:
                if self._old:
                    codes = await self._client.subscribe(topic, 1)
                else:
                    codes = await self._client.subscribe(topic, options=options)
            except aiomqtt.MqttError as error:
                raise _lost(error) from error
            values = [each.value if isinstance(each, ReasonCode) else each for each in codes]
            if any(value >= 128 for value in values):
                denied.append(topic)
        return ", ".join(denied)

    async def publish(self, message: Message) -> None:
        await self._publish(message, 1, ANSWER_S)

    async def publish_once(self, message: Message) -> None:
        await self._publish(message, 0, _LAST_S)

    async def messages(self) -> AsyncIterator[Received]:
        try:
            async for each in self._client.messages:
                yield Received(each.topic.value, bytes(each.payload or b""), bool(each.retain))
        except aiomqtt.MqttError as error:
            raise _lost(error) from error

    async def _publish(self, message: Message, qos: int, limit_s: float) -> None:
        payload = message.payload.encode("utf-8", "replace")  # a model may write a lone surrogate
        try:
            await self._client.publish(message.topic, payload, qos, message.retain, timeout=limit_s)
        except aiomqtt.MqttError as error:
            raise _lost(error) from error
