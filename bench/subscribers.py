"""Many subscribers: our event stream beside nginx with nchan, in one run on one machine.

    python bench/subscribers.py [--subscribers 1000 4000] [--seconds 8] [--rounds 3]

Ten events a second of about 190 bytes go to everybody. A subscriber program in C (compiled here,
with gcc) measures how late each event came; both servers are processes of their own, and take
turns. nchan is left out where Debian's nginx-light and libnginx-mod-nchan are not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

RATE = 10
NCHAN_PORT = 8799
WARMUP_S = 4.0
PADDING = "x" * 100
NGINX = """
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 15000; }}
http {{
  access_log off; client_body_temp_path {folder}/body; nchan_max_reserved_memory 64M;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /pub {{ nchan_publisher; nchan_channel_id c; nchan_message_buffer_length 16; }}
    location = /sub {{ nchan_subscriber eventsource; nchan_channel_id c;
                      nchan_subscriber_first_message newest; }}
  }}
}}
"""


class _Idle:
    """What the HTTP API asks of a daemon, without one."""

    def snapshot(self) -> Any:
        from rtaudio_daemon.controls import (
            ConnectionStatus,
            DeviceStatus,
            MicrophoneStatus,
            Snapshot,
            UplinkStatus,
            UsageStatus,
        )
        from rtaudio_daemon.notifications import (
            ConnectionState,
            DeviceState,
            ModelStatus,
            SoundChanged,
        )

        return Snapshot(
            usage=UsageStatus(0, 0.0, 0.0, None, {}, {}),
            status=ModelStatus.IDLE,
            previous=ModelStatus.IDLE,
            since=0.0,
            connection=ConnectionStatus(
                ConnectionState.OPEN, "simulator", None, None, 0, 0, None, False
            ),
            microphone=MicrophoneStatus(DeviceState.OK, "default", None, -90.0),
            speaker=DeviceStatus(DeviceState.OK, "default", None),
            sound=SoundChanged("none", "silero", "always"),
            muted=False,
            talking=False,
            volume=1.0,
            uplink=UplinkStatus(False, 0),
            version="bench",
            uptime_s=0.0,
        )

    def counts(self) -> dict[str, float]:
        return {}


async def serve() -> None:
    """Our HTTP API, publishing; prints its port and runs until it is killed."""
    from rtaudio_daemon import config
    from rtaudio_daemon.api.server import ApiServer

    settings = config.Http(port=0, max_subscribers=10_000)
    server = ApiServer(settings, _Idle(), boot="bench")  # type: ignore[arg-type]
    async with server.listening() as address:
        print(address.rpartition(":")[2], flush=True)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))
            server.events.publish("status", {"t": time.monotonic_ns(), "text": PADDING})


@contextmanager
def ours() -> Iterator[tuple[int, str, int]]:
    """Port, path and process to watch."""
    command = [sys.executable, str(Path(__file__)), "--serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), "/api/events", process.pid
    finally:
        process.kill()
        process.communicate()


@contextmanager
def nchan() -> Iterator[tuple[int, str, int]]:
    """The same of nginx, and a publisher beside it."""
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="nchan-") as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "nginx.conf"
        path.write_text(NGINX.format(folder=folder, port=NCHAN_PORT))
        process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(path), "-p", folder])
        publisher = threading.Thread(target=_publish, args=(stop,))
        try:
            time.sleep(1)
            publisher.start()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield NCHAN_PORT, "/sub", int(children.split()[0])
        finally:
            stop.set()
            publisher.join()
            process.terminate()
            process.wait(10)


def _publish(stop: threading.Event) -> None:
    link = http.client.HTTPConnection("127.0.0.1", NCHAN_PORT)
    due = time.monotonic()
    while not stop.is_set():
        due += 1 / RATE
        time.sleep(max(0.0, due - time.monotonic()))
        body = json.dumps({"time": "2026-01-01T00:00:00.000Z", "t": time.monotonic_ns(),
                           "text": PADDING}, separators=(",", ":"))  # fmt: skip
        link.request("POST", "/pub", body)
        link.getresponse().read()


def cpu_s(pid: int) -> float:
    """CPU time that a process used so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def measure(server: Any, program: Path, count: int, seconds: float) -> dict[str, float]:
    """One run against one server."""
    with server() as (port, path, pid):
        command = [str(program), str(port), path, str(count), str(seconds), str(WARMUP_S)]
        client = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert client.stderr is not None
        client.stderr.readline()
        time.sleep(WARMUP_S)
        before, began = cpu_s(pid), time.monotonic()
        time.sleep(seconds)
        used = (cpu_s(pid) - before) / (time.monotonic() - began) * 100
        memory = rss_mb(pid)
        output, _ = client.communicate(timeout=60)
        found: dict[str, float] = json.loads(output)
        return {**found, "cpu": used, "rss_mb": memory}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subscribers", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
    servers = {"ours": ours}
    if (
        shutil.which("nginx", path="/usr/sbin:/usr/bin")
        and Path("/usr/lib/nginx/modules/ngx_nchan_module.so").exists()
    ):
        servers["nchan"] = nchan
    with tempfile.TemporaryDirectory(prefix="subscribers-") as folder:
        program = Path(folder) / "subscribers"
        source = Path(__file__).with_suffix(".c")
        subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", program, source], check=True)
        head = ("subscribers", "server", "p50 ms", "p99 ms", "max ms", "CPU %", "MB", "delivered")
        print("".join(f"{name:>12}" for name in head), " (medians of the rounds)")
        for count in arguments.subscribers:
            found: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
            for _ in range(arguments.rounds):
                for name, server in servers.items():
                    found[name].append(measure(server, program, count, arguments.seconds))
            for name, runs in found.items():
                _print_row(count, name, runs)


def _print_row(count: int, name: str, runs: list[dict[str, float]]) -> None:
    mid = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    # Every subscriber of a run got the same events, or some were lost on the way.
    whole = all(run["fewest"] == run["most"] > 0 and not run["lost"] for run in runs)
    cells = [str(count), name]
    cells += [f"{mid[key]:.1f}" for key in ("p50_ms", "p99_ms", "max_ms", "cpu")]
    cells += [f"{mid['rss_mb']:.0f}", "all" if whole else "NOT ALL"]
    print("".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
