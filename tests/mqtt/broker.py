"""A real broker, mosquitto of Debian, at a port of its own, and somebody who listens to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import aiomqtt

from rtaudio_daemon.simulator.server.tls import server_context
from tests.ports import free_port

PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
USER, PASSWORD = "voice", "a long password of a person"


class Broker:
    """`password`: only `USER` may use it; `tls`: with a certificate that `ca` has signed.

    What is retained is lost when it ends. Blocking.
    """

    def __init__(self, folder: Path, *, password: bool = False, tls: bool = False) -> None:
        self.port = free_port()
        self.ca = ""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"listener {self.port} 127.0.0.1",
            "user root",
            "persistence false",
            f"allow_anonymous {'false' if password else 'true'}",
        ]
        if password:
            file = folder / "passwords"
            command = ["mosquitto_passwd", "-b", "-c", str(file), USER, PASSWORD]
            subprocess.run(command, check=True, capture_output=True)
            lines.append(f"password_file {file}")
        if tls:
            _, certificate = server_context(folder, "127.0.0.1")
            self.ca = str(certificate)
            lines += [f"certfile {certificate}", f"keyfile {certificate.with_suffix('.key')}"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, at the port that it had before; returns when it listens."""
        assert PROGRAM, "mosquitto is not installed; script/setup --dev does that"
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-c", str(self._folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        while self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
        raise AssertionError((self._folder / "mosquitto.log").read_text())

    def kill(self) -> None:
        """End it without a word."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it hang."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)


class Listener:
    """Somebody at the broker: `heard` is all that was published, in its order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.heard: list[tuple[str, str]] = []

    async def run(self) -> None:
        """Hear, until the broker is gone."""
        with contextlib.suppress(aiomqtt.MqttError):
            async for each in self._client.messages:
                payload = bytes(each.payload or b"").decode(errors="replace")
                self.heard.append((each.topic.value, payload))

    def at(self, topic: str) -> list[str]:
        """What was published there."""
        return [payload for where, payload in self.heard if where == topic]

    async def send(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish, and wait until the broker has it."""
        await self._client.publish(topic, payload, qos=1, retain=retain)


@asynccontextmanager
async def listener(broker: Broker) -> AsyncIterator[Listener]:
    """Somebody who hears everything, also what is retained."""
    user, password = (USER, PASSWORD) if (broker._folder / "passwords").exists() else (None, None)
    tls = aiomqtt.TLSParameters(broker.ca) if broker.ca else None
    async with aiomqtt.Client(
        "127.0.0.1", broker.port, username=user, password=password, tls_params=tls
    ) as client:
        found = Listener(client)
        await client.subscribe("#")
        running = asyncio.create_task(found.run())
        yield found
        running.cancel()
        await asyncio.wait([running])
