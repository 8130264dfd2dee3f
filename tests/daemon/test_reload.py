"""A changed configuration while the house lives: nothing is cut off, nothing said is lost."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.microphone import PortAudioMicrophone
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.devices.worker_supervisor import WorkerSupervisor
from rtaudio_daemon.audio.worker.messages import StreamFacts
from rtaudio_daemon.daemon import reload
from rtaudio_daemon.daemon.reload import RESTART, changes, component_of
from rtaudio_daemon.daemon.service import trailing_ms
from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.notifications import DeviceChanged, DeviceState
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.harness import KEY, Harness, find, samples, speech
from tests.waiting import until

Edit = Callable[[config.Config], config.Config]
ANSWER = speech("weather")
TWICE = [(1000, speech("hello")), (11_000, speech("stop"))]


def weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def changed(settings: config.Config, path: str, value: Any) -> config.Config:
    """`settings` with another value of one option."""
    *sections, name = path.split(".")
    holders: list[Any] = [settings]
    for section in sections:
        holders.append(getattr(holders[-1], section))
    for holder, section in zip(reversed(holders), [name, *reversed(sections)], strict=True):
        value = replace(holder, **{section: value})
    return value  # type: ignore[no-any-return]


def with_(**options: Any) -> Edit:
    """An edit of some options: `audio__gate__threshold=0.4`."""

    def edit(settings: config.Config) -> config.Config:
        for path, value in options.items():
            settings = changed(settings, path.replace("__", "."), value)
        return settings

    return edit


def states(report: dict[str, Any]) -> dict[str, str]:
    return {each["option"]: each["state"] for each in report["changed"]}


@pytest.mark.parametrize(
    ("edit", "option"),
    [
        (with_(realtime__session__instructions="Be brief."), "realtime.session.instructions"),
        (with_(realtime__session__voice="echo"), "realtime.session.voice"),
        (with_(audio__gate__threshold=0.45), "audio.gate.threshold"),
    ],
    ids=["a session update", "a new session", "the gate"],
)
async def test_a_reload_in_the_middle_of_an_answer_neither_cuts_it_nor_loses_the_next_sentence(
    tmp_path: Path, edit: Edit, option: str
) -> None:
    async with Harness(tmp_path, TWICE, reply=weather) as harness:
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await asyncio.sleep(1)
        harness.edit = edit
        status, report = await harness.post("/api/reload")
        assert (status, states(report)) == (200, {option: "pending"})
        in_use = harness.simulator.sessions[0].received
        assert len([each for each in in_use if each["type"] == "session.update"]) == 1
        await harness.turns(2)
        assert harness.statuses == ["idle", *2 * ["listening", "thinking", "speaking", "idle"]]
        status, report = await harness.post("/api/reload")
        assert report["changed"] == [], "it was applied in between"
        heard = b"".join(session.heard for session in harness.simulator.sessions)
        updates = harness.received("session.update")
    assert find(samples(speech("stop")), samples(heard))[1] > 0.98, "the next sentence is whole"
    played = harness.heard()
    at, likeness = find(samples(ANSWER), played)
    assert likeness > 0.999, "the answer is whole"
    played[at : at + len(ANSWER) // 2] = 0  # whichever of the two it was
    assert find(samples(ANSWER), played)[1] > 0.999, "and the next"
    if "session" in option:
        assert option.rpartition(".")[2] in str(updates[-1])


async def test_the_volume_changes_at_once(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(1000, speech("hello"))], reply=weather) as harness:
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        harness.edit = with_(audio__output__volume=0.25)
        _, report = await harness.post("/api/reload")
        assert report["changed"] == [
            {
                "option": "audio.output.volume",
                "part": "volume",
                "before": 1.0,
                "after": 0.25,
                "state": "applied",
            }
        ]
        assert (await harness.status())["volume"] == 0.25
        await harness.until(lambda: harness.named("volume"))
        assert [each["level"] for each in harness.named("volume")] == [0.25]
        await harness.turns(1)


async def test_another_loudspeaker_is_as_loud_as_the_one_before(tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    async with Harness(tmp_path, [(4000, speech("hello"))], reply=weather) as harness:
        await harness.post("/api/volume", {"level": 0.25})
        harness.edit = with_(audio__output__device=f"wav:{other}")
        _, report = await harness.post("/api/reload")
        assert states(report) == {"audio.output.device": "applied"}
        await harness.turns(1)
    heard = samples(read_wav(other))
    at, likeness = find(samples(ANSWER), heard)
    assert likeness > 0.999
    loudness = np.abs(heard[at:]).max() / np.abs(samples(ANSWER)).max()
    assert loudness == pytest.approx(0.25, abs=0.01)


async def test_who_follows_the_events_stays_while_other_rules_for_the_window_come(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path) as harness:
        harness.edit = with_(
            http__publish_transcripts=False,
            http__max_subscribers=3,
            http__allowed_hosts=("voice.example",),
            http__allowed_origins=("http://homeassistant.local:8123",),
        )
        _, report = await harness.post("/api/reload")
        assert set(states(report).values()) == {"applied"}
        await harness.post("/api/volume", {"level": 0.5})
        await harness.until(lambda: harness.named("volume"))
        assert harness.named("shutdown") == []
        assert len(harness.named("snapshot")) == 1
        headers = {"Host": "voice.example", "Origin": "http://homeassistant.local:8123"}
        async with harness.http.get("/api/status", headers=headers) as answer:
            assert answer.status == 200


async def test_a_new_token_is_asked_for_even_where_the_new_port_is_taken(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        taken = int(harness.simulator.url.rpartition(":")[2])
        token = config.Secret("sesame-" * 6)
        harness.edit = with_(http__port=taken, http__token=token)
        report = await _reload(harness.app.reload)
        assert states(report) == {"http.port": "failed", "http.token": "applied"}
        async with aiohttp.ClientSession(harness.app.address) as http:
            for headers, status in (({}, 401), ({"Authorization": "Bearer " + "sesame-" * 6}, 200)):
                async with http.get("/api/status", headers=headers) as answer:
                    assert answer.status == status


async def test_a_wrong_configuration_changes_nothing_and_is_told_everywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    problem = "config.yaml:7: audio.output.volume: expected a number from 0 to 1, got loud"

    def wrong(_settings: config.Config) -> config.Config:
        raise ConfigError([problem])

    async with Harness(tmp_path, [(3000, speech("hello"))], reply=weather) as harness:
        harness.edit = wrong
        status, answer = await harness.post("/api/reload")
        assert 400 <= status < 500
        assert problem in answer["error"]["message"]
        await harness.until(lambda: harness.named("error"))
        (error,) = harness.named("error")
        assert (error["source"], error["code"]) == ("config", "reload_failed")
        assert problem in error["message"]
        assert any(problem in record.getMessage() for record in caplog.records)
        await harness.turns(1)


async def test_a_service_that_refuses_us_does_not_replace_one_that_works(tmp_path: Path) -> None:
    async with (
        Simulator(api_key="another key than ours") as other,
        Harness(tmp_path, [(5000, speech("hello"))], reply=weather) as harness,
    ):
        await harness.until(lambda: harness.named("connection"))
        harness.edit = with_(realtime__host_name=other.url)
        status, report = await harness.post("/api/reload")
        assert (status, states(report)) == (200, {"realtime.host_name": "failed"})
        assert "401" in report["changed"][0]["reason"]
        await harness.turns(1)
        assert len(harness.simulator.sessions) == 1
        harness.edit = lambda settings: settings
        status, report = await harness.post("/api/reload")
        assert report["changed"] == []


async def test_another_service_takes_over(tmp_path: Path) -> None:
    async with (
        Simulator(api_key=KEY, reply=weather) as other,
        Harness(tmp_path, [(5000, speech("hello"))], reply=weather) as harness,
    ):
        await harness.until(lambda: harness.named("connection"))
        harness.edit = with_(realtime__host_name=other.url)
        status, report = await harness.post("/api/reload")
        assert (status, states(report)) == (200, {"realtime.host_name": "applied"})
        await harness.turns(1)
        assert len(other.sessions) == 1
        assert other.sessions[0].heard
        assert not harness.simulator.sessions[0].heard
        assert (await harness.status())["connection"]["state"] == "open"


async def test_another_microphone_is_heard_after_the_turn(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Harness(tmp_path / "other", [(1500, speech("stop"))])
    async with Harness(tmp_path, [(1000, speech("hello"))], reply=weather) as harness:
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        harness.edit = with_(audio__input__device=f"wav:{other.microphone}")
        _, report = await harness.post("/api/reload")
        assert states(report) == {"audio.input.device": "pending"}
        await harness.turns(2)
        heard = harness.simulator.sessions[0].heard
    assert find(samples(speech("stop")), samples(heard))[1] > 0.98
    assert find(samples(speech("hello")), samples(heard))[1] > 0.98


async def test_a_microphone_that_cannot_be_opened_leaves_the_old_one(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(4000, speech("hello"))], reply=weather) as harness:
        harness.edit = with_(audio__input__device=f"wav:{tmp_path}/missing.wav")
        _, report = await harness.post("/api/reload")
        assert states(report) == {"audio.input.device": "failed"}
        assert "missing.wav" in report["changed"][0]["reason"]
        await harness.turns(1)


async def test_the_window_moves_and_a_taken_port_leaves_it_where_it_was(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        before = harness.app.address
        harness.edit = with_(http__port=int(harness.simulator.url.rpartition(":")[2]))
        await _reload(harness.app.reload)
        assert await _answers(harness.app.address)
        harness.edit = with_(http__publish_transcripts=False)
        report = await _reload(harness.app.reload)
        assert states(report)["http.publish_transcripts"] == "applied"
        assert await _answers(harness.app.address)
        assert harness.app.address.startswith("http://127.0.0.1:")
        assert before


async def _reload(reload: Callable[[], Any]) -> dict[str, Any]:
    report: dict[str, Any] = await reload()
    return report


async def _answers(address: str) -> bool:
    async with aiohttp.ClientSession() as http, http.get(f"{address}/health") as answer:
        return answer.status == 200


async def test_another_microphone_while_muted_is_not_called_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[WorkerSupervisor] = []

    async def live(process: WorkerSupervisor) -> None:
        opened.append(process)
        process._listener.stream_opened(StreamFacts("desk", 24_000, 1, 960))
        await asyncio.Event().wait()

    monkeypatch.setattr(WorkerSupervisor, "_live", live)
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")
        harness.edit = with_(audio__input__device="desk")
        _, report = await harness.post("/api/reload")
        assert states(report) == {"audio.input.device": "applied"}
        microphone = harness.device()
        assert isinstance(microphone, PortAudioMicrophone)
        await asyncio.sleep(30)
        assert opened == [], "it is muted"
        status = (await harness.status())["microphone"]
        assert (status["state"], status["device"], status["reason"]) == ("ok", "desk", None)
        async with harness.http.get("/ready") as answer:
            assert answer.status == 200
        await harness.post("/api/unmute")
        await asyncio.sleep(1)
        assert opened == [microphone.process]
        assert (await harness.status())["microphone"]["state"] == "ok"


async def test_a_reason_does_not_outlive_its_microphone(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(1)
        harness.lose_microphone()
        await harness.post("/api/mute")
        harness.edit = with_(audio__input__device="desk")
        await harness.post("/api/reload")
        status = (await harness.status())["microphone"]
        assert (status["state"], status["device"]) == ("lost", "desk"), "as it was"
        assert status["reason"] == "it was not opened yet"


async def test_what_was_asked_for_and_is_not_so_is_seen_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("livekit", "webrtcvad", "pymicro_wakeword"):
        monkeypatch.setitem(sys.modules, module, None)
    usual = {"echo": "half_duplex", "engine": "silero", "listen": "open", "notes": []}
    async with Harness(tmp_path) as harness:
        assert (await harness.status())["sound"] == usual, "auto is content with half duplex"
        harness.edit = with_(
            audio__echo="cancel", audio__gate__engine="webrtc", audio__listen="wake_word"
        )
        _, report = await harness.post("/api/reload")
        assert set(states(report).values()) == {"applied"}
        notes = report["warnings"]
        assert [note.partition(", but")[0] for note in notes] == [
            "audio.gate.engine is webrtc",
            "audio.echo is cancel",
            "audio.listen is wake_word",
        ]
        for note, package in zip(
            notes, ("webrtcvad-wheels", "livekit", "pymicro-wakeword"), strict=True
        ):
            assert f"pip install '{package}>=" in note
        sound = {"echo": "half_duplex", "engine": "level", "listen": "push_to_talk"}
        assert (await harness.status())["sound"] == {**sound, "notes": notes}
        assert harness.app._health.words().endswith("; ".join(["", *notes]))
        _, report = await harness.post("/api/reload")
        assert report == {"changed": [], "warnings": notes}, "it is still so"
        harness.edit = with_()
        _, report = await harness.post("/api/reload")
        assert report["warnings"] == []
        assert (await harness.status())["sound"] == usual
        await harness.until(lambda: len(harness.named("sound")) == 2)
        assert [each["notes"] for each in harness.named("sound")] == [notes, []]


async def test_what_waits_for_the_end_of_an_answer_is_not_told_to_be_in_force(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, TWICE[:1], reply=weather) as harness:
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        harness.edit = with_(audio__gate__engine="level", audio__listen="push_to_talk")
        _, report = await harness.post("/api/reload")
        assert set(states(report).values()) == {"pending"}
        harness.app.assistant.device_changed(DeviceChanged("speaker", DeviceState.OK, "another"))
        await asyncio.sleep(0.5)
        assert harness.statuses[-1] == "speaking"
        assert (await harness.status())["sound"]["listen"] == "open"
        await harness.until(lambda: harness.named("sound"))
        assert harness.statuses[-1] == "idle"
        assert (await harness.status())["sound"]["listen"] == "push_to_talk"


async def test_two_reloads_at_once_end_with_the_last(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        for volume in (0.3, 0.6):
            harness.edit = with_(audio__output__volume=volume)
            last = asyncio.create_task(harness.app.reload())
            await asyncio.sleep(0)
        await last
        assert (await harness.status())["volume"] in (0.3, 0.6)
        await harness.app.reload()
        assert (await harness.status())["volume"] == 0.6


async def test_a_reload_compares_every_option_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[tuple[str, ...]] = []
    threads: set[int] = set()
    value_of = reload._value

    def counted(settings: config.Config, steps: tuple[str, ...]) -> Any:
        looked_at.append(steps)
        threads.add(threading.get_ident())
        return value_of(settings, steps)

    async with Harness(tmp_path) as harness:
        monkeypatch.setattr(reload, "_value", counted)
        harness.edit = with_(
            audio__gate__threshold=0.45,
            audio__output__volume=0.5,
            realtime__session__instructions="Be brief.",
        )
        _, report = await harness.post("/api/reload")
    assert list(states(report).values()) == ["applied"] * 3
    options = [each for each in config.describe() if each.check is not None]
    assert len(looked_at) == 2 * len(options), "the old value and the new one of each"
    assert threading.get_ident() not in threads, "the event loop has other things to do"


async def test_the_daemon_goes_on_while_a_slow_disk_delivers_the_configuration(
    tmp_path: Path,
) -> None:
    begun, delivered = threading.Event(), threading.Event()

    def slow(settings: config.Config) -> config.Config:
        begun.set()
        assert delivered.wait(30)
        return with_(audio__output__volume=0.5)(settings)

    async with Harness(tmp_path) as harness:
        harness.edit = slow
        asked = asyncio.create_task(harness.post("/api/reload"))
        await asyncio.to_thread(begun.wait, 30)
        await harness.post("/api/mute")
        await harness.until(lambda: harness.named("mute"))
        assert not asked.done()
        delivered.set()
        _, report = await asked
        assert states(report) == {"audio.output.volume": "applied"}


async def test_what_is_taken_back_while_it_is_being_applied_is_taken_back(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        gate = next(part for part in harness.app._components.table if part.name == "gate")
        apply, under_way, go_on = gate.apply, asyncio.Event(), asyncio.Event()
        applied: list[float] = []

        async def slowly(settings: config.Config) -> None:
            under_way.set()
            await go_on.wait()
            applied.append(settings.audio.gate.threshold)
            await apply(settings)

        gate.apply = slowly
        harness.edit = with_(audio__gate__threshold=0.45)
        first = asyncio.create_task(harness.app.reload())
        await under_way.wait()
        harness.edit = with_()
        second = asyncio.create_task(harness.app.reload())
        await until(lambda: gate.wanted.audio.gate.threshold != 0.45)
        go_on.set()
        await first
        await second
        assert applied == [0.45, config.Config().audio.gate.threshold]
        assert gate.pending == ()


async def test_a_daemon_without_a_file_says_so(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        harness.app._load = None
        with pytest.raises(ConfigError, match="without a configuration file"):
            await harness.app.reload()


def test_every_option_belongs_to_a_part() -> None:
    homeless = [each.path for each in config.describe() if component_of(each.path) == RESTART]
    assert homeless == []


def test_the_longest_entry_decides() -> None:
    assert component_of("audio.output.volume") == "volume"
    assert component_of("audio.output.device") == "speaker"
    assert component_of("realtime.session.turn_detection.threshold") == "session"
    assert component_of("invented") == RESTART


def test_a_changed_key_is_a_change_that_shows_no_key() -> None:
    old = changed(config.Config(), "realtime.api_key", config.Secret("old-key-123"))
    new = changed(config.Config(), "realtime.api_key", config.Secret("new-key-456"))
    (change,) = changes(old, new)
    assert (change.option, change.part) == ("realtime.api_key", "service")
    assert (change.before, change.after) == ("**", "**")
    assert changes(new, new) == []


async def test_a_gate_that_lets_nothing_through_after_a_reload_lets_nothing_through_an_answer(
    tmp_path: Path,
) -> None:
    said = [(3000, speech("stop")), (4000, b"")]
    async with Harness(
        tmp_path, said, reply=weather, change=with_(audio__echo="cancel")
    ) as harness:
        await harness.until(lambda: harness.named("connection"))
        harness.edit = with_(audio__gate__engine="never")
        _, report = await harness.post("/api/reload")
        assert states(report) == {"audio.gate.engine": "applied"}
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await harness.until(lambda: harness.statuses[-1] == "idle")
        assert (await harness.status())["uplink"]["bytes"] == 0
        assert harness.named("interruption") == []


@pytest.mark.parametrize(
    ("detection", "ms"),
    [
        (config.TurnDetection(silence_duration_ms=2000), 2300),
        (config.TurnDetection("azure_semantic_vad", silence_duration_ms=2000), 2300),
        (config.TurnDetection("semantic_vad", eagerness="high"), 2500),
        (config.TurnDetection("none"), 0),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_the_service_hears_the_silence_that_it_needs(
    detection: config.TurnDetection, ms: int
) -> None:
    assert trailing_ms(detection) == ms
