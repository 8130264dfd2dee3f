"""To whom the house listens, and when: before there is a session, after a wake word, in doubt."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.notifications import DeviceChanged, DeviceState
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, by_the_gate, by_the_service, find, samples, speech
from tests.strict import Dialect
from tests.waiting import until

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")
SHORT = speech("stop")[: 400 * BYTES_PER_MS]


def spoken(folder: Path, words: str) -> bytes:
    path = folder / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "140", "-w", str(path), words], check=True)
    return read_wav(path)


def woken(settings: config.Config) -> config.Config:
    wake = config.Wake(word="alexa", follow_up_s=4)
    return replace(settings, audio=replace(settings.audio, listen="wake_word", wake=wake))


async def test_in_the_midst_of_speech_sound_is_sent_in_longer_pieces_and_all_of_it(
    tmp_path: Path,
) -> None:
    said = [(1000, speech("weather")), (3000, b"")]
    async with Harness(tmp_path, said) as harness:
        await harness.turns(1)
        pieces = [
            int(message["audio"].split()[0].lstrip("<")) // BYTES_PER_MS
            for message in harness.received("input_audio_buffer.append")
        ]
        sent = samples(harness.simulator.sessions[-1].heard)
    assert set(pieces[1:]) <= {20, 40, 60}
    assert set(pieces[1:25]) == {20}, "at the beginning each frame at once, as somebody waits"
    assert pieces.count(60) > 20
    assert pieces[-10:] == [20] * 10, "and at the end"
    assert find(samples(speech("weather")), sent)[1] > 0.99


@both_dialects
async def test_after_an_answer_no_wake_word_is_needed_for_a_while_and_then_again(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [
        (1500, spoken(tmp_path, "alexa, what time is it")),
        (3500, speech("hello")),  # in the time for more, after the first answer
        (10_000, speech("weather")),  # long after the second one
        (3000, b""),
    ]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Noon.", SHORT))
    async with Harness(
        tmp_path, said, dialect=dialect, simulator=simulator, change=woken
    ) as harness:
        await harness.turns(2)
        await asyncio.sleep(20)
        assert len(harness.named("wake")) == 1
        assert harness.statuses[1:] == ["listening", "thinking", "speaking", "idle"] * 2
        sent = samples(harness.simulator.sessions[-1].heard)
    assert find(samples(speech("hello")), sent)[1] > 0.99, "the second question whole"
    assert find(samples(ANSWER), sent)[1] < 0.3, "and nothing of what was not for us"


async def test_after_the_answer_to_a_button_no_wake_word_is_needed_either(tmp_path: Path) -> None:
    said = [(1000, speech("hello")), (3000, speech("weather")), (9000, speech("stop")), (3000, b"")]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Noon.", SHORT))
    async with Harness(tmp_path, said, simulator=simulator, change=woken) as harness:
        await asyncio.sleep(0.8)
        await harness.post("/api/listen/start")
        await asyncio.sleep(3)
        await harness.post("/api/listen/stop")
        await harness.turns(2)
        await asyncio.sleep(15)
        assert not harness.named("wake")
        assert harness.statuses[1:].count("speaking") == 2, "and long after it, it is"
        sent = samples(harness.simulator.sessions[-1].heard)
    assert find(samples(speech("weather")), sent)[1] > 0.99


@pytest.mark.parametrize(
    ("listen", "engine", "least", "most"),
    [
        ("wake_word", "silero", 1, 1),
        ("push_to_talk", "silero", 500, 600),
        ("open", "never", 500, 600),
    ],
)
async def test_a_microphone_hears_somebody_also_where_nobody_is_listened_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listen: str, engine: str, least: int, most: int
) -> None:
    """Else it would be called deaf after some hours without a wake word, or a button."""

    def change(settings: config.Config) -> config.Config:
        gate = replace(settings.audio.gate, engine=engine)
        return replace(settings, audio=replace(settings.audio, listen=listen, gate=gate))

    said = [(3000, speech("weather")), (4000, b"")]
    async with Harness(tmp_path, said, change=change) as harness:
        noticed: list[None] = []
        monkeypatch.setattr(harness.device(), "speech_noticed", lambda: noticed.append(None))
        await asyncio.sleep(12)
        assert least <= len(noticed) <= most
        assert harness.statuses == ["idle"]


async def test_after_an_announcement_a_wake_word_is_needed(tmp_path: Path) -> None:
    said = [(3500, speech("hello")), (3000, b"")]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Dinner.", SHORT))
    async with Harness(tmp_path, said, simulator=simulator, change=woken) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Dinner is ready", "mode": "verbatim"})
        await harness.turns(1)
        assert harness.times[-1] - harness.times[0] < 3
        await asyncio.sleep(10)
        assert harness.statuses.count("listening") == 0
        assert harness.simulator.sessions[-1].heard == b""


@both_dialects
@pytest.mark.parametrize(
    ("speech_after_ms", "interrupted"), [(5500, True), (10_500, False)], ids=["over it", "after it"]
)
async def test_an_answer_that_comes_late_can_be_interrupted_and_followed_without_the_word(
    tmp_path: Path, dialect: Dialect, speech_after_ms: int, interrupted: bool
) -> None:
    async def late(_turn: Turn) -> Reply:
        return Reply("Rain, then sun.", ANSWER, delay_s=4)

    def briefly(settings: config.Config) -> config.Config:
        settings = woken(settings)
        wake = replace(settings.audio.wake, follow_up_s=2)
        return replace(settings, audio=replace(settings.audio, wake=wake))

    question = spoken(tmp_path, "alexa, what time is it")
    said = [(1500, question), (speech_after_ms, speech("hello"))]
    async with Harness(tmp_path, said, dialect=dialect, reply=late, change=briefly) as harness:
        await harness.until(lambda: harness.statuses.count("listening") == 2)
        before = harness.statuses[-2]
        assert before == ("speaking" if interrupted else "idle")
        await harness.until(lambda: harness.statuses.count("speaking") == 2)
        assert len(harness.named("wake")) == 1
        assert bool(harness.named("interruption")) == interrupted


@pytest.mark.parametrize("pause", ["muted", "lost"])
async def test_who_was_muted_or_lost_must_be_called_again(tmp_path: Path, pause: str) -> None:
    said = [(1500, spoken(tmp_path, "alexa, what time is it")), (4000, speech("weather") * 12)]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Noon.", SHORT))
    async with Harness(tmp_path, said, simulator=simulator, change=woken) as harness:
        await harness.turns(1)
        sent = (await harness.status())["uplink"]["bytes"]
        if pause == "muted":
            await harness.post("/api/mute")
        else:
            harness.lose_microphone()
        await asyncio.sleep(20)
        if pause == "muted":
            await harness.post("/api/unmute")
        else:
            harness.find_microphone()
        await asyncio.sleep(10)
        assert (await harness.status())["uplink"]["bytes"] == sent
        assert harness.statuses[-1] == "idle"


@both_dialects
async def test_a_wake_word_said_twice_in_a_hurry_counts_once(
    tmp_path: Path, dialect: Dialect
) -> None:
    word = spoken(tmp_path, "alexa")
    said = [(1500, word), (100, word), (5000, word), (3000, b"")]
    async with Harness(tmp_path, said, dialect=dialect, change=woken) as harness:
        await until(lambda: len(harness.named("wake")) == 2)
        await asyncio.sleep(6)
        assert len(harness.named("wake")) == 2


def patient(settings: config.Config) -> config.Config:
    """Listens for any wake word, without a canceller, which would take it for echo here."""
    wake = config.Wake(word="any", follow_up_s=6)
    audio = replace(settings.audio, listen="wake_word", wake=wake, echo="half_duplex")
    return replace(settings, audio=audio)


@both_dialects
@pytest.mark.parametrize("turns", [by_the_service, by_the_gate])
async def test_a_wake_word_alone_is_not_answered_and_what_is_said_then_is(
    tmp_path: Path, dialect: Dialect, turns: Callable[[config.Config], config.Config]
) -> None:
    path = tmp_path / "word.wav"  # spotted 180 ms before its end
    command = ["espeak-ng", "-v", "en-gb", "-s", "150", "-w", str(path), "hey mycroft"]
    subprocess.run(command, check=True)
    said = [(1500, read_wav(path)), (4000, speech("hello")), (3000, b"")]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Noon.", SHORT))
    async with Harness(
        tmp_path,
        said,
        dialect=dialect,
        simulator=simulator,
        change=lambda settings: turns(patient(settings)),
    ) as harness:
        await harness.until(lambda: harness.named("wake"))
        await asyncio.sleep(3.5)
        assert harness.statuses == ["idle"]
        assert harness.simulator.sessions[-1].heard == b""
        await harness.turns(1)
        sent = samples(harness.simulator.sessions[-1].heard)
    assert find(samples(speech("hello")), sent)[1] > 0.99
    assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]


@both_dialects
@pytest.mark.parametrize("turns", [by_the_service, by_the_gate])
async def test_a_wake_word_alone_ends_an_answer_and_what_is_said_then_is_answered(
    tmp_path: Path, dialect: Dialect, turns: Callable[[config.Config], config.Config]
) -> None:
    said = [(2500, spoken(tmp_path, "alexa")), (3000, speech("hello")), (3000, b"")]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain, then sun.", ANSWER))
    async with Harness(
        tmp_path,
        said,
        dialect=dialect,
        simulator=simulator,
        change=lambda settings: turns(patient(settings)),
    ) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.until(lambda: harness.named("interruption"))
        await asyncio.sleep(2.5)
        assert harness.statuses[-1] == "idle"
        assert harness.statuses.count("speaking") == 1
        await harness.turns(1)
        assert harness.statuses.count("speaking") == 2
        assert not harness.named("error")
        session = harness.simulator.sessions[-1]
        assert sum(item.data["role"] == "user" for item in session.items) == 2


@both_dialects
@pytest.mark.parametrize("refusals", [2, 3])
@pytest.mark.parametrize("turns", [by_the_service, by_the_gate])
async def test_what_is_said_while_the_connection_is_being_made_is_answered(
    tmp_path: Path,
    dialect: Dialect,
    refusals: int,
    turns: Callable[[config.Config], config.Config],
) -> None:
    said = [(300, speech("hello")), (0, bytes(48 * 1500))]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Rain, then sun.", ANSWER))
    simulator.fault("refuse", status=503, times=refusals)
    async with Harness(
        tmp_path, said, dialect=dialect, simulator=simulator, change=turns
    ) as harness:
        await harness.turns(1)
        assert not harness.named("error")
        sent = samples(harness.simulator.sessions[-1].heard)
        opened_s = next(
            time - harness.times[0]
            for time, (name, data) in zip(harness.times, harness.events, strict=True)
            if name == "connection" and data["state"] == "open"
        )
        assert opened_s > 0.8, "it was said, or being said, before"
    assert find(samples(speech("hello")), sent)[1] > 0.99, "from its first word"
    assert find(samples(ANSWER), harness.heard())[1] > 0.99


@pytest.mark.parametrize(("state", "answers"), [(DeviceState.DEAF, 2), (DeviceState.LOST, 1)])
async def test_a_microphone_that_is_silent_for_a_moment_keeps_the_time_for_more(
    tmp_path: Path, state: DeviceState, answers: int
) -> None:
    said = [
        (1500, spoken(tmp_path, "alexa, what time is it")),
        (3000, speech("hello")),
        (9000, b""),
    ]
    simulator = Simulator(api_key=KEY, reply=lambda _turn: Reply("Noon.", SHORT))
    async with Harness(tmp_path, said, simulator=simulator, change=woken) as harness:
        await harness.turns(1)
        for now in (state, DeviceState.OK):
            change = DeviceChanged("microphone", now, harness.device().device)
            harness.app.assistant.device_changed(change)
        await asyncio.sleep(12)
        assert harness.statuses.count("speaking") == answers
