"""Builds images from a stand-in for Debian's, and runs containers of them.

Needs root, and the Debian packages buildah, podman, catatonit, runc and mmdebstrap. No image
registry is asked: the stand-in is made of the packages of Debian's own image, once, and kept with
the layers.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import find, samples
from tests.sound_server import Recording

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("RTAUDIO_IMAGES", "/var/cache/rtaudio-images"))
BASE = "docker.io/library/debian:trixie-slim"
STORAGE = f"""\
[storage]
driver = "overlay"
graphroot = "{CACHE}/layers"
runroot = "/run/rtaudio-images"
"""
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
"""Podman's own are higher than a container in a container may set."""

# Without systemd podman starts no health check by itself, and says so; they are run by hand here.


def run(*command: str | Path, timeout_s: float = 120.0, check: bool = True) -> str:
    """Run a command to its end; returns what it printed, and raises when it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, "CONTAINERS_STORAGE_CONF": str(CACHE / "storage.conf")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0 or not check, f"{command}: {done.returncode}\n{printed[-4000:]}"
    return printed.strip()


def podman(*arguments: str | Path, timeout_s: float = 120.0, check: bool = True) -> str:
    """Run podman; returns what it printed."""
    return run("podman", "--runtime", "runc", *arguments, timeout_s=timeout_s, check=check)


def prepare() -> None:
    """Make the stand-in for Debian's image, where it is not there yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "storage.conf").write_text(STORAGE)
    (CACHE / "pip.conf").write_text("[global]\ncert = /authorities.crt\n")
    base = CACHE / "base.tar"
    if not base.exists():
        new = base.with_suffix(".new.tar")
        run("mmdebstrap", "-q", "--variant=minbase", "trixie", new, timeout_s=900)
        new.rename(base)
    if not podman("images", "-q", BASE):
        podman("import", base, BASE, timeout_s=300)


def build(folder: Path, file: Path, name: str) -> None:
    """Build an image of `file`; unchanged steps are not done again."""
    mounts = (
        f"{AUTHORITIES}:/authorities.crt:ro",
        f"{CACHE}/pip.conf:/etc/pip.conf:ro",
        "/etc/resolv.conf:/etc/resolv.conf:ro",
    )
    run(
        *("buildah", "build", "--pull-never", "--isolation", "chroot", "--format", "docker"),
        *("--layers", "--network", "host", "-f", file, "-t", name),
        *(word for mount in mounts for word in ("-v", mount)),
        folder,
        timeout_s=1500,
    )


class Container:
    """A container that runs; as `with running(…)` makes it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def hear(self, needle: bytes, recording: Recording, timeout_s: float = 60.0) -> float:
        """Wait until the recording holds the sound; returns how alike it is (0 to 1)."""
        deadline = time.monotonic() + timeout_s
        while True:
            likeness = find(samples(needle), samples(recording.so_far()))[1]
            if likeness > 0.8:
                return likeness
            assert time.monotonic() < deadline, f"likeness {likeness:.3f}: {self.log()}"
            time.sleep(0.5)

    def ask(self, *command: str) -> str:
        """What a command of the daemon prints in it."""
        return podman("exec", self.name, ".venv/bin/python", "daemon.py", *command)

    def until(self, *command: str, said: str, timeout_s: float = 60.0) -> str:
        """Ask until the answer holds `said`; returns it."""
        program = (".venv/bin/python", "daemon.py", *command)
        deadline = time.monotonic() + timeout_s
        while said not in (printed := podman("exec", self.name, *program, check=False)):
            assert time.monotonic() < deadline, f"never {said!r}: {printed}\n{self.log()}"
            time.sleep(0.3)
        return printed

    def until_logged(self, words: str, timeout_s: float = 60.0) -> None:
        """Wait until it has printed the words."""
        deadline = time.monotonic() + timeout_s
        while words not in self.log():
            assert time.monotonic() < deadline, f"never {words!r}: {self.log()}"
            time.sleep(0.3)

    def log(self) -> str:
        """What it has printed."""
        return podman("logs", self.name, check=False)

    def stop(self) -> tuple[int, float]:
        """SIGTERM, and SIGKILL after 10 s; returns the exit status, and how long it took (s)."""
        started = time.monotonic()
        podman("stop", "--time", "10", self.name)
        took = time.monotonic() - started
        return int(podman("inspect", "-f", "{{.State.ExitCode}}", self.name)), took


@contextmanager
def running(image: str, *options: str | Path) -> Iterator[Container]:
    """A container in the background, removed at the end."""
    name = f"rtaudio-test-{time.monotonic_ns()}"
    podman("run", "-d", "--name", name, *LIMITS, *options, image)
    try:
        yield Container(name)
    finally:
        podman("rm", "--force", "--time", "2", name)
