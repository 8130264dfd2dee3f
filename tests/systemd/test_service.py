"""The service on real machines: Debian 12 and 13, installed as people install it.

    sudo script/test -m systemd

The tests of a machine follow each other in the order in which they stand here.
"""

from __future__ import annotations

import json
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from tests.harness import find, samples, speech
from tests.systemd.machine import Machine

pytestmark = [pytest.mark.systemd, pytest.mark.real_time, pytest.mark.timeout(600)]

KEY = "Mk3-very-secret-and-only-here-9f2b7c"
CONFIG = """\
realtime:
  profile: simulator
  api_key: !credential api_key
  simulator: {voice: parrot}
audio:
  input: {device: "wav:/srv/said.wav"}
  output: {device: "wav:/var/lib/rtaudio-daemon/heard.wav", volume: 1.0}
"""
DROP_IN = "[Service]\nWatchdogSec=3\nRestartSec=1\n"
HOME = "/etc/rtaudio-daemon"
REPORT = (
    "cd /opt/rtaudio-daemon && .venv/bin/python daemon.py status --json --url http://127.0.0.1:8770"
)
UNIT = "rtaudio-daemon"
MCP_SERVER = """\
import os
from pathlib import Path

from mcp.server.mcpserver import MCPServer

server = MCPServer("places")


def may_write(folder: str) -> bool:
    try:
        Path(folder, "probe").touch()
    except OSError:
        return False
    return True


@server.tool()
def places() -> dict:
    \"\"\"Says where this program may write, and who it is.\"\"\"
    folders = ("/etc", "/opt", "/home", os.environ["HOME"])
    return {"user": os.getuid(), "writes": [each for each in folders if may_write(each)]}


server.run("stdio")
"""


@pytest.fixture(scope="module", params=["trixie", "bookworm"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with Machine(request.param) as machine:
        yield machine


def shown(machine: Machine, name: str) -> str:
    return machine.ok(f"systemctl show {UNIT} -p {name} --value")


def main_pid(machine: Machine) -> str:
    pid = shown(machine, "MainPID")
    assert int(pid) > 1, "the daemon runs"
    return pid


def status(machine: Machine) -> dict[str, Any]:
    return dict(json.loads(machine.ok(REPORT)))


def write_wav(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(24_000)
        recording.writeframes(pcm)
    return path


def test_it_is_installed_and_ready(machine: Machine) -> None:
    plan = machine.ok("/src/script/install --system --dry-run")
    assert "/opt/rtaudio-daemon" in plan
    assert machine.text("ls /opt") == "", "a dry run does nothing"
    machine.write("/root/key", KEY + "\n")
    printed = machine.ok("/src/script/install --key-file /root/key")
    assert "A system service: you are root" in printed
    assert "The page: http://127.0.0.1:8770/" in printed
    assert KEY not in printed
    assert shown(machine, "ActiveState") == "active"
    without_sound = ("no microphone: ", "microphone lost: ")  # the machine has no sound card
    assert shown(machine, "StatusText").startswith(without_sound)
    assert machine.ok(f"systemctl is-enabled {UNIT}") == "enabled"
    assert machine.ok(f"stat -c '%a %U' {HOME}/api_key") == "600 root"


def test_another_installation_keeps_configuration_and_key(machine: Machine, tmp_path: Path) -> None:
    said = bytes(48_000 * 2) + speech("hello") + bytes(48_000 * 60)
    machine.put(write_wav(tmp_path / "said.wav", said), "/srv/said.wav")
    machine.write(f"{HOME}/config.yaml", CONFIG)
    machine.write(f"/etc/systemd/system/{UNIT}.service.d/test.conf", DROP_IN)
    printed = machine.ok("/src/script/install --system")
    assert "your configuration stays" in printed
    assert "your key stays" in printed
    assert machine.ok(f"cat {HOME}/config.yaml") == CONFIG.strip()
    assert machine.ok(f"cat {HOME}/api_key") == KEY


def test_an_update_goes_back_when_the_new_one_is_not_ready(machine: Machine) -> None:
    before = main_pid(machine)
    printed = machine.ok("/src/script/update")
    assert "Done: rtaudio-daemon " in printed
    assert shown(machine, "ActiveState") == "active"
    assert main_pid(machine) != before
    machine.ok("mkdir /srv/broken && cd /src && cp -r [a-zL]* /srv/broken")
    machine.ok("echo 'raise SystemExit(1)' >>/srv/broken/rtaudio_daemon/daemon/systemd.py")
    machine.ok("sed -i '/ check \\\\$/,/fail/d' /srv/broken/script/update")
    done = machine.sh("/srv/broken/script/update")
    assert "the old one is back and runs" in done.stderr
    assert done.returncode == 1
    assert shown(machine, "ActiveState") == "active"
    assert machine.text("ls /opt") == "rtaudio-daemon"
    machine.ok("rm -rf /srv/broken")


def test_it_holds_a_conversation(machine: Machine) -> None:
    machine.until(f"journalctl -u {UNIT} -o json RTAUDIO_STATUS=speaking | grep -q speaking")
    entries = machine.ok(f"journalctl -u {UNIT} -o json RTAUDIO_STATUS=listening | tail -1")
    entry = json.loads(entries)
    assert entry["RTAUDIO_PREVIOUS"] == "idle"
    assert entry["_SYSTEMD_UNIT"] == f"{UNIT}.service"
    machine.until(f"journalctl -u {UNIT} -o json RTAUDIO_PREVIOUS=speaking | grep -q idle")
    heard = machine.take("/var/lib/private/rtaudio-daemon/heard.wav")
    deadline = time.monotonic() + 20  # it is written every now and then
    while find(samples(speech("hello")), samples(read_wav(heard)))[1] < 0.9:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_good_reload_changes_what_is_different(machine: Machine) -> None:
    pid = main_pid(machine)
    machine.write(f"{HOME}/config.yaml", CONFIG.replace("volume: 1.0", "volume: 0.5"))
    machine.ok(f"systemctl reload {UNIT}")
    machine.until(f"journalctl -u {UNIT} | grep -q 'audio.output.volume: 1.0 is now 0.5, applied'")
    assert status(machine)["volume"] == 0.5
    assert shown(machine, "MainPID") == pid


def test_a_bad_reload_changes_nothing_and_is_told(machine: Machine) -> None:
    pid = main_pid(machine)
    machine.write(f"{HOME}/config.yaml", CONFIG.replace("volume: 1.0", "volume: loud"))
    machine.ok(f"systemctl reload {UNIT}")
    machine.until(f"systemctl show {UNIT} -p StatusText --value | grep -q 'reload failed'")
    assert f"{HOME}/config.yaml:7: audio.output.volume" in shown(machine, "StatusText")
    assert "audio.output.volume" in machine.ok(f"journalctl -u {UNIT} -p warning")
    assert status(machine)["volume"] == 1.0
    assert shown(machine, "MainPID") == pid


@pytest.fixture(autouse=True)
def _the_configuration_stays(machine: Machine, request: pytest.FixtureRequest) -> Iterator[None]:
    """What one test breaks does not break the next."""
    yield
    if "reload" in request.node.name and machine.sh(f"test -d {HOME}").returncode == 0:
        machine.write(f"{HOME}/config.yaml", CONFIG)
        machine.sh(f"systemctl reload {UNIT}")


def test_the_key_is_readable_by_the_service_only(machine: Machine) -> None:
    for path in (f"{HOME}/api_key", f"/run/credentials/{UNIT}.service/api_key"):
        assert machine.sh(f"test -e {path}").returncode == 0
        assert machine.sh(f"runuser -u nobody -- cat {path}").returncode != 0
    pid = main_pid(machine)
    assert KEY not in machine.ok(f"tr '\\0' '\\n' < /proc/{pid}/environ")
    assert KEY not in machine.ok(f"tr '\\0' ' ' < /proc/{pid}/cmdline")
    assert KEY not in machine.ok("journalctl -o json")
    assert machine.ok(f"ps -o user= -p {pid}") not in ("root", "0")


def test_little_is_exposed(machine: Machine) -> None:
    found = machine.ok(f"systemd-analyze security {UNIT} --no-pager | tail -1")
    assert float(found.split(": ")[1].split()[0]) <= 2.0, found
    problems = machine.text(f"systemd-analyze verify /etc/systemd/system/{UNIT}.service")
    assert UNIT not in problems, problems


def test_it_stays_far_below_what_it_may_take_of_the_machine(machine: Machine) -> None:
    limits = {
        name: shown(machine, name)
        for name in ("MemoryHigh", "MemoryMax", "TasksMax", "LimitCORE", "StartLimitIntervalUSec")
    }
    assert limits == {
        "MemoryHigh": str(512 << 20),
        "MemoryMax": str(768 << 20),
        "TasksMax": "128",
        "LimitCORE": "0",
        "StartLimitIntervalUSec": "0",
    }
    pid = main_pid(machine)  # systemd counts for itself only where the container may
    used = machine.ok(f"ps -o rss=,nlwp= -p {pid} --ppid {pid}").split()
    memory_mb, tasks = sum(map(int, used[::2])) // 1024, sum(map(int, used[1::2]))
    print(f"it takes {memory_mb} MB and {tasks} tasks")
    assert 0 < memory_mb < 256
    assert 0 < tasks < 64


def test_a_server_of_tools_is_a_child_of_the_service_after_a_reload(machine: Machine) -> None:
    python = "/opt/rtaudio-daemon/.venv/bin/python"
    machine.ok(f"{python} -m pip install -q 'mcp>=2.3,<3'")
    machine.write("/opt/mcp/places.py", MCP_SERVER)
    machine.ok("chmod -R a+rX /opt/mcp")
    tools = f"tools: {{mcp: {{places: {{command: [{python}, /opt/mcp/places.py]}}}}}}\n"
    machine.write(f"{HOME}/config.yaml", CONFIG + tools)
    machine.ok(f"systemctl reload {UNIT}")
    command = f"cd /opt/rtaudio-daemon && {python} daemon.py tools"
    machine.until(f"{command} | grep -q 'mcp:places: ok, 1 tool'")
    found = json.loads(machine.ok(f"{command} --call places"))
    pid = main_pid(machine)
    assert found["user"] == int(machine.ok(f"ps -o uid= -p {pid}"))
    assert found["user"] != 0
    assert found["writes"] == ["/var/lib/rtaudio-daemon"]
    running = "pgrep -f '[/]opt/mcp/places.py'"  # not the shell that asks
    child = machine.ok(running)
    assert int(machine.ok(f"ps -o ppid= -p {child}")) == int(pid)
    memory_mb = int(machine.ok(f"ps -o rss= -p {child}")) // 1024
    print(f"a server of tools takes {memory_mb} MB")
    machine.ok(f"kill -KILL {child}")
    child = machine.until(f"new=$({running}) && test $new != {child} && echo $new")
    before = shown(machine, "NRestarts")
    machine.ok(f"kill -KILL {pid}")
    restarted(machine, before, pid)
    assert machine.sh(f"kill -0 {child}").returncode != 0, "it ended with the daemon"


def restarted(machine: Machine, before: str, pid: str) -> None:
    machine.until(f"test $(systemctl show {UNIT} -p NRestarts --value) -gt {before}")
    machine.until(f"systemctl show {UNIT} -p StatusText --value | grep -q 'session sess_'")
    assert shown(machine, "MainPID") != pid


def test_a_frozen_daemon_is_restarted_by_the_watchdog(machine: Machine) -> None:
    before, pid = shown(machine, "NRestarts"), main_pid(machine)
    machine.ok(f"kill -STOP {pid}")
    machine.until(f"journalctl -u {UNIT} | grep -q 'Watchdog timeout'")
    restarted(machine, before, pid)


def test_a_busy_loop_is_restarted_and_says_where_it_was(machine: Machine) -> None:
    """SIGABRT, as the watchdog sends it, writes a traceback into the journal."""
    before, pid = shown(machine, "NRestarts"), main_pid(machine)
    machine.ok(f"kill -ABRT {pid}")
    machine.until(f"journalctl -u {UNIT} | grep -q 'Fatal Python error: Aborted'")
    restarted(machine, before, pid)


def test_a_killed_daemon_is_restarted(machine: Machine) -> None:
    before, pid = shown(machine, "NRestarts"), main_pid(machine)
    machine.ok(f"kill -KILL {pid}")
    restarted(machine, before, pid)


def test_however_often_it_dies_it_is_started_again(machine: Machine) -> None:
    """Systemd's own limit is five starts in ten seconds."""
    for _ in range(8):
        pid = machine.until(
            f"pid=$(systemctl show {UNIT} -p MainPID --value) && kill -KILL $pid && echo $pid"
        )
    restarted(machine, "8", pid)


def test_it_stops_within_two_seconds_in_mid_answer(machine: Machine) -> None:
    machine.until(f"systemctl show {UNIT} -p StatusText --value | grep -q ^speaking")
    started = time.monotonic()
    machine.ok(f"systemctl stop {UNIT}")
    took = time.monotonic() - started
    print(f"stopped in {took:.2f} s")
    assert took < 2.0
    assert shown(machine, "Result") == "success"


def test_a_wrong_configuration_ends_it_with_78_and_no_restart(machine: Machine) -> None:
    machine.write(f"{HOME}/config.yaml", CONFIG.replace("profile: simulator", "profile: azur"))
    assert machine.sh(f"systemctl start {UNIT}").returncode != 0
    assert shown(machine, "ExecMainStatus") == "78"
    time.sleep(2.5)
    assert shown(machine, "ActiveState") == "failed"
    assert shown(machine, "NRestarts") == "0"
    assert "did you mean azure?" in machine.ok(f"journalctl -u {UNIT} -n 20")
    machine.write(f"{HOME}/config.yaml", CONFIG)


def test_nothing_is_left_after_the_uninstallation(machine: Machine) -> None:
    machine.ok("/src/script/uninstall --system")
    assert machine.ok(f"cat {HOME}/api_key") == KEY, "configuration and key stay"
    machine.ok("/src/script/uninstall --system --purge")
    places = "/etc /opt /var/lib /run /usr/local /root/.cache /srv"
    left = machine.text(f"find {places} -iname '*rtaudio[-_]*' 2>/dev/null")
    assert left == ""
    assert machine.sh(f"systemctl cat {UNIT}").returncode != 0
    assert machine.text("pgrep -f rtaudio_daemon") == ""


# ------------------------------------------------------------ what the installer asks and needs

ANSWERS = """\
import os, pty, sys
asked = [("Azure resource", "ada.openai.azure.com"), ("deployment", "gpt-realtime"),
         ("Key", sys.argv[1])]
pid, terminal = pty.fork()
if not pid:
    os.execv("/src/script/install", ["install", "--system", "--no-start"])
seen = ""
while True:
    try:
        seen += os.read(terminal, 4096).decode()
    except OSError:
        break
    if asked and asked[0][0] in seen.rpartition("\\n")[2] and seen.endswith(": "):
        os.write(terminal, asked.pop(0)[1].encode() + b"\\n")
print(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
STUB = """\
set -e
mkdir -p /srv/stub/DEBIAN /srv/repository && cd /srv
dpkg -L portaudio19-dev | tar -C / --no-recursion -c -T - | tar -C stub -x
cat > stub/DEBIAN/control <<CONTROL
Package: portaudio19-dev
Version: 99
Architecture: all
Maintainer: Nobody <nobody@localhost>
Description: stands for the real one
CONTROL
dpkg-deb --build stub repository/stub.deb
(cat stub/DEBIAN/control; echo Filename: ./stub.deb; echo Size: $(stat -c %s repository/stub.deb)
 echo SHA256: $(sha256sum repository/stub.deb | cut -d' ' -f1)) > repository/Packages
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list
dpkg --purge portaudio19-dev
"""


def test_it_asks_for_azure_and_fetches_what_debian_lacks(machine: Machine) -> None:
    machine.ok(STUB)
    machine.ok("useradd -m -s /bin/bash eve")
    printed = machine.text(machine.as_user("eve", "/src/script/install --system --dry-run"))
    assert "These are the steps; none is done now" in printed
    printed = machine.text(machine.as_user("eve", "cp -r /src/script . && script/setup"))
    assert printed.endswith("there is no sudo here; as root: apt-get install portaudio19-dev")
    machine.write("/root/answers.py", ANSWERS)
    printed = machine.ok(f"python3 /root/answers.py {KEY}")
    assert "installing portaudio19-dev" in printed
    assert machine.ok("dpkg-query -W -f='${Version}' portaudio19-dev") == "99"
    assert "it talks to deployment gpt-realtime at ada.openai.azure.com" in printed
    assert KEY not in printed
    assert machine.ok(f"cat {HOME}/api_key") == KEY
    settings = machine.ok(f"cat {HOME}/config.yaml")
    for line in (
        "  profile: azure",
        "  host_name: ada.openai.azure.com",
        "  deployment: gpt-realtime",
        "  api_key: !credential api_key",
    ):
        assert line in settings.splitlines()
    assert shown(machine, "ActiveState") == "inactive", "--no-start"
    machine.ok("/src/script/uninstall --system --purge")


# ----------------------------------------------------------------- as a user, with PipeWire

USER_CONFIG = """\
realtime:
  api_key: !credential api_key
  simulator: {voice: parrot}
"""
STATUS = f"systemctl --user show {UNIT} -p StatusText --value"


@pytest.fixture(scope="module")
def pipewire(machine: Machine) -> Machine:
    """The machine with a user who has a sound server: two null sinks stand for the sound card."""
    machine.ok("useradd -m -s /bin/bash ada; loginctl enable-linger ada")
    machine.until("test -S /run/user/$(id -u ada)/bus")
    machine.user("ada", "systemctl --user start pipewire.socket pipewire-pulse.socket wireplumber")
    for sink in ("mic_in", "speaker"):
        machine.user("ada", f"pactl load-module module-null-sink sink_name={sink} rate=24000")
    machine.user("ada", "pactl set-default-sink speaker; pactl set-default-source mic_in.monitor")
    return machine


def test_a_user_installs_it_and_talks_through_pipewire(pipewire: Machine, tmp_path: Path) -> None:
    machine = pipewire
    machine.write("/home/ada/key", KEY)
    machine.ok("chown ada /home/ada/key")
    printed = machine.user("ada", "/src/script/install --key-file key")
    assert "A user service: your session has a sound server" in printed
    machine.write("/home/ada/.config/rtaudio-daemon/config.yaml", USER_CONFIG)
    machine.user("ada", f"systemctl --user restart {UNIT}")
    machine.until_user("ada", f"{STATUS} | grep '^idle: .*; session sess_[0-9a-f]*$'")
    assert machine.ok("stat -c '%a %U' /home/ada/.config/rtaudio-daemon/api_key") == "600 ada"
    machine.put(write_wav(tmp_path / "hello.wav", speech("hello")), "/srv/hello.wav")
    machine.user(
        "ada",
        "parecord --latency-msec=50 --device=speaker.monitor --rate=24000 --channels=1 "
        "--format=s16le --raw /home/ada/heard.raw >/dev/null 2>&1 & echo $! > /tmp/parecord; "
        "sleep 1; "
        "paplay --device=mic_in /srv/hello.wav",
    )
    fields = f"RTAUDIO_PREVIOUS=speaking _SYSTEMD_USER_UNIT={UNIT}.service"
    machine.until(f"journalctl -o json {fields} | grep -q idle")
    machine.ok("sleep 2; kill -INT $(cat /tmp/parecord)")
    machine.until("! pgrep -x parecord")
    heard = samples(machine.take("/home/ada/heard.raw").read_bytes())
    likeness = find(samples(speech("hello")), heard)[1]
    print(f"what was said came back out of the loudspeaker: likeness {likeness:.3f}")
    loud = abs(heard) > 1000
    print(
        f"{len(heard) / 24000:.1f} s recorded, {loud.sum()} loud, at {loud.argmax() / 24000:.1f} s"
    )
    # Other speech is like it to 0.05.
    assert likeness > 0.8


def test_the_users_service_reloads_and_restarts(pipewire: Machine) -> None:
    machine = pipewire
    changed = USER_CONFIG + "audio: {output: {volume: 0.3}}\n"
    machine.write("/home/ada/.config/rtaudio-daemon/config.yaml", changed)
    machine.user("ada", f"systemctl --user reload {UNIT}")
    machine.until("journalctl | grep -q 'audio.output.volume: 1.0 is now 0.3, applied'")
    pid = machine.user("ada", f"systemctl --user show {UNIT} -p MainPID --value")
    machine.ok(f"kill -KILL {pid}")
    machine.until_user("ada", f"{STATUS} | grep 'session sess_'")
    assert machine.user("ada", f"systemctl --user show {UNIT} -p MainPID --value") != pid


def test_nothing_is_left_of_the_users_service(pipewire: Machine) -> None:
    machine = pipewire
    machine.user("ada", "/src/script/uninstall --purge")
    assert machine.text("find /home/ada /run/user -iname '*rtaudio[-_]*' 2>/dev/null") == ""
    assert machine.text("pgrep -f rtaudio_daemon") == ""


FORBIDDEN = """\
polkit.addRule(function(action, subject) {
  if (action.id == "org.freedesktop.login1.set-self-linger" && subject.user == "bob")
    return polkit.Result.NO;
});
"""


def test_lingering_is_switched_on_and_off_again_but_only_by_who_may(machine: Machine) -> None:
    machine.ok("useradd -m -s /bin/bash bob; systemctl start user@$(id -u bob)")
    linger, rule = "test -e /var/lib/systemd/linger/bob", "/etc/polkit-1/rules.d/10-linger.rules"
    machine.write(rule, FORBIDDEN)
    machine.ok("chmod 755 /etc/polkit-1/rules.d; systemctl restart polkit")
    printed = machine.text(machine.as_user("bob", "/src/script/install --user --no-start"))
    assert "run: sudo loginctl enable-linger bob, and then this again" in printed
    assert machine.sh(linger).returncode != 0
    machine.ok(f"rm {rule}; systemctl restart polkit")
    printed = machine.user("bob", "/src/script/install --user --no-start")
    assert "your services go on without you being logged in (linger)" in printed
    machine.ok(linger)
    printed = machine.user("bob", "/src/script/uninstall --user --purge")
    assert "as before the installation" in printed
    assert machine.sh(linger).returncode != 0
    machine.ok("loginctl enable-linger bob")
    machine.user("bob", "/src/script/install --user --no-start")
    machine.user("bob", "/src/script/uninstall --user --purge")
    machine.ok(f"{linger} # it was so before")


# ------------------------------------------------------------------ the first run, by keyboard

KEYBOARD = """\
import os, pty, re, select, sys
pid, terminal = pty.fork()
if not pid:
    os.execv("script/run", ["run", "setup"])
seen, unanswered = "", ""
while True:
    if not select.select([terminal], [], [], 1.0)[0]:
        if unanswered.endswith(": "):
            wanted = "Start it with this machine" in unanswered
            os.write(terminal, b"y\\n" if wanted else b"\\n")
            unanswered = ""
        continue
    try:
        read = os.read(terminal, 4096).decode()
    except OSError:
        break
    seen, unanswered = seen + read, unanswered + read
print(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_first_run_by_keyboard_ends_in_a_service(machine: Machine) -> None:
    """A clone, `script/run setup`, Enter for every question and y for the service."""
    machine.ok("useradd -m -s /bin/bash zoe; loginctl enable-linger zoe")
    machine.until("test -S /run/user/$(id -u zoe)/bus")
    machine.write("/home/zoe/keyboard.py", KEYBOARD)
    machine.user("zoe", "mkdir voice && cp -r /src/[a-zA-Z]* /src/.git voice")
    printed = machine.user("zoe", "cd voice && python3 ~/keyboard.py", timeout_s=500)
    assert "config.yaml: fine" in printed
    assert "Done. The page: http://127.0.0.1:8770/" in printed
    assert printed.endswith("Next: script/run status")
    machine.until_user("zoe", f"{STATUS} | grep 'session sess_'")
    assert machine.user("zoe", f"systemctl --user is-enabled {UNIT}") == "enabled"
    machine.user("zoe", "voice/script/uninstall --purge")
