"""Commands talk to the daemon's own address, and to nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.cli.http_client import DaemonClient, local_daemon
from rtaudio_daemon.cli.main import main
from rtaudio_daemon.cli.remote_commands import say
from rtaudio_daemon.errors import ConfigError, RTAudioError

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parent.parent.parent
TOKEN = "sesame-" * 6
STATE = {"status": "idle", "muted": True, "volume": 1, "connection": {"state": "open"}}
HEAVY = {"aiohttp", "asyncio", "numpy", "pyaudio", "soxr", "voluptuous"}


class Server(ThreadingHTTPServer):
    """Answers every request alike, and notes it with its bearer token."""

    def __init__(self, status: int = 200, body: str = json.dumps(STATE), **headers: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = status, body.encode(), headers
        self.asked: list[tuple[str, str | None]] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.rfile.read(int(self.headers["Content-Length"] or 0))  # what is left resets the answer
        status, body, headers = self.server.answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Put a server in, and it runs until the end of the test."""
    started: list[Server] = []
    yield started
    for each in started:
        each.shutdown()
        each.server_close()


def run(servers: list[Server], server: Server) -> Server:
    servers.append(server)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.mark.parametrize("command", ["mute", "status", "health", "reload"])
def test_no_command_asks_a_proxy(command: str, servers: list[Server], tmp_path: Path) -> None:
    body = json.dumps({**STATE, "changed": [], "warnings": []})
    daemon, proxy = run(servers, Server(body=body)), run(servers, Server(body=body))
    path = tmp_path / "config.yaml"
    path.write_text(f"http: {{port: {daemon.server_port}, token: {TOKEN}}}\n")
    names = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy")
    proxies = dict.fromkeys(names, proxy.address)
    done = subprocess.run(
        [sys.executable, "daemon.py", command, "-c", str(path)],
        cwd=ROOT,
        env={**os.environ, **proxies, "no_proxy": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [each[1] for each in daemon.asked] == [f"Bearer {TOKEN}"]
    assert proxy.asked == []


def test_a_redirect_is_not_followed(servers: list[Server]) -> None:
    other = run(servers, Server())
    daemon = run(servers, Server(302, "", Location=f"{other.address}/api/status"))
    with pytest.raises(RTAudioError, match=f"{daemon.address} answers HTTP 302"):
        DaemonClient(daemon.address, TOKEN).get("/api/status")
    assert (len(daemon.asked), other.asked) == (1, [])


def test_the_doctor_finds_the_running_daemon_past_a_proxy(
    servers: list[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rtaudio_daemon import config
    from rtaudio_daemon.cli.doctor.machine import _port

    daemon, proxy = run(servers, Server(body='{"ok": true}')), run(servers, Server(502, ""))
    monkeypatch.setenv("http_proxy", proxy.address)
    finding = _port(config.Http(port=daemon.server_port))
    assert "the daemon is running" in finding.what
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (Server(401, '{"error": {"code": "x", "message": "show the token"}}'), "show the token"),
        (Server(200, "<html>"), "is no daemon"),
        (Server(200, "[]"), "is no daemon"),
        (Server(200, "[" * 100_000), "is no daemon"),
        (Server(502, "<html>"), "HTTP 502"),
    ],
)
def test_what_is_no_answer_of_a_daemon_is_a_sentence(
    server: Server, words: str, servers: list[Server]
) -> None:
    run(servers, server)
    with pytest.raises(RTAudioError, match=words):
        DaemonClient(server.address).post("/api/mute")


ODD = [
    "{",
    '{"status": "idle"',
    "null",
    '{"volume": 1' + "0" * 400 + "}",
    '{"volume": 1e999}',
    '{"volume": NaN}',
    '{"volume": "loud"}',
    '{"volume": true}',
    '{"status": 5}',
    '{"microphone": []}',
    '{"speaker": {"reason": {}}}',
    '{"connection": {"last_error": 7}}',
    '{"usage": {"cost_today": "much"}}',
    '{"timers": {}}',
    '{"timers": [1]}',
    '{"persona": {"names": [1]}}',
    '{"new": ' + "[" * 70 + "]" * 70 + "}",
    '{"new": ' + "[" * 50_000 + "]" * 50_000 + "}",
    '{"new": "' + "x" * (1 << 24) + '"}',
]


@pytest.mark.parametrize("body", ODD, ids=lambda body: f"{body[:30]} {len(body)}")
def test_an_odd_answer_is_no_answer_of_a_daemon(
    body: str, servers: list[Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server = run(servers, Server(body=body))
    for command in ("status", "mute"):
        assert main([command, "--url", server.address]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            f"error: what answers at {server.address} is no daemon, or one of another version\n"
        )


def test_an_answer_that_never_ends_is_waited_for_in_vain(servers: list[Server]) -> None:
    end = threading.Event()

    class Endless(Server):
        def finish_request(self, request: Any, client_address: Any) -> None:
            request.recv(4096)
            request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not end.wait(0.02):
                request.sendall(b" ")

    server = run(servers, Endless())
    with pytest.raises(RTAudioError, match=r"does not end within 0\.1 s"):
        DaemonClient(server.address).post("/api/mute", timeout_s=0.1)
    end.set()


def test_odd_parameters_of_a_tool_are_no_answer_of_a_daemon(servers: list[Server]) -> None:
    odd: list[Any] = [{"required": 1}, {"required": [1]}, {"properties": []}, []]
    for parameters in odd:
        body = json.dumps({"list": [{"parameters": parameters}], "sources": []})
        server = run(servers, Server(body=body))
        with pytest.raises(RTAudioError, match="is no daemon"):
            DaemonClient(server.address).get("/api/tools")


def test_a_daemon_of_another_version_may_say_more_and_less(
    servers: list[Server], capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"status": "idle", "volume": 0.5, "new": {"x": [1]}, "microphone": {"state": "new"}}
    server = run(servers, Server(body=json.dumps(body)))
    assert main(["status", "--url", server.address]) == 0
    assert "volume       50 %" in capsys.readouterr().out
    assert main(["persona", "--url", server.address]) == 1
    assert "the answer has no 'persona'" in capsys.readouterr().err


@pytest.mark.parametrize("data", ["[", "[]", "7", "[" * 50_000])
def test_an_event_that_is_none_ends_the_watch_with_a_sentence(
    data: str, servers: list[Server], capsys: pytest.CaptureFixture[str]
) -> None:
    server = run(servers, Server(body=f"event: x\ndata: {data}\n\n"))
    assert main(["status", "--watch", "--url", server.address]) == 1
    assert "is no daemon" in capsys.readouterr().err


def test_a_refused_configuration_is_a_configuration_error(servers: list[Server]) -> None:
    body = '{"error": {"code": "x", "message": "a.yaml:1: one\\na.yaml:2: two"}}'
    server = run(servers, Server(422, body))
    with pytest.raises(ConfigError) as caught:
        DaemonClient(server.address).post("/api/reload")
    assert caught.value.problems == ("a.yaml:1: one", "a.yaml:2: two")


@pytest.mark.parametrize(
    "address", ["ftp://h", "http://", "http://h:x", "http://[::1", "http://u:p@h"]
)
def test_an_address_that_is_none_is_a_sentence(address: str) -> None:
    with pytest.raises(RTAudioError, match="no address of a daemon"):
        DaemonClient(address)


@pytest.mark.parametrize("token", ["ä", "a\nb", "a\r\nX: y"])
def test_a_token_that_no_header_carries_is_a_sentence(token: str) -> None:
    with pytest.raises(RTAudioError, match="the token holds"):
        DaemonClient("http://127.0.0.1", token)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", "http://127.0.0.1:8770"),
        ("http:", "http://127.0.0.1:8770"),
        ("http: {host: 0.0.0.0, port: 1, token: '" + TOKEN + "'}", "http://127.0.0.1:1"),
        ("http: {host: '[::]', port: 2, token: '" + TOKEN + "'}", "http://[::1]:2"),
        ("http: {port: '3'}", "http://127.0.0.1:3"),
        ("http: {port: !env_var PORT_HERE 4}", "http://127.0.0.1:4"),
        ("realtime: {profil: azure}\nhttp: {port: 5}", "http://127.0.0.1:5"),
    ],
)
def test_the_address_is_that_of_the_file(text: str, address: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert local_daemon(str(path))._address == address


def service_with(folder: Path, text: str) -> Path:
    folder.mkdir()
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_the_token_of_a_service_at_the_same_address_is_found(
    servers: list[Server], tmp_path: Path
) -> None:
    daemon = run(servers, Server())
    own = tmp_path / "config.yaml"
    own.write_text(f"http: {{port: {daemon.server_port}}}")
    other = service_with(tmp_path / "a", f"http: {{port: 1, token: {'other-' * 6}}}")
    broken = service_with(tmp_path / "b", "http: {token: !secret none}")
    http = f"host: 0.0.0.0, port: {daemon.server_port}, token: {TOKEN}"
    service = service_with(tmp_path / "c", f"http: {{{http}}}")
    for path in (own, tmp_path / "none.yaml"):
        services = [each for each in (service, other, broken) if path == own or each == service]
        local_daemon(str(path), services).get("/api/status")
        assert daemon.asked.pop() == ("/api/status", f"Bearer {TOKEN}")
    own.write_text(f"http: {{port: {daemon.server_port}, token: {'mine-' * 8}}}")
    local_daemon(str(own), [service]).get("/api/status")
    assert daemon.asked.pop() == ("/api/status", f"Bearer {'mine-' * 8}")


def test_a_token_that_others_may_read_is_named_with_its_file(
    servers: list[Server], tmp_path: Path
) -> None:
    refused = json.dumps({"error": {"code": "unauthorized", "message": "send the token"}})
    daemon = run(servers, Server(401, refused))
    own = tmp_path / "config.yaml"
    own.write_text(f"http: {{port: {daemon.server_port}}}")
    service = service_with(tmp_path / "a", "http: {token: !secret only_for_root}")
    with pytest.raises(RTAudioError, match=f"add -c {service}"):
        local_daemon(str(own), [service]).get("/api/status")
    with pytest.raises(RTAudioError, match="send the token"):
        local_daemon(str(own)).get("/api/status")


@pytest.mark.parametrize(
    "text",
    [
        "http: {port: loud}",
        "http: [1]",
        "http: {token: !secret none}",
        "http: {token: !Abc}",
        "[",
        "1",
    ],
)
def test_a_section_that_is_wrong_is_a_configuration_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        local_daemon(str(path))


@pytest.mark.parametrize(
    "command", ["status", "health", "say x", "volume 1", "reload", "interrupt", "mute", "unmute"]
)
def test_a_command_for_a_running_daemon_loads_little(command: str, tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text(f"token: {TOKEN}\n")
    path = tmp_path / "config.yaml"
    path.write_text("http: {port: 9, token: !secret token}\n")
    program = (
        "import sys; sys.argv[1:] = sys.argv[1].split() + ['-c', sys.argv[2]]\n"
        "from rtaudio_daemon.__main__ import main\n"
        "assert main() == 1\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, command, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "no daemon answers at http://127.0.0.1:9" in done.stderr
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("said", "status", "printed"),
    [
        (
            {"outcome": "said", "heard_ms": 2300, "audible": "yes"},
            0,
            "said, 2.3 s of it were played, and the microphone heard it\n",
        ),
        (
            {"outcome": "said", "heard_ms": 2300, "audible": "no"},
            0,
            "said, 2.3 s of it were played, but the microphone heard nothing of it: is the "
            "loudspeaker on?\n",
        ),
        (
            {"outcome": "not_played", "heard_ms": 0, "audible": "unknown"},
            1,
            "not played, 0.0 s of it were played\n",
        ),
        ({"id": "a"}, 1, "not said yet, 0.0 s of it were played\n"),
    ],
)
def test_who_waits_for_a_text_reads_what_became_of_it(
    said: dict[str, Any],
    status: int,
    printed: str,
    servers: list[Server],
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = run(servers, Server(body=json.dumps({**STATE, "said": said})))
    flags = {"prompt": False, "urgent": False, "chime": False, "wait": True, "json": False}
    asked = Namespace(text=["x"], url=server.address, config=None, **flags)
    assert say(asked) == status
    assert capsys.readouterr().out == printed
