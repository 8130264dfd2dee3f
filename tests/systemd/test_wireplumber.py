"""WirePlumber of Debian 13, with the files of `examples/wireplumber`, makes other programs softer.

Only its servers run in that Debian: the daemon, the programs and the recorder are here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio.other_programs import here, program, settles_ms
from tests.sound_server import SoundServer, eventually
from tests.stories.test_killed_ducking import daemon, listen, passed
from tests.systemd.machine import ROOT, tree

pytestmark = [pytest.mark.systemd, pytest.mark.sound]
_START = """
set -e
cd {folder}
mount -t overlay overlay -o lowerdir={tree},upperdir=upper,workdir=work root
mkdir -p {folder}/root{folder}
mount --bind {folder} {folder}/root{folder}
mount -t proc proc {folder}/root/proc
exec chroot {folder}/root /bin/sh -c '
dbus-daemon --session --nofork --address=$DBUS_SESSION_BUS_ADDRESS &
while [ ! -e {folder}/bus ]; do sleep 0.1; done
pipewire &
while [ ! -e {folder}/pipewire-0 ]; do sleep 0.1; done
wireplumber &
pipewire-pulse &
wait'
"""


class RolesServer(SoundServer):
    """PipeWire and WirePlumber of Debian 13, installed as docs/audio.md says."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        super().__init__(directory)
        self._home = directory
        self.environment |= {
            "XDG_RUNTIME_DIR": str(directory),
            "PULSE_RUNTIME_PATH": str(directory),
            "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_STATE_HOME": str(directory / "state"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={directory / 'bus'}",
        }
        for name in ("upper", "work", "root"):
            (directory / name).mkdir()
        for name in ("pipewire", "wireplumber"):
            folder = directory / "config" / name / f"{name}.conf.d"
            folder.mkdir(parents=True)
            shutil.copy(ROOT / f"examples/wireplumber/{name}-50-voice-assistant.conf", folder)
        pulse = directory / "config/pipewire/pipewire-pulse.conf.d"
        pulse.mkdir()
        address = f'pulse.properties = {{ server.address = [ "unix:{directory}/native" ] }}\n'
        (pulse / "address.conf").write_text(address)

    def start(self) -> None:
        """Start the servers and wait until they serve."""
        script = _START.format(tree=tree("trixie"), folder=self._home)
        self._server = subprocess.Popen(
            ("unshare", "--mount", "--propagation", "private", "sh", "-c", script),
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        eventually(lambda: self._pactl("info", check=False) == 0, 60)
        for name in ("mic_in", "speaker"):
            self._pactl(*self._sink(name))
        eventually(lambda: self._pactl("set-default-sink", "speaker", check=False) == 0)
        eventually(lambda: self._pactl("set-default-source", "mic_in.monitor", check=False) == 0)
        eventually(lambda: self.ask("get-default-sink").strip() == "speaker")

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        """A recorder has our role: without one it would record the sink of the others."""
        ours = ("--property=media.role=voice-assistant",) if command[0] == "parec" else ()
        return super()._spawn(command[0], *ours, *command[1:])

    def kill(self) -> None:
        """All servers end at once."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(10)
            self._server = None


@pytest.fixture
def roles_server(tmp_path: Path) -> Iterator[RolesServer]:
    server = RolesServer(tmp_path / "server")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        try:
            server.start()
            yield server
        finally:
            server.close()


async def test_its_roles_make_others_softer_and_a_killed_daemon_leaves_none_soft(
    roles_server: RolesServer, tmp_path: Path
) -> None:
    """The first time after its installation it is softer by 14 dB only, from the start on."""
    with (
        program(tmp_path, 6_000, "--property=media.role=music", sink="") as radio,
        program(tmp_path, 5_000, sink="") as game,
    ):
        recording = roles_server.record(tmp_path / "heard.raw")
        async with daemon(tmp_path, "roles") as (client, process):
            for nth in range(4):
                mark = here(recording)
                await listen(client, start=True)
                down = await passed(recording, mark, 1500)
                with program(tmp_path, 4_000, "--property=media.role=video", sink="") as film:
                    late = await passed(recording, here(recording), 1000)
                assert settles_ms(film.loudness(late), -20) >= 0
                await listen(client, start=False)
                while client.get("/api/status")["ducking"]["active"]:
                    mark = here(recording)  # it is answered first
                    await asyncio.sleep(0.02)
                up = await passed(recording, mark, 1000)
                for each in (radio, game):
                    print(
                        f"down after {settles_ms(each.loudness(down), -20)} ms, "
                        f"back after {settles_ms(each.loudness(up), 0)} ms"
                    )
                    if nth > 0:
                        assert settles_ms(each.loudness(down), -20) >= 0
                    assert settles_ms(each.loudness(up), 0) >= 0
            await listen(client, start=True)
            await passed(recording, here(recording), 2500)
            mark = here(recording)
            process.kill()
            up = await passed(recording, mark, 1500)
            print(f"killed: back after {settles_ms(radio.loudness(up), 0)} ms")
            assert 0 <= settles_ms(radio.loudness(up), 0) <= 500
    streams = json.loads(roles_server.ask("--format=json", "list", "sink-inputs"))
    volumes = {each["value"] for one in streams for each in one["volume"].values()}
    assert volumes == {65536}, "no volume was touched that is remembered"
