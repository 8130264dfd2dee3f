"""What each surface says in each state of the daemon, in one table.

A daemon is brought into the state by what brings it there in a room. The page is read from
Chromium, the rest from `/ready`, `/metrics`, `/api/status` and the socket of systemd.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.wav_devices import WavMicrophone
from rtaudio_daemon.notifications import DeviceCode, DeviceState
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.api.browser import Visit, browsing
from tests.daemon.test_systemd import Manager
from tests.harness import KEY, Harness, speech
from tests.stories.test_missing_sound import NO_CARDS
from tests.stories.test_tools import offer
from tests.tools.fakes import FakeSource

pytestmark = [pytest.mark.real_time, pytest.mark.alone]


def deaf_gate(settings: config.Config) -> config.Config:
    gate = replace(settings.audio.gate, engine="never")
    return replace(settings, audio=replace(settings.audio, gate=gate))


def on_speech(settings: config.Config) -> config.Config:
    return replace(deaf_gate(settings), realtime=replace(settings.realtime, hold="on_speech"))


def dear(settings: config.Config) -> config.Config:
    budget = config.Budget(daily_limit=0.01, prices=config.Prices(audio_output=1e6))
    return replace(deaf_gate(settings), realtime=replace(settings.realtime, budget=budget))


def default_loudspeaker(settings: config.Config) -> config.Config:
    settings = deaf_gate(settings)
    return replace(settings, audio=replace(settings.audio, output=config.Output()))


async def nothing(_harness: Harness) -> None:
    pass


async def listen(harness: Harness) -> None:
    assert (await harness.post("/api/listen/start"))[0] == 200


async def ask(harness: Harness) -> None:
    assert (await harness.post("/api/say", {"text": "Will it rain?"}))[0] == 200


async def call(harness: Harness) -> None:
    source = FakeSource()
    source.add("slow", lambda _arguments: asyncio.sleep(25))
    offer(harness, source)
    await ask(harness)
    await harness.until(lambda: harness.named("tool"))


async def renew(harness: Harness) -> None:
    harness.simulator.fault("slow", on="session.created", delay_s=8, for_s=8)


async def mute(harness: Harness) -> None:
    assert (await harness.post("/api/mute"))[0] == 200


async def lose_service(harness: Harness) -> None:
    harness.simulator.fault("refuse", status=503, times=100)
    await harness.simulator.drop_connections()


def microphone_is(state: DeviceState, why: str, code: DeviceCode) -> Happening:
    async def happen(harness: Harness) -> None:
        device = harness.device()
        assert isinstance(device, WavMicrophone)
        device.state = state
        harness.lose_microphone(state, why, code)

    return happen


Happening = Callable[[Harness], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """A state: how it comes about, and what is said in it."""

    change: Callable[[config.Config], config.Config]
    happens: Happening
    page: str
    """The headline, then the pills, which do not repeat it."""
    ready: str
    metrics: str
    """The labels of the states that are 1: status, connection, microphone, speaker, others."""
    status: str
    systemd: str


SENT = "○ Sound stays here, 0 kB sent since the start"
CONNECTED = f"{SENT}, Connected"
FINE = "idle open ok ok"
LIMIT = (
    "the daily limit of 0.01 is used up (… spent); "
    "it goes on at midnight, or with a higher realtime.budget.daily_limit"
)
ROWS = {
    "idle": Row(
        deaf_gate,
        nothing,
        f"idle: {CONNECTED}",
        "ready",
        FINE,
        FINE,
        "idle: Hold the button to talk; session S",
    ),
    "listening": Row(
        deaf_gate,
        listen,
        "listening: ● Sound is sent to the service, … sent since the start, Connected",
        "ready",
        "listening open ok ok",
        "listening open ok ok",
        "listening: Somebody is speaking, or a question waits for an answer; session S",
    ),
    "thinking": Row(
        deaf_gate,
        ask,
        f"thinking: {CONNECTED}",
        "ready",
        "thinking open ok ok",
        "thinking open ok ok",
        "thinking: Preparing an answer; session S",
    ),
    "tool running": Row(
        deaf_gate,
        call,
        f"thinking: {CONNECTED}",
        "ready",
        "thinking open ok ok",
        "thinking open ok ok",
        "thinking: Preparing an answer; session S",
    ),
    "speaking": Row(
        deaf_gate,
        ask,
        f"speaking: {CONNECTED}",
        "ready",
        "speaking open ok ok",
        "speaking open ok ok",
        "speaking: Speaking the answer; speak to interrupt it; session S",
    ),
    "asleep": Row(
        on_speech,
        nothing,
        f"asleep: {SENT}, Not connected",
        "ready",
        "idle closed ok ok asleep",
        "idle closed ok ok asleep",
        "asleep: The session opens when somebody speaks",
    ),
    "renewing": Row(
        deaf_gate,
        renew,
        f"renewing: {CONNECTED}",
        "ready",
        "idle renewing ok ok",
        "idle renewing ok ok",
        "renewing: The next session is taking over; the conversation goes on; session S",
    ),
    "muted": Row(
        deaf_gate,
        mute,
        f"muted: {CONNECTED}",
        "ready",
        f"{FINE} muted",
        f"{FINE} muted",
        "muted: The microphone is closed; session S",
    ),
    "muted and asleep": Row(
        on_speech,
        mute,
        f"muted: {SENT}, asleep",
        "ready",
        "idle closed ok ok asleep muted",
        "idle closed ok ok asleep muted",
        "muted: The microphone is closed. The session opens when somebody speaks",
    ),
    "deaf": Row(
        deaf_gate,
        microphone_is(DeviceState.DEAF, "it delivers digital silence", DeviceCode.SILENT),
        f"microphone deaf: {CONNECTED}",
        "the microphone is deaf",
        "idle open deaf ok",
        "idle open deaf ok",
        "microphone deaf: The microphone delivers no usable sound: "
        "it delivers digital silence; session S",
    ),
    "microphone lost": Row(
        deaf_gate,
        microphone_is(DeviceState.LOST, "it was unplugged", DeviceCode.LOST),
        f"microphone lost: {CONNECTED}",
        "the microphone is lost",
        "idle open lost ok",
        "idle open lost ok",
        "microphone lost: The microphone is lost, and the daemon is looking for it: "
        "it was unplugged; session S",
    ),
    "no loudspeaker": Row(
        default_loudspeaker,
        nothing,
        f"no loudspeaker: {CONNECTED}",
        "the loudspeaker is none",
        "idle open ok none",
        "idle open ok none",
        "no loudspeaker: There is no loudspeaker: PortAudio finds no sound device; session S",
    ),
    "connection lost": Row(
        deaf_gate,
        lose_service,
        f"no connection: {SENT}, Not connected",
        "the connection to the service is connecting: WHY",
        "idle connecting ok ok",
        "idle connecting ok ok",
        "no connection: The service cannot be reached: WHY",
    ),
    "over budget": Row(
        dear,
        ask,
        f"over budget: {SENT}, Not connected",
        f"the connection to the service is closed: {LIMIT}",
        "idle closed ok ok",
        "idle closed ok ok",
        f"over budget: Today's budget is used up, so there is no session: {LIMIT}",
    ),
}


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.environment["NOTIFY_SOCKET"])
    yield manager
    manager.socket.close()


def answers(state: str) -> Callable[[Turn], Reply]:
    if state == "thinking":
        return lambda _turn: Reply("Rain.", speech("stop"), delay_s=20)
    if state == "tool running":
        return lambda _turn: Reply(calls=(Call("slow"),))
    return lambda _turn: Reply("Rain.", speech("stop" if state == "over budget" else "weather"))


@pytest.mark.parametrize("state", list(ROWS))
async def test_every_surface_says_what_is_so(
    state: str, manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ROWS[state]
    if state == "no loudspeaker":
        (tmp_path / "pyaudio.py").write_text(NO_CARDS.replace("{asked}", str(tmp_path)))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    simulator = Simulator(
        api_key=KEY, reply=answers(state), lifetime_s=6.0 if state == "renewing" else 3600.0
    )
    harness = Harness(tmp_path, simulator=simulator, change=row.change)
    async with browsing() as visit, harness:
        if "asleep" not in state:
            await harness.until(
                lambda: any(each["state"] == "open" for each in harness.named("connection"))
            )
        await visit.open(harness.app.address)
        await row.happens(harness)
        assert await settled(lambda: metrics(harness), row.metrics) == row.metrics
        assert await status(harness) == row.status
        assert masked(await ready(harness)) == row.ready
        assert await settled(lambda: page(visit), row.page) == row.page
        assert masked(statuses(manager)[-1]) == row.systemd
        assert await metrics(harness) == row.metrics, "it was so all the while"


async def test_a_daemon_that_is_gone_claims_nothing(tmp_path: Path, manager: Manager) -> None:
    async with browsing() as visit:
        async with Harness(tmp_path, change=deaf_gate) as harness:
            await visit.open(harness.app.address)
            assert await settled(lambda: page(visit), f"idle: {CONNECTED}") == f"idle: {CONNECTED}"
        assert await settled(lambda: page(visit), "daemon gone: ") == "daemon gone: "
        async with aiohttp.ClientSession(harness.app.address) as http:
            for path in ("/ready", "/metrics", "/api/status"):
                with pytest.raises(aiohttp.ClientConnectionError):
                    await http.get(path)
    assert manager.heard()[-1].startswith("STOPPING=1")


async def settled(read: Callable[[], Awaitable[str]], expected: str) -> str:
    """What is read once it is `expected`, or after 20 s."""
    now = asyncio.get_running_loop().time
    end = now() + 20
    while (found := await read()) != expected and now() < end:
        await asyncio.sleep(0.05)
    return found


async def page(visit: Visit) -> str:
    pills = await visit.page.evaluate(
        "[...document.querySelectorAll('.pill:not([hidden])')].map((one) => one.textContent)"
    )
    words = ", ".join(pills)
    if "●" in words:
        words = re.sub(r"\d+ kB", "…", words)
    return f"{await visit.words('word')}: {words}"


async def ready(harness: Harness) -> str:
    async with harness.http.get("/ready") as answer:
        body = await answer.json()
        assert body["ready"] is (answer.status == 200) is (not body["reasons"])
        return ", ".join(body["reasons"]) or "ready"


async def metrics(harness: Harness) -> str:
    async with harness.http.get("/metrics") as answer:
        text = await answer.text()

    def state(name: str, labels: str = "") -> str:
        return " ".join(re.findall(rf'^rtaudio_{name}{{{labels}\w+="(\w+)"}} 1\.0$', text, re.M))

    found = [
        state("status"),
        state("connection"),
        state("device_state", 'direction="microphone",'),
        state("device_state", 'direction="speaker",'),
    ]
    flags = [flag for flag in ("asleep", "muted") if f"\nrtaudio_{flag} 1.0\n" in text]
    return " ".join(found + flags)


async def status(harness: Harness) -> str:
    found: dict[str, Any] = await harness.status()
    connection = found["connection"]
    parts = [found["status"], connection["state"]]
    parts += [found["microphone"]["state"], found["speaker"]["state"]]
    return " ".join(parts + ["asleep"] * connection["asleep"] + ["muted"] * found["muted"])


def statuses(manager: Manager) -> list[str]:
    lines = "\n".join(manager.heard()).splitlines()
    return [line.removeprefix("STATUS=") for line in lines if line.startswith("STATUS=")]


def masked(words: str) -> str:
    """`words` without what differs from run to run."""
    words = re.sub(r"sess_\w+", "S", words)
    words = re.sub(r"\(\d+\.\d+ spent\)", "(… spent)", words)
    words = re.sub(r"connecting: .+", "connecting: WHY", words)
    return re.sub(r"cannot be reached: .+", "cannot be reached: WHY", words)
