"""Talks to a running daemon over HTTP, for the command line."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from .. import config
from ..errors import ConfigError, RTAudioError

_SYSTEMD = Path("/run/systemd/system")
_TIMEOUT_S = 10.0
_SILENCE_S = 45.0  # the daemon writes at least a heartbeat in this time


class DaemonClient:
    """The daemon at `address`, as in http://127.0.0.1:8770. Raises RTAudioError.

    `token`: what its `http.token` says, if it has one.
    """

    def __init__(self, address: str, token: str = "") -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> dict[str, Any]:
        """The JSON at `path`."""
        request = urllib.request.Request(self._address + path, headers=self._headers)
        with self._open(request, _TIMEOUT_S) as answer:
            return dict(json.load(answer))

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send `body` to `path`; the JSON that comes back."""
        request = urllib.request.Request(
            self._address + path,
            data=json.dumps(body or {}).encode(),
            headers={**self._headers, "Content-Type": "application/json"},
            method="POST",
        )
        with self._open(request, _TIMEOUT_S) as answer:
            return dict(json.load(answer))

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every event's name and data, until the daemon goes down."""
        request = urllib.request.Request(self._address + "/api/events", headers=self._headers)
        with self._open(request, _SILENCE_S) as answer:
            name = "message"
            for raw in answer:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])

    def _open(self, request: urllib.request.Request, timeout_s: float) -> Any:
        try:
            return urllib.request.urlopen(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            reason = _reason(error)
            if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:
                raise ConfigError(reason.splitlines()) from error
            raise RTAudioError(reason) from error
        except OSError as error:
            hint = " (systemctl status rtaudio-daemon)" if _SYSTEMD.exists() else ""
            raise RTAudioError(
                f"no daemon answers at {self._address} ({getattr(error, 'reason', error)}); "
                f"is it running?{hint}"
            ) from error


def local_daemon(http: config.Http) -> DaemonClient:
    """The daemon that runs on this machine with these settings."""
    host = http.host.strip("[]")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    named = f"[{host}]" if ":" in host else host
    return DaemonClient(f"http://{named}:{http.port}", http.token.reveal())


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code} {error.reason}"
