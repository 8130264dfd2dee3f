"""docs/client.md: its programs do what it says, and it lists every name that users may call."""

from __future__ import annotations

import asyncio
import re
import wave
from collections.abc import Awaitable, Callable
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon import (
    AzureRealTimeAudio,
    ConnectionChanged,
    Prices,
    SessionPolicy,
    WebsocketOptions,
)
from rtaudio_daemon.simulator.model.pacing import Pacing
from rtaudio_daemon.simulator.model.reply import Call, Reply
from rtaudio_daemon.simulator.model.voice_detector import SileroVoiceDetector
from rtaudio_daemon.simulator.scenario import Scenario, ScriptedAnswer
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import EnergyHearing, loud, quiet

DOCUMENT = (Path(__file__).parent.parent / "docs" / "client.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT, re.S)
LIGHT = Scenario(
    answers=(
        ScriptedAnswer(Reply("The light is on."), result_of="set_light"),
        ScriptedAnswer(Reply(calls=(Call("set_light", '{"on": true}'),))),
    )
)


def program(name: str, simulator: Simulator) -> Any:
    """The function `name` of the one block that defines it, with the simulator as Azure."""
    (block,) = (block for block in BLOCKS if re.search(rf"^(async )?def {name}\(", block, re.M))
    names: dict[str, Any] = {}
    exec(block.replace("RESOURCE.openai.azure.com", simulator.url), names)
    return names[name]


def client_of(simulator: Simulator) -> AzureRealTimeAudio:
    return AzureRealTimeAudio(host_name=simulator.url, deployment="any")


async def run_talk(simulator: Simulator, _folder: Path) -> None:
    with wave.open(str(files("rtaudio_daemon") / "recordings" / "hello.wav")) as recording:
        question = recording.readframes(recording.getnframes())
    assert len(await program("talk", simulator)("any", question)) > 24_000


class Loudspeaker:
    """Plays nothing, and remembers what it was asked to."""

    def __init__(self, client: AzureRealTimeAudio) -> None:
        self.played = bytearray()
        self._client = client

    def play(self, pcm: bytes) -> None:
        self.played += pcm

    def end(self) -> None:
        self._client.set_model_speak_done()

    def stop(self) -> int | None:
        return 40 if self.played else None


async def run_let_speak(simulator: Simulator, _folder: Path) -> None:
    async with client_of(simulator) as client:
        loudspeaker = Loudspeaker(client)
        program("let_speak", simulator)(client, loudspeaker)
        truncated = asyncio.Event()
        client.on("conversation.item.truncated", lambda _event: truncated.set())
        client.append_audio(loud(1000) + quiet(1000))
        while client.status != "speaking":
            await asyncio.sleep(0.1)
        client.append_audio(loud(1000))
        await truncated.wait()
        client.append_audio(quiet(1000))
        while client.status != "idle":
            await asyncio.sleep(0.1)
    assert loudspeaker.played


async def run_ask(simulator: Simulator, _folder: Path) -> None:
    async with client_of(simulator) as client:
        assert await program("ask", simulator)(client, "Is it late?") == "Is it late?"


async def run_offer(simulator: Simulator, _folder: Path) -> None:
    switched: list[bool] = []
    heard = asyncio.Event()
    async with client_of(simulator) as client:
        program("offer", simulator)(client, {"set_light": lambda on: switched.append(on)})
        client.on("response.audio_transcript.done", lambda _event: heard.set())
        client.append_audio(loud(1000) + quiet(1000))
        await heard.wait()
    assert switched == [True]


async def run_run_limited(simulator: Simulator, _folder: Path) -> None:
    simulator.fault("refuse", times=0, status=503)
    assert "503" in await program("run_limited", simulator)("any")


async def run_services(simulator: Simulator, _folder: Path) -> None:
    clients = program("services", simulator)("any", "any")
    assert [client.state for client in clients] == 3 * ["closed"]


async def run_spend(simulator: Simulator, folder: Path) -> None:
    assert await program("spend", simulator)("any", folder / "usage.json") == 0.0


RUNS: dict[str, Callable[[Simulator, Path], Awaitable[None]]] = {
    "talk": run_talk,
    "let_speak": run_let_speak,
    "ask": run_ask,
    "offer": run_offer,
    "run_limited": run_run_limited,
    "services": run_services,
    "spend": run_spend,
}


def test_every_block_of_the_document_is_run() -> None:
    functions = [re.findall(r"^(?:async )?def (\w+)\(", block, re.M) for block in BLOCKS]
    assert sorted(names[-1] for names in functions) == sorted(RUNS)


@pytest.mark.parametrize("name", RUNS)
async def test_a_block_does_what_it_says(name: str, tmp_path: Path) -> None:
    detector = SileroVoiceDetector if name == "talk" else EnergyHearing
    pacing: Pacing = "realtime" if name == "let_speak" else "burst"
    async with Simulator(
        scenario=LIGHT if name == "offer" else None,
        voice="tone",
        pacing=pacing,
        voice_detector=detector,
    ) as simulator:
        async with asyncio.timeout(60):
            await RUNS[name](simulator, tmp_path)


def names_in(heading: str) -> set[str]:
    """The names in code style in a section."""
    section = DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`(?:await )?(\w+)[(`]", section))


def test_every_method_and_property_of_the_client_is_in_the_tables() -> None:
    members = {name for name in vars(AzureRealTimeAudio) if not name.startswith("_")}
    properties = {name for name in members if isinstance(vars(AzureRealTimeAudio)[name], property)}
    methods = members - properties - {"for_endpoint"}
    assert methods <= names_in("Methods")
    assert properties | {"is_quiet"} <= names_in("Properties")


@pytest.mark.parametrize("options", [WebsocketOptions, SessionPolicy, Prices])
def test_every_option_of_a_connection_is_in_the_tables(
    options: type[WebsocketOptions | SessionPolicy | Prices],
) -> None:
    assert {each.name for each in fields(options)} <= names_in("Constructor")


def test_every_field_of_a_change_of_the_connection_is_there() -> None:
    assert {each.name for each in fields(ConnectionChanged)} <= names_in("Events")
