"""A whole Debian with a real systemd, in a container, to install the daemon in.

Needs root, and the Debian packages mmdebstrap and systemd-container. The first time, the trees are
made (from Debian's and Python's package servers) and kept; later nothing is fetched. A machine has
no network but its own loopback.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
TREES = Path(os.environ.get("RTAUDIO_TREES", "/var/cache/rtaudio-trees"))
POLKIT = {"bookworm": "policykit-1", "trixie": "polkitd"}
PACKAGES = (
    "systemd systemd-sysv dbus dbus-user-session libpam-systemd procps ca-certificates "
    "python3 python3-venv python3-dev gcc portaudio19-dev libportaudio2 libasound2-plugins "
    "alsa-utils pipewire pipewire-pulse pipewire-alsa wireplumber pulseaudio-utils"
)
LOCKS = ("build.lock", "requirements.lock")
EXTRAS = ("mcp>=2.3,<3",)
"""Optional packages that can be installed in a machine."""
BOOT_S = 60.0


def tree(suite: str) -> Path:
    """A Debian with all that the daemon needs, wheels included."""
    path = TREES / suite
    if not (path / "etc/debian_version").exists():
        TREES.mkdir(parents=True, exist_ok=True)
        include = ",".join([*PACKAGES.split(), POLKIT[suite]])
        mirror = "http://deb.debian.org/debian"
        run("mmdebstrap", "--variant=minbase", f"--include={include}", suite, str(path), mirror)
    wanted = "".join((*((ROOT / name).read_text() for name in LOCKS), *EXTRAS))
    stamp = path / "wheels/wanted"
    if not stamp.exists() or stamp.read_text() != wanted:
        _make_wheels(path, wanted)
    return path


def _make_wheels(path: Path, wanted: str) -> None:
    shutil.copy("/etc/resolv.conf", path / "etc/resolv.conf")
    (path / "etc/pip.conf").unlink(missing_ok=True)
    (path / "wheels").mkdir(exist_ok=True)
    for name in LOCKS:
        shutil.copy(ROOT / name, path / name)
    authorities = "/etc/ssl/certs/ca-certificates.crt"
    shutil.copy(authorities, path / "etc/ssl/certs/authorities.crt")
    build = (
        "python3 -m venv /tmp/v && export PIP_CERT=/etc/ssl/certs/authorities.crt && "
        "/tmp/v/bin/pip install -q --require-hashes -r /build.lock && "
        "/tmp/v/bin/pip download -q --require-hashes --no-build-isolation -d /wheels "
        "-r /build.lock -r /requirements.lock && "
        f"/tmp/v/bin/pip download -q -d /wheels {shlex.join(EXTRAS)} && rm -rf /tmp/v"
    )
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    subprocess.run(["chroot", str(path), "sh", "-c", build], check=True, env=environment)
    (path / "etc/pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    (path / "wheels/wanted").write_text(wanted)


def run(*command: str, timeout_s: float = 600.0) -> str:
    """Run a command to its end; returns what it printed, and raises when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Machine:
    """A booted machine; what happens in it is forgotten. Use with ``with``.

    The project is at /src, read-only.
    """

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self._folder = Path(tempfile.mkdtemp(prefix=f"rtaudio-{suite}-"))
        self._root = self._folder / "root"
        self._leader = 0
        self._nspawn: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        for name in ("root", "upper", "work"):
            (self._folder / name).mkdir()
        layers = f"lowerdir={tree(self.suite)},upperdir={self._folder}/upper,"
        layers += f"workdir={self._folder}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self._root))
        try:
            self._boot()
        except BaseException:
            self._halt()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            print(self.text("journalctl --no-pager -n 60"))
        self._halt()

    def sh(self, script: str, *, timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root in the machine."""
        return subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", "/bin/bash", "-c", script],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            start_new_session=True,  # a signal to a whole group must not reach the tests
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"},
        )

    def text(self, script: str, *, timeout_s: float = 300.0) -> str:
        """What a script prints, whatever its exit status."""
        done = self.sh(script, timeout_s=timeout_s)
        return (done.stdout + done.stderr).strip()

    def ok(self, script: str, *, timeout_s: float = 300.0) -> str:
        """What a script prints; fails the test when the script fails."""
        done = self.sh(script, timeout_s=timeout_s)
        assert done.returncode == 0, f"{script}\n-> {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def user(self, name: str, script: str, *, timeout_s: float = 300.0) -> str:
        """Like `ok`, as a user with a session bus."""
        return self.ok(self.as_user(name, script), timeout_s=timeout_s)

    def until(self, script: str, *, timeout_s: float = 60.0) -> str:
        """Run a script until it succeeds; returns what it printed."""
        deadline = time.monotonic() + timeout_s
        while True:
            done = self.sh(script)
            if done.returncode == 0:
                return done.stdout.strip()
            if time.monotonic() > deadline:
                status = self.text("journalctl --no-pager -n 40")
                raise AssertionError(f"never: {script}\n{done.stdout}{done.stderr}\n{status}")
            time.sleep(0.2)

    def write(self, path: str, content: str) -> None:
        """Write a file in the machine."""
        place = self._root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)

    def put(self, source: Path, path: str) -> None:
        """Copy a file into the machine, for everybody to read."""
        place = self._root / path.lstrip("/")
        shutil.copy(source, place)
        place.chmod(0o644)

    def take(self, path: str) -> Path:
        """A file of the machine, to be read."""
        return self._root / path.lstrip("/")

    def until_user(self, name: str, script: str, *, timeout_s: float = 60.0) -> str:
        """Like `until`, as a user with a session bus."""
        return self.until(self.as_user(name, script), timeout_s=timeout_s)

    def as_user(self, name: str, script: str) -> str:
        """The script that runs `script` as a user with a session bus."""
        uid = self.ok(f"id -u {name}")
        runtime = f"/run/user/{uid}"
        environment = f"HOME=/home/{name} XDG_RUNTIME_DIR={runtime} "
        environment += f"DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus"
        quoted = shlex.quote(script)
        return f"cd /home/{name}; runuser -u {name} -- env {environment} bash -c {quoted}"

    def _boot(self) -> None:
        self._nspawn = subprocess.Popen(
            [
                "systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                f"--machine=rtaudio-{self.suite}", "-D", str(self._root), "--boot",
                "--console=pipe", "--private-network", f"--bind-ro={ROOT}:/src",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )  # fmt: skip
        deadline = time.monotonic() + BOOT_S
        while time.monotonic() < deadline:
            assert self._nspawn.poll() is None, "systemd-nspawn ended"
            if not self._leader:
                self._leader = self._child()
            elif self.text("systemctl is-system-running") in ("running", "degraded"):
                return
            time.sleep(0.1)
        raise AssertionError("the machine did not boot")

    def _child(self) -> int:
        path = f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children"
        children = Path(path).read_text().split()
        for child in children:
            if Path(f"/proc/{child}/comm").read_text().strip() in ("systemd", "init"):
                return int(child)
        return 0

    def _halt(self) -> None:
        if hasattr(self, "_nspawn"):
            if self._leader:
                os.kill(self._leader, signal.SIGRTMIN + 4)  # power off
            try:
                self._nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        run("umount", str(self._root))
        shutil.rmtree(self._folder)
