"""What talking costs: CPU (of one core) and memory of the daemon and its audio processes.

    python -m bench.sound cost [--seconds S] [--rounds N] [--only NAME] [--python FILE]

The service runs in another process. Measured while it is quiet, while somebody speaks without a
pause, while an answer is heard, and while one is heard whose echo comes back to the microphone
(80 ms, 0.3). In each round bare PyAudio, which only hears and plays silence in blocks of 20 ms, is
measured beside each of them: `times` is the mean of one divided by the mean of the other. The last
rows have everything on that costs memory: canceller and wake word; the last of all is quiet after
eight more answers. All processes of the daemon count, `pactl` too.

PSS is less where other programs run the same Python. `--python` lets one run the daemon that
nobody else runs, as that of a copy of the virtual environment.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.harness import Samples, write_wav
from tests.sound_server import SoundServer, running_sound_server

ROOT = Path(__file__).resolve().parent.parent
RATE = 24_000
VARIANTS = {
    "half_duplex": "echo: half_duplex, listen: open",
    "cancel": "echo: cancel, listen: open",
    "wake_word": "echo: half_duplex, listen: wake_word",
    "everything": "echo: cancel, listen: wake_word",
}
_QUIET_S = 13  # after ten seconds of quiet the devices use long frames
_BURST_S = 4  # after a request; the service sends much at once in the first of them
_BARE = """
import pyaudio, time
audio = pyaudio.PyAudio()
shape = dict(rate=24000, channels=1, format=pyaudio.paInt16, frames_per_buffer=480)
heard = audio.open(input=True, stream_callback=lambda data, *_: (None, 0), **shape)
played = audio.open(output=True, stream_callback=lambda *_: (bytes(960), 0), **shape)
time.sleep(3600)
"""


@dataclass
class Usage:
    """CPU seconds, context switches and memory (RSS and PSS, in MB) of one process."""

    cpu_s: float
    switches: int
    rss_mb: float
    pss_mb: float


@dataclass
class Row:
    """What was measured once: CPU in percent of a core, by process."""

    shares: dict[str, float]
    wakeups: float
    rss_mb: float
    pss_mb: float

    @property
    def all(self) -> float:
        return sum(self.shares.values())


def usage(pid: int) -> Usage:
    cpu_s, switches, rss = 0.0, 0, 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        # In nanoseconds; what /proc/PID/stat says is rounded to hundredths of a second.
        cpu_s += int((task / "schedstat").read_text().split()[0]) / 1e9
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                switches += int(line.split()[1])
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            rss = int(line.split()[1]) / 1024
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return Usage(cpu_s, switches, rss, pss / 1024)


def family(pid: int) -> dict[str, int]:
    listed = subprocess.run(
        ["ps", "--ppid", str(pid), "-o", "pid=,args="], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    found = {"daemon": pid}
    for line in listed:
        child = int(line.split()[0])
        for role in ("input", "output"):
            if f"audio.worker {role}" in line:
                found[role] = child
        if line.endswith("pactl subscribe"):
            found[f"pactl {child}"] = child
    return found


def measured(what: str, pid: int, seconds: float) -> Row:
    pids = family(pid)
    before, began = {role: usage(each) for role, each in pids.items()}, time.monotonic()
    time.sleep(seconds)
    after, took = {role: usage(each) for role, each in pids.items()}, time.monotonic() - began
    shares = {role: (after[role].cpu_s - before[role].cpu_s) / took * 100 for role in pids}
    row = Row(
        shares,
        sum(after[role].switches - before[role].switches for role in pids) / took,
        sum(after[role].rss_mb for role in pids),
        sum(after[role].pss_mb for role in pids),
    )
    split = ", ".join(f"{role} {share:.1f}" for role, share in shares.items())
    print(
        f"{what:40} CPU {row.all:.2f} % ({split}), {row.wakeups:.0f} wake-ups/s, "
        f"RSS {row.rss_mb:.0f} MB, PSS {row.pss_mb:.0f} MB",
        flush=True,
    )
    return row


class Measurement:
    """The rows of all rounds, each beside one of bare PyAudio."""

    def __init__(
        self, server: SoundServer, folder: Path, address: str, seconds: float, python: str
    ) -> None:
        self.server, self.folder, self.address, self.seconds = server, folder, address, seconds
        self.python = python
        self.rows: dict[tuple[str, str], list[tuple[Row, Row | None]]] = {}

    def note(self, variant: str, what: str, pid: int, *, beside: bool = True) -> None:
        """Measure what happens now, and bare PyAudio right before it."""
        bare = self.bare() if beside else None
        row = measured(f"{variant}: {what}", pid, self.seconds)
        self.rows.setdefault((variant, what), []).append((row, bare))

    def bare(self) -> Row:
        process = subprocess.Popen([sys.executable, "-c", _BARE], stderr=subprocess.DEVNULL)
        try:
            time.sleep(1.5)
            return measured("PyAudio alone, 20 ms", process.pid, self.seconds)
        finally:
            process.kill()
            process.wait()

    def table(self) -> str:
        """The means of all rounds, as rows for docs/measurements.md."""
        lines = [
            "| what | while | times PyAudio | all | daemon | loudspeaker process "
            "| microphone process | wake-ups/s | RSS / PSS |",
            "| --- " * 9 + "|",
        ]
        bare = [each for found in self.rows.values() for _, each in found if each is not None]
        if bare:
            lines.append(
                f"| PyAudio alone | | 1 | {mean(bare, 'all'):.1f} | | | | "
                f"{mean(bare, 'wakeups'):.0f} | {mean(bare, 'rss_mb'):.0f} / "
                f"{mean(bare, 'pss_mb'):.0f} MB |"
            )
        for (variant, what), found in self.rows.items():
            rows = [row for row, _ in found]
            beside = [each for _, each in found if each is not None]
            times = f"{mean(rows, 'all') / mean(beside, 'all'):.2f}" if beside else ""
            split = " | ".join(
                f"{np.mean([row.shares[role] for row in rows]):.1f}"
                for role in ("daemon", "output", "input")
            )
            lines.append(
                f"| {variant} | {what} | {times} | {mean(rows, 'all'):.1f} | {split} | "
                f"{mean(rows, 'wakeups'):.0f} | {mean(rows, 'rss_mb'):.0f} / "
                f"{mean(rows, 'pss_mb'):.0f} MB |"
            )
        return "\n".join(lines)


def mean(rows: list[Row], name: str) -> float:
    return float(np.mean([getattr(row, name) for row in rows]))


@contextmanager
def simulated() -> Iterator[str]:
    simulate = subprocess.Popen(
        [sys.executable, str(ROOT / "daemon.py"), "simulate", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert simulate.stdout is not None
    try:
        yield simulate.stdout.readline().split()[-1]
    finally:
        simulate.terminate()
        simulate.wait()


@contextmanager
def daemon(measurement: Measurement, variant: str) -> Iterator[int]:
    file = measurement.folder / "config.yaml"
    file.write_text(
        f"realtime: {{profile: simulator, host_name: '{measurement.address}'}}\n"
        f"audio: {{{VARIANTS[variant]}}}\nhttp: {{port: 8795}}\n"
    )
    process = subprocess.Popen(
        [measurement.python, str(ROOT / "daemon.py"), "run", "-c", str(file)],
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(_QUIET_S + 2)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def ask(seconds: float) -> None:
    """Let an answer begin that is heard for so long, and some seconds more."""
    words = int((seconds + _BURST_S) * 3)
    subprocess.run(
        ["curl", "-s", "-XPOST", "-H", "Content-Type: application/json", "-d",
         '{"mode": "verbatim", "text": "' + "and so on, " * words + '"}',
         "http://127.0.0.1:8795/api/say"], check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(_BURST_S)


def interrupt() -> None:
    subprocess.run(
        ["curl", "-s", "-XPOST", "http://127.0.0.1:8795/api/interrupt"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    time.sleep(1)


def measure(measurement: Measurement, variant: str) -> None:
    server, folder, seconds = measurement.server, measurement.folder, measurement.seconds
    listens = "listen: open" in VARIANTS[variant]
    with ExitStack() as stack:
        room = server.say(folder / "noise.wav")
        stack.callback(room.kill)
        pid = stack.enter_context(daemon(measurement, variant))
        measurement.note(variant, "quiet", pid, beside=variant == "half_duplex")
        if listens:
            spoken(measurement, variant, pid)
        ask(2 * seconds + 4)
        measurement.note(variant, "speaking", pid)
        interrupt()
        if variant in ("half_duplex", "everything"):
            server.echo()
            ask(2 * seconds + 4)
            measurement.note(variant, "speaking, with echo", pid)
            interrupt()
            server.end_echo()
        if variant == "everything":
            for number in range(8):
                ask(3 + 5 * (number % 3))
                interrupt()
            time.sleep(_QUIET_S)
            measurement.note(variant, "quiet after ten answers", pid, beside=False)


def spoken(measurement: Measurement, variant: str, pid: int) -> None:
    voice = measurement.server.say(measurement.folder / "long.wav")
    time.sleep(1)
    measurement.note(variant, "listening", pid)
    voice.kill()
    voice.wait()
    time.sleep(4)


def cost(
    seconds: float,
    rounds: int,
    only: str | None,
    voice: Samples,
    python: str = sys.executable,
) -> None:
    with (
        running_sound_server() as server,
        tempfile.TemporaryDirectory() as name,
        simulated() as address,
    ):
        folder = Path(name)
        write_wav(folder / "long.wav", np.resize(voice, int(2 * seconds + 10) * RATE))
        write_wav(folder / "noise.wav", np.random.default_rng(1).normal(0, 12, 600 * RATE))
        measurement = Measurement(server, folder, address, seconds, python)
        for _ in range(rounds):
            for variant in VARIANTS:
                if only in (None, variant):
                    measure(measurement, variant)
    print(measurement.table())
