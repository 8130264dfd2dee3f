"""What people hear besides answers, when, and that it disturbs nothing."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.wav_devices import WavMicrophone, read_wav
from rtaudio_daemon.audio.processing.earcons import NAMES, earcon
from rtaudio_daemon.audio.processing.echo import Echo
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS, Frame
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, Samples, find, samples, speech
from tests.sound_server import SoundServer, sound_server
from tests.strict import Dialect

__all__ = ["sound_server"]
Change = Callable[[config.Config], config.Config]
both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
ANSWER = speech("weather")
VOLUME = config.Earcons().volume
SILENT = config.Earcons("never", done=False, muted=False, error=False, connected=False)
ALL = config.Earcons("always", done=True, muted=True, error=True, connected=True)


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def sounds(earcons: config.Earcons, **audio: Any) -> Change:
    return lambda settings: replace(
        settings, audio=replace(settings.audio, earcons=earcons, **audio)
    )


def woken_by(earcons: config.Earcons) -> Change:
    return sounds(earcons, listen="wake_word", wake=config.Wake(word="alexa", follow_up_s=8))


def spoken(folder: Path, words: str) -> bytes:
    path = folder / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "140", "-w", str(path), words], check=True)
    return read_wav(path)


def likeness(name: str, heard: Samples, volume: float = VOLUME) -> float:
    return find(samples(earcon(name, volume)), heard)[1]


def at_ms(name: str, heard: Samples) -> float:
    at, alike = find(samples(earcon(name, VOLUME)), heard)
    assert alike > 0.98, f"{name} was not heard ({alike:.2f})"
    return at / 24


# ------------------------------------------------------------------ the sounds


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_is_short_begins_and_ends_softly_and_is_as_loud_as_asked(name: str) -> None:
    sound = samples(earcon(name, 1.0))
    assert 0.1 < len(sound) / 24_000 < 0.4
    assert np.abs(sound).max() == pytest.approx(16383, abs=2)
    assert np.abs(sound[:10]).max() < 1000
    assert np.abs(sound[-10:]).max() < 10
    softer = samples(earcon(name, 0.25))
    assert np.abs(softer - sound / 4).max() <= 1


def test_no_two_sounds_are_alike() -> None:
    silence = np.zeros(12_000)
    for one in NAMES:
        for other in NAMES:
            heard = np.concatenate([silence, samples(earcon(other, VOLUME)), silence])
            assert (likeness(one, heard) > 0.98) == (one == other), (one, other)


# -------------------------------------------------------------------- the gate


class Certain:
    """Takes every sound for speech."""

    def probability(self, pcm: bytes) -> float:
        return 1.0 if any(pcm) else 0.0


FRAME = b"x" * 960
NOTHING = bytes(960)


def fed(gate: Gate, frames: int) -> bytes:
    return b"".join(gate.feed(FRAME).pcm_to_send for _ in range(frames))


def test_a_gate_that_ignores_opens_for_nothing_and_keeps_nothing_of_it() -> None:
    gate = Gate(config.Gate(), Certain())
    gate.ignore(500)
    assert fed(gate, 25) == b""
    sent = fed(gate, 4)
    assert sent.strip(b"\0") == FRAME * 4, "only what came after it"
    assert gate.hears


def test_an_open_gate_lets_silence_through_instead_of_our_own_sound() -> None:
    gate = Gate(config.Gate(), Certain())
    fed(gate, 4)
    gate.ignore(100)
    assert fed(gate, 6) == NOTHING * 5 + FRAME


def test_the_pieces_of_speech_before_and_after_it_are_not_one_speech() -> None:
    gate = Gate(config.Gate(start_ms=80, start_window_ms=200), Certain())
    assert fed(gate, 3) == b""
    gate.ignore(20)
    assert fed(gate, 4) == b""
    assert fed(gate, 1)


def test_what_goes_past_the_gate_is_silence_meanwhile_and_headphones_are_no_matter() -> None:
    gate = Gate(config.Gate(), Certain())
    gate.ignore(40)
    assert [gate.bypass(FRAME) for _ in range(3)] == [NOTHING, NOTHING, FRAME]
    gate = Gate(config.Gate(), Certain(), Echo("off"))
    gate.ignore(40)
    assert gate.bypass(FRAME) == FRAME


def test_a_gate_that_is_always_open_sends_silence_meanwhile() -> None:
    gate = Gate(config.Gate(engine="always"), Certain())
    gate.ignore(40)
    assert fed(gate, 3) == NOTHING * 2 + FRAME


def test_what_is_left_to_ignore_when_the_sound_pauses_is_over_when_it_comes_again() -> None:
    gate = Gate(config.Gate(), Certain())
    gate.ignore(500)
    gate.bypass(FRAME)
    gate.pause()
    assert gate.bypass(FRAME) == FRAME


# ----------------------------------------------------------------- the stories


@both_dialects
async def test_after_the_wake_word_alone_a_sound_invites_to_speak(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1500, spoken(tmp_path, "alexa")), (1500, speech("hello"))]
    change = woken_by(config.Earcons())
    async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=change) as harness:
        await harness.until(lambda: harness.named("wake"))
        await asyncio.sleep(0.8)
        state = await harness.status()
        assert (state["status"], state["uplink"]["bytes"]) == ("idle", 0)
        await harness.turns(1)
        assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        sent = samples(harness.simulator.sessions[-1].heard)
        assert find(samples(speech("hello")), sent)[1] > 0.99, "every word after the sound"
    heard = harness.heard()
    assert at_ms("listening", heard) < at_ms_of_answer(heard)


async def test_who_mutes_right_after_the_wake_word_is_not_invited_to_speak(tmp_path: Path) -> None:
    said = [(1500, spoken(tmp_path, "alexa"))]
    change = woken_by(config.Earcons())
    async with Harness(tmp_path, said, reply=answer, change=change) as harness:
        await harness.until(lambda: harness.named("wake"))
        await harness.post("/api/mute")
        await asyncio.sleep(2)
    heard = harness.heard()
    at_ms("muted", heard)
    assert likeness("listening", heard) < 0.9


def at_ms_of_answer(heard: Samples) -> float:
    at, alike = find(samples(ANSWER), heard)
    assert alike > 0.99
    return at / 24


@both_dialects
async def test_in_one_breath_no_sound_interrupts_and_no_word_is_lost(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(1500, spoken(tmp_path, "alexa, what time is it"))]
    change = woken_by(ALL)
    async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=change) as harness:
        await harness.turns(1)
        assert len(harness.named("wake")) == 1
        sent = samples(harness.simulator.sessions[-1].heard)
    question = samples(said[0][1])[-18_000:]
    assert find(question, sent)[1] > 0.99
    assert likeness("listening", harness.heard()) < 0.9


@both_dialects
async def test_the_end_of_a_turn_is_told_and_delays_nothing(
    tmp_path: Path, dialect: Dialect
) -> None:
    async def after_a_while(_turn: Turn) -> Reply:
        return Reply("Rain.", ANSWER, delay_s=0.4)

    waited, truth = [], []
    for earcons in (SILENT, replace(SILENT, done=True)):
        change = sounds(earcons)
        said = [(1500, speech("hello"))]
        async with Harness(
            tmp_path, said, dialect=dialect, reply=after_a_while, change=change
        ) as harness:
            await harness.turns(1)
            waited.append(harness.time_of("speaking") - harness.time_of("thinking"))
            truth.append(harness.statuses)
        heard = harness.heard()
    assert at_ms("done", heard) < at_ms_of_answer(heard)
    assert waited[1] == pytest.approx(waited[0], abs=0.03)
    assert truth[0] == truth[1]


@both_dialects
async def test_a_sound_over_an_answer_moves_neither_its_end_nor_where_it_was_cut_off(
    tmp_path: Path, dialect: Dialect
) -> None:
    cut_at, interruptions = [], []
    for earcons in (SILENT, ALL):
        change = sounds(earcons)
        said = [(1500, speech("hello"))]
        async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=change) as harness:
            await harness.until(lambda: harness.statuses[-1] == "speaking")
            began = asyncio.get_running_loop().time()
            await harness.post("/api/mute")
            await asyncio.sleep(began + 1.0 - asyncio.get_running_loop().time())
            await harness.post("/api/interrupt")
            await harness.turns(1)
            cut_at += [
                one["audio_end_ms"] for one in harness.received("conversation.item.truncate")
            ]
            interruptions += [one["audio_end_ms"] for one in harness.named("interruption")]
            assert harness.statuses == ["idle", "listening", "thinking", "speaking", "idle"]
        heard = harness.heard()
    assert cut_at == interruptions
    assert len(cut_at) == 2
    assert abs(cut_at[0] - cut_at[1]) <= 20
    assert likeness("muted", heard) > 0.5, "it was there"


async def test_muting_is_heard_both_ways_and_changes_no_status(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(0, bytes(48_000))], change=sounds(config.Earcons())) as harness:
        await harness.post("/api/mute")
        await asyncio.sleep(1)
        await harness.post("/api/unmute")
        await asyncio.sleep(1)
        assert harness.statuses == ["idle"]
        assert (await harness.status())["uplink"]["bytes"] == 0
    heard = harness.heard()
    assert at_ms("unmuted", heard) - at_ms("muted", heard) == pytest.approx(1000, abs=60)


def always_open(settings: config.Config) -> config.Config:
    gate = config.Gate(engine="always")
    return sounds(config.Earcons(), gate=gate, echo="half_duplex")(settings)


HUM = b"\x10\0" * (24 * 20)  # a frame that nobody takes for speech


def silent_ms(sent: bytes) -> float:
    """How long the silence is with which `sent` begins."""
    return (len(sent) - len(sent.lstrip(b"\0"))) / BYTES_PER_MS


@pytest.mark.parametrize("away_s", [0.1, 0.3, 2.0])
@pytest.mark.parametrize("pause", ["muted", "lost"])
async def test_a_sound_that_is_over_when_the_microphone_opens_costs_no_word(
    tmp_path: Path, pause: str, away_s: float
) -> None:
    async with Harness(tmp_path, [(0, HUM * 500)], change=always_open) as harness:
        await harness.until(lambda: harness.named("connection"))
        if pause == "muted":
            await harness.post("/api/mute")
            await asyncio.sleep(3)
            harness.app.controls.mute(False)
            harness.device().pause(True)  # a real one does not open at once
        else:
            harness.lose_microphone()
            await asyncio.sleep(3)
            harness.app.assistant.play_earcon(earcon("unmuted", VOLUME))
        before = len(harness.simulator.sessions[-1].heard)
        await asyncio.sleep(away_s)
        harness.find_microphone()
        await asyncio.sleep(1)
        ignored_ms = 20 + len(earcon("unmuted", VOLUME)) / BYTES_PER_MS + 200
        wanted_ms = max(0, ignored_ms - away_s * 1000)
        assert silent_ms(harness.simulator.sessions[-1].heard[before:]) == pytest.approx(
            wanted_ms, abs=25
        )


@pytest.mark.parametrize("away_s", [0.0, 0.2, 0.4])
async def test_nothing_of_a_sound_is_sent_because_a_quiet_house_hears_in_bursts(
    tmp_path: Path, away_s: float
) -> None:
    async with Harness(tmp_path, change=always_open) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")
        await asyncio.sleep(15)
        harness.app.controls.mute(False)
        began = asyncio.get_running_loop().time()
        microphone = harness.device()
        assert isinstance(microphone, WavMicrophone)
        microphone.pause(True)
        before = len(harness.simulator.sessions[-1].heard)
        await asyncio.sleep(away_s)
        if not away_s:
            microphone._frames.put(Frame(HUM))  # it never was away
        first_ms = (asyncio.get_running_loop().time() - began) * 1000
        for _ in range(12):
            await asyncio.sleep(0.1)
            for _ in range(5):
                microphone._frames.put(Frame(HUM))
        await asyncio.sleep(0.5)
        ends_ms = 20 + len(earcon("unmuted", VOLUME)) / BYTES_PER_MS + 200
        silent = silent_ms(harness.simulator.sessions[-1].heard[before:])
        assert ends_ms <= first_ms + silent <= ends_ms + 150


async def test_nothing_of_a_sound_is_sent_because_a_busy_machine_hands_it_over_late(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, [(0, HUM * 50)], change=always_open) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(1)
        microphone = harness.device()
        assert isinstance(microphone, WavMicrophone)
        microphone.pause(True)
        await asyncio.sleep(0.1)
        before = len(harness.simulator.sessions[-1].heard)
        harness.app.assistant.play_earcon(earcon("error", VOLUME))
        await asyncio.sleep(0.8)
        for _ in range(40):
            microphone._frames.put(Frame(HUM))
        await asyncio.sleep(0.5)
        heard_ms = 20 + len(earcon("error", VOLUME)) / BYTES_PER_MS + 200
        assert silent_ms(harness.simulator.sessions[-1].heard[before:]) >= heard_ms


async def test_with_the_volume_at_half_a_sound_is_half_as_loud_and_at_nothing_it_is_silent(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, change=sounds(config.Earcons())) as harness:
        await harness.post("/api/volume", {"level": 0.5})
        await harness.post("/api/mute")
        await asyncio.sleep(1)
        await harness.post("/api/volume", {"level": 0})
        await harness.post("/api/unmute")
        await asyncio.sleep(1)
    heard = harness.heard()
    assert np.abs(heard).max() == pytest.approx(16383 * VOLUME / 2, abs=3)
    assert likeness("unmuted", heard) < 0.9


@both_dialects
@pytest.mark.parametrize("trouble", ["failed", "lost"])
async def test_an_answer_that_does_not_come_is_told_once(
    tmp_path: Path, dialect: Dialect, trouble: str
) -> None:
    async def slowly(_turn: Turn) -> Reply:
        return Reply("Rain.", ANSWER, delay_s=1.5)

    said = [(1500, speech("hello"))]
    change = sounds(config.Earcons())
    async with Harness(tmp_path, said, dialect=dialect, reply=slowly, change=change) as harness:
        if trouble == "failed":
            harness.simulator.fault("fail", message="The model is overloaded.")
        await harness.until(lambda: harness.statuses[-1] == "thinking")
        if trouble == "lost":
            await asyncio.sleep(0.5)
            await harness.simulator.stop()
        await harness.until(lambda: harness.statuses[-1] == "idle")
        await asyncio.sleep(2)
    heard = harness.heard()
    at_ms("error", heard)
    at = find(samples(earcon("error", VOLUME)), heard)[0]
    heard[at : at + 24_000] = 0
    assert likeness("error", heard) < 0.9, "once"


async def test_who_calls_while_the_service_is_away_is_told(tmp_path: Path) -> None:
    said = [(2500, spoken(tmp_path, "alexa")), (10_000, spoken(tmp_path, "alexa, what time is it"))]
    async with Harness(tmp_path, said, change=woken_by(config.Earcons())) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.simulator.stop()
        await harness.until(lambda: len(harness.named("wake")) == 2)
        await asyncio.sleep(4)
    heard = harness.heard()
    assert likeness("listening", heard) < 0.9
    for _ in ("after the word alone", "after the question"):
        at, alike = find(samples(earcon("error", VOLUME)), heard)
        assert alike > 0.98
        heard[at : at + 12_000] = 0
    assert likeness("error", heard) < 0.9


async def test_the_connection_is_told_of_at_first_and_when_it_comes_back(tmp_path: Path) -> None:
    change = sounds(replace(SILENT, connected=True))
    async with Harness(tmp_path, change=change) as harness:
        await asyncio.sleep(2)
        harness.simulator.fault("drop")
        await harness.until(lambda: harness.named("connection")[-1]["reconnects"] == 1)
        await asyncio.sleep(2)
    heard = harness.heard()
    for _ in ("first", "again"):
        at, alike = find(samples(earcon("connected", VOLUME)), heard)
        assert alike > 0.98
        heard[at : at + 12_000] = 0
    assert likeness("connected", heard) < 0.9


async def test_a_session_opened_by_speech_is_told_of_once_or_never(tmp_path: Path) -> None:
    def held_on_speech(settings: config.Config) -> config.Config:
        settings = sounds(replace(SILENT, connected=True))(settings)
        return replace(
            settings, realtime=replace(settings.realtime, hold="on_speech", hold_idle_s=5)
        )

    said = [(3000, speech("hello")), (20_000, speech("hello"))]
    async with Harness(tmp_path, said, reply=answer, change=held_on_speech) as harness:
        await harness.turns(2)
        assert len(harness.simulator.sessions) == 2
        sent = samples(b"".join(session.heard for session in harness.simulator.sessions))
    assert find(samples(speech("hello")), sent)[1] > 0.99
    assert likeness("connected", harness.heard()) < 0.9, "somebody spoke"


@both_dialects
async def test_the_button_sounds_only_when_asked_to_and_then_silence_is_sent_first(
    tmp_path: Path, dialect: Dialect
) -> None:
    said = [(0, speech("weather") * 3)]
    for listening, quiet_ms in (("wake_word", 0), ("always", 370)):
        change = sounds(replace(SILENT, listening=listening), gate=config.Gate(engine="never"))
        async with Harness(tmp_path, said, dialect=dialect, reply=answer, change=change) as harness:
            await harness.until(lambda: harness.named("connection"))
            await asyncio.sleep(1)
            await harness.post("/api/listen/start")
            await asyncio.sleep(2)
            await harness.post("/api/listen/stop")
            await harness.turns(1)
            sent = harness.simulator.sessions[-1].heard
            silence = len(sent) - len(sent.lstrip(b"\0"))
            assert silence / BYTES_PER_MS == pytest.approx(quiet_ms, abs=21)
            assert len(sent) / BYTES_PER_MS == pytest.approx(2000, abs=60)
        assert (likeness("listening", harness.heard()) > 0.98) == (listening == "always")


async def test_a_reload_changes_the_sounds_at_once(tmp_path: Path) -> None:
    async with Harness(tmp_path, change=sounds(SILENT)) as harness:
        await harness.post("/api/mute")
        await asyncio.sleep(1)
        harness.edit = sounds(config.Earcons())
        _, report = await harness.post("/api/reload")
        assert {(each["part"], each["state"]) for each in report["changed"]} == {
            ("earcons", "applied")
        }
        await harness.post("/api/unmute")
        await asyncio.sleep(1)
    heard = harness.heard()
    at_ms("unmuted", heard)
    assert likeness("muted", heard) < 0.9


# ------------------------------------------------------------------ real sound


@pytest.mark.sound
@pytest.mark.slow
@pytest.mark.parametrize("echo", ["half_duplex", "cancel"])
async def test_with_every_sound_on_and_the_microphone_next_to_the_loudspeaker_nothing_is_sent(
    sound_server: SoundServer, tmp_path: Path, echo: str
) -> None:
    if echo == "cancel":
        pytest.importorskip("livekit")
    sound_server.echo(delay_ms=80, gain=1.0)
    simulator = Simulator(api_key=KEY, reply=answer)

    def loud(settings: config.Config) -> config.Config:
        audio = replace(
            settings.audio,
            input=config.Input(),
            output=config.Output(),
            earcons=replace(ALL, volume=1.0),
            echo=echo,
        )
        return replace(settings, audio=audio)

    async with Harness(tmp_path, simulator=simulator, change=loud) as harness:
        await harness.until_it_can_talk()
        recording = sound_server.record(tmp_path / "microphone.raw", "mic_in.monitor")
        for _ in range(3):
            harness.simulator.fault("drop")
            opened = len(harness.simulator.sessions)
            await harness.until(lambda: len(harness.simulator.sessions) > opened)  # noqa: B023
            await asyncio.sleep(1.2)
            for path in ("/api/mute", "/api/unmute"):
                await harness.post(path)
                await asyncio.sleep(1.2)
        for name in NAMES:
            harness.app.assistant.play_earcon(earcon(name, 1.0))
            await asyncio.sleep(1.2)
        for _ in range(3):
            harness.app.assistant._power_saving._relax()  # as in a quiet house
            await asyncio.sleep(1.5)
            harness.app.assistant.play_earcon(earcon("error", 1.0))
            await asyncio.sleep(2)
        state = await harness.status()
        assert (state["uplink"]["bytes"], harness.statuses) == (0, ["idle"])
        assert all(not session.heard for session in harness.simulator.sessions)
        heard = samples(recording.stop())
    for name in NAMES:
        assert likeness(name, heard, 1.0) > 0.9, f"the microphone heard {name}"
