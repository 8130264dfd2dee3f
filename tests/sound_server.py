"""A sound card made of software: a private PulseAudio with a microphone and a loudspeaker.

What is said into the sink `mic_in` is what its monitor, the microphone, hears; what the sink
`speaker` plays can be recorded from its monitor. Works as root, without systemd and D-Bus.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_PATIENCE_S = 60.0


class SoundServer:
    """Start it with `start()`; end it, and everything it began, with `close()`."""

    programs: tuple[str, ...] = ("pulseaudio", "pactl", "paplay", "parec")
    stalls_when_suspended = True
    refuses_unknown = True
    ducks_by = "module"
    mono_db = 0.0  # how much louder two equal channels are when they are made to one

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._socket = directory / "native"
        self._server: subprocess.Popen[bytes] | None = None
        self._children: list[subprocess.Popen[bytes]] = []
        asound = directory / "asound.conf"
        server = f'server "unix:{self._socket}"'
        asound.write_text(
            "".join(
                f"{name} {{ type pulse {server} {device} }}\n"
                for name, device in (
                    ("pcm.!default", ""),
                    ("ctl.!default", ""),
                    ("pcm.pulse", ""),
                    ("pcm.va_mic", 'device "mic_in.monitor"'),
                    ("pcm.va_speaker", 'device "speaker"'),
                )
            )
        )
        client = directory / "client.conf"
        client.write_text("autospawn = no\nenable-shm = no\n")
        self.environment = {
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_CLIENTCONFIG": str(client),
            "PULSE_COOKIE": str(directory / "cookie"),
            "PULSE_RUNTIME_PATH": str(directory / "run"),
            "PULSE_STATE_PATH": str(directory / "state"),
            "ALSA_CONFIG_PATH": str(asound),
            "JACK_NO_START_SERVER": "1",
        }

    def start(self) -> None:
        """Start the server (again) and wait until it serves."""
        sink = "module-null-sink rate=48000 channels=2 norewinds=1"  # rewinds make it stutter
        self._server = self._spawn(
            "pulseaudio",
            *("-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"),
            "--disable-shm=yes",
            f"--load=module-native-protocol-unix auth-anonymous=1 socket={self._socket}",
            f"--load={sink} sink_name=mic_in",
            f"--load={sink} sink_name=speaker",
        )
        eventually(lambda: self._pactl("set-default-sink", "speaker", check=False) == 0)
        eventually(lambda: self._pactl("set-default-source", "mic_in.monitor", check=False) == 0)

    def kill(self) -> None:
        """The server dies without a word."""
        if self._server is not None:
            _end(self._server)
            self._server = None
            self._socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """The server hangs: it keeps all connections and does nothing."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """The server goes on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End everything that was started here."""
        for child in self._children:
            _end(child)
        self.kill()

    def say(self, wav: Path, sink: str = "mic_in") -> subprocess.Popen[bytes]:
        """Play a WAV file into the microphone; returns at once."""
        return self._spawn("paplay", f"--device={sink}", str(wav))

    def record(
        self, path: Path, source: str = "speaker.monitor", *, channels: int = 1
    ) -> Recording:
        """Begin to record what the loudspeaker plays (24 kHz, one is left) into a raw file."""
        recorder = self._spawn(
            "parec",
            *(f"--device={source}", "--format=s16le", "--rate=24000", f"--channels={channels}"),
            # The left one as it is: of two made to one PipeWire amplifies the sum.
            *(["--channel-map=front-left"] if channels == 1 else []),
            *("--latency-msec=20", "--raw", str(path)),
        )
        recording = Recording(path, recorder)
        eventually(lambda: len(recording.so_far()) > 0)
        return recording

    def echo(self, delay_ms: int = 80, gain: float = 0.3) -> None:
        """From now on the microphone hears the loudspeaker too."""
        self._pactl(
            *("load-module", "module-loopback", "source=speaker.monitor", "sink=mic_in"),
            *(f"latency_msec={delay_ms}", "adjust_time=0"),
            *("source_dont_move=true", "sink_dont_move=true"),
        )
        inputs = self.ask("list", "short", "sink-inputs").split()
        self._pactl("set-sink-input-volume", inputs[0], f"{gain}")

    def end_echo(self) -> None:
        """The microphone does not hear the loudspeaker any more."""
        self.ask("unload-module", "module-loopback")

    def cancel_echo(self) -> None:
        """From now on the default devices are those of the sound server's own canceller."""
        gains = "analog_gain_control=0 digital_gain_control=0 noise_suppression=0"
        self._pactl(
            *("load-module", "module-echo-cancel", "aec_method=webrtc", "use_master_format=1"),
            *("source_name=ec_mic", "source_master=mic_in.monitor"),
            *("sink_name=ec_spk", "sink_master=speaker", f'aec_args="{gains}"'),
        )
        self._pactl("set-default-sink", "ec_spk")
        self._pactl("set-default-source", "ec_mic")

    def remove_microphone(self) -> None:
        """Take the microphone away; the loudspeaker stays."""
        for line in self.ask("list", "short", "modules").splitlines():
            if "sink_name=mic_in" in line:
                self.ask("unload-module", line.split()[0])

    def add_microphone(self) -> None:
        """Bring it back."""
        self._pactl(*self._sink("mic_in"))
        self.ask("set-default-source", "mic_in.monitor")

    def buffer_ms(self) -> float:
        """The largest buffer of what plays; 0 if nothing does."""
        found = re.findall(r"Buffer Latency: (\d+) usec", self.ask("list", "sink-inputs"))
        return max((float(each) / 1000 for each in found), default=0.0)

    @staticmethod
    def _sink(name: str) -> tuple[str, ...]:
        shape = ("rate=48000", "channels=2", "norewinds=1")  # rewinds make it stutter
        return ("load-module", "module-null-sink", *shape, f"sink_name={name}")

    def ask(self, *arguments: str) -> str:
        """The answer of pactl."""
        return subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
        ).stdout

    def _pactl(self, *arguments: str, check: bool = True) -> int:
        return subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            timeout=_PATIENCE_S,
            check=check,
        ).returncode

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._children.append(child)
        return child


class PipeWireServer(SoundServer):
    """The same made of PipeWire, which speaks PulseAudio's protocol too."""

    stalls_when_suspended = False  # who uses a node wakes it
    refuses_unknown = False  # who asks for a source of another name gets the default one
    ducks_by = "volumes"
    mono_db = 3.0

    programs = (
        "dbus-daemon",
        "pipewire",
        "wireplumber",
        "pipewire-pulse",
        *SoundServer.programs[1:],
    )

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        bus = f"unix:path={directory / 'bus'}"
        self.environment |= {
            "XDG_RUNTIME_DIR": str(directory),
            "PULSE_RUNTIME_PATH": str(directory),
            "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_STATE_HOME": str(directory / "state"),
            "DBUS_SESSION_BUS_ADDRESS": bus,
        }
        self._bus = ("dbus-daemon", "--session", "--nofork", f"--address={bus}")
        self._servers: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the server (again) and wait until it serves."""
        self._servers = [self._spawn(*self._bus)]  # wireplumber ends where there is none
        eventually(lambda: (self._directory / "bus").exists())
        self._servers.append(self._spawn("pipewire"))
        eventually(lambda: (self._directory / "pipewire-0").exists())
        self._servers += [self._spawn("wireplumber"), self._spawn("pipewire-pulse")]
        eventually(lambda: self._pactl("info", check=False) == 0)
        for name in ("mic_in", "speaker"):
            self._pactl(*self._sink(name))
        eventually(lambda: self._pactl("set-default-sink", "speaker", check=False) == 0)
        eventually(lambda: self._pactl("set-default-source", "mic_in.monitor", check=False) == 0)
        eventually(lambda: self.ask("get-default-source").strip() == "mic_in.monitor")

    def kill(self) -> None:
        """The server dies without a word."""
        for server in reversed(self._servers):
            _end(server)
        self._servers = []
        for name in ("bus", "pipewire-0", "native"):
            (self._directory / name).unlink(missing_ok=True)

    def buffer_ms(self) -> float:
        """The largest buffer (of 24 kHz, mono) that is asked for; 0 if nothing plays."""
        found = re.findall(r'pulse.attr.tlength = "(\d+)"', self.ask("list", "sink-inputs"))
        return max((float(each) / 48 for each in found), default=0.0)

    def freeze(self) -> None:
        """The server hangs: it keeps all connections and does nothing."""
        for server in self._servers:
            server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """The server goes on."""
        for server in self._servers:
            server.send_signal(signal.SIGCONT)


class Recording:
    """What a loudspeaker plays, as pcm."""

    def __init__(self, path: Path, recorder: subprocess.Popen[bytes]) -> None:
        self._path = path
        self._recorder = recorder

    def so_far(self) -> bytes:
        """The sound up to some 50 ms ago."""
        return self._path.read_bytes() if self._path.exists() else b""

    def stop(self) -> bytes:
        """End the recording and return all of it."""
        self._recorder.send_signal(signal.SIGINT)
        self._recorder.wait(_PATIENCE_S)
        return self.so_far()


def eventually(condition: Callable[[], bool], patience_s: float = _PATIENCE_S) -> None:
    """Wait until `condition` holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not come true in {patience_s} s"
        time.sleep(0.01)


@contextlib.contextmanager
def running_sound_server() -> Iterator[SoundServer]:
    """A started sound server whose environment is this process's environment meanwhile.

    PulseAudio, or PipeWire with SOUND_SERVER=pipewire.
    """
    kind = PipeWireServer if os.environ.get("SOUND_SERVER") == "pipewire" else SoundServer
    missing = [program for program in kind.programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian has packages of these names)")
    with (
        tempfile.TemporaryDirectory(prefix="sound") as directory,
        pytest.MonkeyPatch.context() as patch,
    ):
        server = kind(Path(directory))
        for name, value in server.environment.items():
            patch.setenv(name, value)
        try:
            server.start()
            yield server
        finally:
            server.close()


@pytest.fixture
def sound_server() -> Iterator[SoundServer]:
    """A sound card of software, for this test alone."""
    with running_sound_server() as server:
        yield server


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait(_PATIENCE_S)
