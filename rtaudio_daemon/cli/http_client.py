"""The HTTP client of the command line for a running daemon.

It contacts only the daemon's own address: no proxy, no redirect. It imports neither aiohttp nor the
checks of the configuration, so that commands respond at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .. import config
from ..config import yaml_loader
from ..config.defaults import HTTP_HOST, HTTP_PORT
from ..config.secret import EmptySecret, Secret
from ..errors import ConfigError, NotNowError, RTAudioError
from .answer_check import check_answer, parsed

_SYSTEMD = Path("/run/systemd/system")
_SYSTEMD_HINT = " (systemctl status rtaudio-daemon; with --user for a service of yours)"
_TIMEOUT_S = 10.0
_SILENCE_S = 45.0  # the daemon writes at least a heartbeat in this time
_MOST_BYTES = 1 << 24
_MOST_REASON = 8000  # characters: all mistakes of a configuration in one line
_CONNECTIONS = {"http": HTTPConnection, "https": HTTPSConnection}


class DaemonClient:
    """The daemon at `address`, such as http://127.0.0.1:8770. All methods raise RTAudioError.

    `token`: the value of its `http.token`, if any. `hint`: the remedy if that is rejected.
    """

    def __init__(self, address: str, token: str = "", hint: str = "") -> None:
        self._address = address.rstrip("/")
        try:
            url = urlsplit(self._address)
            self._host, self._port = url.hostname or "", url.port
        except ValueError:
            self._host = ""
        if not self._host or url.scheme not in _CONNECTIONS or "@" in url.netloc:
            raise RTAudioError("this is no address of a daemon, as http://127.0.0.1:8770 is one")
        if not token.isascii() or not token.isprintable():
            raise RTAudioError("the token holds characters that no HTTP header can carry")
        self._kind, self._path = _CONNECTIONS[url.scheme], url.path
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._hint = hint

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON at `path`."""
        return self._asked("GET", path)

    def text(self, path: str) -> str:
        """Return the text at `path`."""
        with self._answer("GET", path) as answer:
            return _read(answer, _TIMEOUT_S).decode(errors="replace")

    def post(
        self, path: str, body: dict[str, Any] | None = None, timeout_s: float = _TIMEOUT_S
    ) -> dict[str, Any]:
        """Send `body` to `path`; return the JSON response. Also raises ConfigError."""
        return self._asked("POST", path, json.dumps(body or {}), timeout_s)

    def delete(self, path: str) -> dict[str, Any]:
        """Delete what is at `path`; return the JSON response."""
        return self._asked("DELETE", path, "{}")

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name and data of every event, until the daemon stops."""
        with self._answer("GET", "/api/events", timeout_s=_SILENCE_S) as answer:
            name = "message"
            while raw := answer.readline(_MOST_BYTES):
                line = raw.decode(errors="replace").rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, parsed(line[6:])

    def _asked(
        self, method: str, path: str, body: str | None = None, timeout_s: float = _TIMEOUT_S
    ) -> dict[str, Any]:
        with self._answer(method, path, body, timeout_s) as answer:
            found = parsed(_read(answer, timeout_s))
            check_answer(method, path, found)
            return found

    @contextmanager
    def _answer(
        self, method: str, path: str, body: str | None = None, timeout_s: float = _TIMEOUT_S
    ) -> Iterator[HTTPResponse]:
        connection = self._kind(self._host, self._port, timeout=timeout_s)
        headers = self._headers if body is None else {**self._headers, **_JSON}
        try:
            connection.request(method, self._path + path, body, headers)
            with connection.getresponse() as answer:
                if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
                    self._refused(answer)
                yield answer
        except (OSError, HTTPException) as error:
            hint = _SYSTEMD_HINT if _SYSTEMD.exists() else ""
            why = str(error) or type(error).__name__
            raise RTAudioError(
                f"no daemon answers at {self._address} ({why}); is it running?{hint}"
            ) from error
        except ValueError as error:
            raise RTAudioError(
                f"what answers at {self._address} is no daemon, or one of another version"
            ) from error
        finally:
            connection.close()

    def _refused(self, answer: HTTPResponse) -> None:
        try:
            reason = str(parsed(_read(answer, _TIMEOUT_S))["error"]["message"])[:_MOST_REASON]
        except (ValueError, LookupError, TypeError):
            reason = f"{self._address} answers HTTP {answer.status} {answer.reason}"
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise ConfigError(reason.splitlines())
        if answer.status == HTTPStatus.CONFLICT:
            raise NotNowError(reason)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._hint:
            raise RTAudioError(self._hint)
        raise RTAudioError(reason)


_JSON = {"Content-Type": "application/json"}


def _read(answer: HTTPResponse, timeout_s: float) -> bytes:
    """Read at most `_MOST_BYTES` of the body. Raises TimeoutError if it does not end in time."""
    found, until = bytearray(), time.monotonic() + timeout_s
    while len(found) < _MOST_BYTES and (more := answer.read1(_MOST_BYTES - len(found))):
        found += more
        if time.monotonic() > until:
            raise TimeoutError(f"its answer does not end within {timeout_s:g} s")
    return bytes(found)


def local_daemon(path: str, services: Sequence[Path] = ()) -> DaemonClient:
    """Return the daemon on this machine that uses the configuration file at `path`.

    `services`: configurations of installed services. If there is no file at `path`, the first
    of them applies. If the file has no token, that of a service with the same address is used.
    Raises ConfigError if a section `http` cannot be read.
    """
    if services and not Path(path).exists():
        path = str(services[0])
    host, port, token = _http(path)
    hint = ""
    for service in () if token else services:
        try:
            its_host, its_port, its_token = _http(str(service))
        except ConfigError:
            hint = (
                f"the daemon wants its token: add -c {service}, the configuration of the service "
                "here; if you may not read that, as root (sudo)"
            )
            continue
        if (_reached_at(its_host), its_port) == (_reached_at(host), port):
            token = token or its_token
    return daemon_at(host, port, token, hint)


def _http(path: str) -> tuple[str, int, str]:
    """Return host, port and token of the configuration at `path`. Raises ConfigError."""
    found = _address(path)
    if found is not None:
        return found
    http = config.load(path).http  # the checks report mistakes, and resolve tags
    return http.host, http.port, http.token.reveal()


def daemon_at(host: str, port: int, token: str = "", hint: str = "") -> DaemonClient:
    """Return the daemon on this machine that listens on `host`, an address or a name."""
    host = _reached_at(host)
    named = f"[{host}]" if ":" in host else host
    return DaemonClient(f"http://{named}:{port}", token, hint)


def _reached_at(host: str) -> str:
    host = host.strip("[]")
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _address(path: str) -> tuple[str, int, str] | None:
    """Return host, port and token from the file; None if they are not plain values."""
    source = yaml_loader.read(path)
    if not isinstance(source.value, dict):
        return None
    http = source.value.get("http", {})
    if not isinstance(http, dict) or any(steps[:1] in ((), ("http",)) for steps in source.failed):
        return None
    host, port, token = (
        http.get("host", HTTP_HOST),
        http.get("port", HTTP_PORT),
        http.get("token", ""),
    )
    if type(host) is not str or type(port) is not int or not host or not 0 < port < 1 << 16:
        return None
    if not isinstance(token, str) or isinstance(token, EmptySecret):
        return None
    return host, port, token.reveal() if isinstance(token, Secret) else token
