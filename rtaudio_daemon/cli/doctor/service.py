"""The doctor's check of the service: name, port, certificate, handshake, settings, a text turn."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

from ... import config
from ...daemon.service import new_client, service_at
from ...errors import NO_ANSWER, ConfigError, HandshakeError, RTAudioError, ServiceError
from ...notifications import ConnectionChanged
from ...protocol.endpoint import Endpoint
from ...proxies import proxy_name
from ...realtime.client import AzureRealTimeAudio
from .finding import Finding, failed, passed, warned

_REACH_S = 5.0
_SESSION_S = 30.0
_ANSWER_S = 20.0
_NOT_NOW = (9, 10)  # OpenSSL's codes: not yet valid, expired
_ANOTHERS = (62, 63, 64)  # another host name, another e-mail address, another IP address
_REMEDIES = {
    400: "check realtime.api_version and realtime.deployment",
    401: "check realtime.api_key: copy the key of this very resource again, and its host_name",
    403: "the key is known but may not do this: check its role and the resource's network rules",
    404: "check realtime.deployment (its name in Azure, not the model's) and realtime.host_name",
    429: "the quota is used up: wait, or raise it in Azure",
}


async def check_service(settings: config.Realtime) -> AsyncIterator[Finding]:
    """Check everything from the host name to an answer."""
    async with AsyncExitStack() as life:
        try:
            where, _ = await service_at(settings, life)
        except ConfigError as error:
            yield failed("service options", str(error), "correct them", config_at_fault=True)
            return
        async for finding in _reach(where):
            yield finding
            if finding.verdict == "fail":
                return
        client = new_client(where, settings)
        refusals: list[str] = []

        def noted(change: ConnectionChanged) -> None:
            if change.state == "open" and change.reason:
                refusals.append(change.reason)

        client.on("connection", noted)
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await client.connect(timeout_s=_SESSION_S)
        except ServiceError as error:
            yield _refused(where, error)
            return
        life.push_async_callback(client.close)
        took_ms = round((loop.time() - started) * 1000)
        session = client.session
        name = session.id if session else "unnamed"
        yield passed("handshake", f"session {name} after {took_ms} ms, {where.dialect} dialect")
        if refusals:
            yield failed(
                "session settings",
                refusals[0],
                "check realtime.profile and realtime.api_version (v1 speaks the GA dialect, a "
                "dated one the preview's), then realtime.session",
            )
            return
        yield passed("session settings", "the service took them all")
        yield await _turn(client)


async def _reach(where: Endpoint) -> AsyncIterator[Finding]:
    if proxy := proxy_name(where.url):
        yield passed("proxy", f"HTTPS_PROXY says to ask {proxy}, which looks for {where.host}")
        return
    parts = urlsplit(where.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_REACH_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        yield failed(
            "dns",
            f"there is no {host} ({_words(error)})",
            "check realtime.host_name for typing errors, and the network: ping 1.1.1.1",
        )
        return
    yield passed("dns", f"{host} has the address {found[0][4][0]}")
    yield await _tcp(host, port)
    if parts.scheme == "wss":
        yield await _tls(host, port)


async def _tcp(host: str, port: int) -> Finding:
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(host, port)
        await _shut(writer)
    except (OSError, TimeoutError) as error:
        return failed(
            "tcp",
            f"{host} does not answer on port {port} ({_words(error)})",
            "check the port in host_name or url, the firewall, and whether the network is up",
        )
    return passed("tcp", f"{host} answers on port {port}")


async def _tls(host: str, port: int) -> Finding:
    context = await asyncio.to_thread(ssl.create_default_context)
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        version = writer.get_extra_info("ssl_object").version()
        await _shut(writer)
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
        if error.verify_code in _NOT_NOW:
            remedy = "check this machine's clock: timedatectl"
        elif error.verify_code in _ANOTHERS:
            remedy = "the host presents another's certificate: check realtime.host_name"
        else:
            remedy = "does a proxy or virus scanner look into the traffic? Its authority must be "
            remedy += "trusted here (SSL_CERT_FILE, or ca-certificates)"
        return failed("tls", f"the certificate of {host} is not trusted: {why}", remedy)
    except (ssl.SSLError, OSError, TimeoutError) as error:
        return failed(
            "tls",
            f"{host}:{port} does not speak TLS ({_words(error)})",
            "is this the right port? A service without TLS has an address with ws://",
        )
    return passed("tls", f"{version}, the certificate is trusted")


def _refused(where: Endpoint, error: ServiceError) -> Finding:
    if isinstance(error, HandshakeError):
        remedy = _REMEDIES.get(error.status, "the service is ill or busy: try again later")
        if error.status == 404 and where.dialect == "preview":
            remedy += "; is this api_version still offered? api_version v1 has no date"
        refused = error.status in (401, 403)
        return failed("handshake", str(error), remedy, key_at_fault=refused)
    words = str(error)
    if error.code == NO_ANSWER:
        remedy = "it takes the connection and says nothing: try again later, or check the address"
        return failed("handshake", words, remedy)
    return failed("handshake", words, "check realtime.profile and the address")


async def _turn(client: AzureRealTimeAudio) -> Finding:
    loop = asyncio.get_running_loop()
    first: asyncio.Future[float] = loop.create_future()
    done: asyncio.Future[dict[str, Any]] = loop.create_future()

    def began(_event: dict[str, Any]) -> None:
        if not first.done():
            first.set_result(loop.time())

    def ended(event: dict[str, Any]) -> None:
        if not done.done():
            done.set_result(event.get("response") or {})

    for name in ("response.audio.delta", "response.text.delta"):
        client.on(name, began)
    client.on("response.done", ended)
    started = loop.time()
    content = [{"type": "input_text", "text": "Say: yes."}]
    try:
        client.create_conversation_item({"type": "message", "role": "user", "content": content})
        client.create_response()
        async with asyncio.timeout(_ANSWER_S):
            response = await done
    except (RTAudioError, TimeoutError) as error:
        why = str(error) or f"no answer within {_ANSWER_S:.0f} s"
        return failed("answer", why, "try again; if it stays so, choose another deployment")
    if response.get("status") != "completed":
        details = response.get("status_details") or {}
        fault = (details.get("error") or {}) if isinstance(details, dict) else {}
        words = fault.get("message") or fault.get("code") or response.get("status")
        return failed("answer", f"the service could not answer: {words}", "see its words")
    whole_ms = round((loop.time() - started) * 1000)
    if not first.done():
        return warned("answer", f"without a sound, after {whole_ms} ms", "check realtime.session")
    first_ms = round((first.result() - started) * 1000)
    return passed("answer", f"first sound after {first_ms} ms, all of it after {whole_ms} ms")


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_REACH_S:.0f} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
