"""Timers that ring: over what, for how long, and what stops them."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon import config
from rtaudio_daemon.audio.processing.earcons import earcon, ring
from rtaudio_daemon.simulator.model.reply import Call, Reply, Turn
from rtaudio_daemon.tools.timers.schedule import Schedule, Wish
from rtaudio_daemon.tools.timers.timer import Kind
from tests.daemon.test_earcon_player import spoken
from tests.harness import Harness, Samples, find, samples, speech
from tests.strict import Dialect
from tests.tools.timers.clocks import Clocks

both_dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])
Change = Callable[[config.Config], config.Config]
VOLUME = config.Timers().volume
ANSWER = speech("weather")


def answer(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def with_audio(**audio: Any) -> Change:
    return lambda settings: replace(settings, audio=replace(settings.audio, **audio))


async def timer(harness: Harness, seconds: float = 5, **more: Any) -> str:
    body = {"kind": "timer", "seconds": seconds, "name": "pasta", **more}
    status, answered = await harness.post("/api/timers", body)
    assert status == 200, answered
    return str(answered["timer"]["id"])


def phases(harness: Harness) -> list[str]:
    return [data["phase"] for data in harness.named("timer")]


def when(harness: Harness, phase: str) -> float:
    """When the subscriber heard of this phase first, in virtual seconds."""
    return next(
        time
        for time, (name, data) in zip(harness.times, harness.events, strict=True)
        if name == "timer" and data["phase"] == phase
    )


def rings(heard: Samples, volume: float = VOLUME) -> list[float]:
    """Where (s) it rings at this volume in what was heard."""
    sound = samples(ring(volume))
    found, offset = [], 0
    while offset + len(sound) <= len(heard):
        at, alike = find(sound, heard[offset : offset + 3 * len(sound)])
        if alike > 0.98:
            there = heard[offset + at :][: len(sound)]
            assert np.abs(there).max() == pytest.approx(np.abs(sound).max(), abs=400)
            found.append((offset + at) / 24_000)
            offset += at + len(sound)
        else:
            offset += 2 * len(sound)
    return found


async def test_it_rings_with_pauses_without_session_while_muted_and_at_volume_zero(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, [(0, bytes(48))]) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")
        await harness.post("/api/volume", {"level": 0})
        harness.simulator.fault("refuse", status=503, times=100)
        harness.simulator.fault("drop")
        await timer(harness, 10)
        await harness.until(lambda: "ringing" in phases(harness))
        await asyncio.sleep(6)
        assert (await harness.status())["timers"][0]["state"] == "ringing"
        assert harness.statuses[-1] == "idle", "the four words stay"
        assert (await harness.post("/api/timers/dismiss"))[0] == 200
        assert (await harness.post("/api/timers/dismiss"))[0] == 200
        await asyncio.sleep(5)
        assert (await harness.status())["timers"] == []
    assert phases(harness) == ["set", "ringing", "dismissed"]
    assert when(harness, "ringing") - when(harness, "set") == pytest.approx(10, abs=0.05)
    found = rings(harness.heard())
    assert np.diff(found) == pytest.approx([2.5, 2.5], abs=0.1)


@pytest.mark.parametrize("echo", ["half_duplex", "cancel"])
async def test_a_word_in_a_pause_stops_it_and_goes_on_to_the_model(
    tmp_path: Path, echo: str
) -> None:
    # It rings at 5 s for a second; "stop" is said in the pause after the second time.
    said = [(9000, speech("stop")), (9000, b"")]
    async with Harness(tmp_path, said, reply=answer, change=with_audio(echo=echo)) as harness:
        await harness.until(lambda: harness.named("connection"))
        await timer(harness, 5)
        await harness.until(lambda: "dismissed" in phases(harness))
        await harness.turns(1)
        await asyncio.sleep(3)
    assert phases(harness) == ["set", "ringing", "dismissed"]
    assert len(rings(harness.heard())) == 2


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ('{"seconds": 300}', "timer"),
        ('{"at": "06:30"}', "alarm"),
        ('{"seconds": 300, "text": "Call Ada"}', "reminder"),
    ],
)
async def test_a_model_that_says_no_kind_is_understood(
    tmp_path: Path, arguments: str, kind: str
) -> None:
    def reply(turn: Turn) -> Reply:
        return Reply("Done.", ANSWER) if turn.function_output else Reply(calls=(call,))

    call = Call("timer_set", arguments)
    async with Harness(tmp_path, reply=reply) as harness:
        await harness.post("/api/say", {"text": "Go."})
        await harness.until(lambda: harness.named("timer"))
        async with harness.http.get("/api/timers") as answer:
            (timer,) = (await answer.json())["timers"]
        assert timer["kind"] == kind


async def test_over_an_answer_there_is_one_soft_sound_and_it_rings_afterwards(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, [(0, bytes(48))], reply=answer) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/say", {"text": "Will it rain?"})
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await timer(harness, 1)
        await harness.turns(1)
        over = asyncio.get_running_loop().time()
        await asyncio.sleep(4)
        await harness.post("/api/timers/dismiss")
        assert over - when(harness, "ringing") > 3
    heard = harness.heard()
    whole, alike = find(samples(ANSWER), heard)
    assert alike > 0.98, "the answer is not disturbed"
    first, *_ = rings(heard)
    assert first * 24_000 > whole + len(samples(ANSWER)) - 2400
    soft = samples(earcon("due", 0.25 * VOLUME))
    mixed = heard[whole : whole + len(samples(ANSWER))] - samples(ANSWER)
    assert find(soft, mixed)[1] > 0.98
    at, _ = find(soft, mixed)
    assert np.abs(mixed[at + len(soft) :]).max() < 200, "once"


async def test_it_waits_while_somebody_speaks(tmp_path: Path) -> None:
    said = [(3000, speech("weather")[:-24_000]), (9000, b"")]
    async with Harness(
        tmp_path, said, reply=lambda _turn: Reply("Yes.", speech("stop"))
    ) as harness:
        await harness.until(lambda: harness.statuses[-1] == "listening")
        await timer(harness, 1)
        await harness.turns(1)
        await asyncio.sleep(1)
        assert phases(harness) == ["set", "ringing"], "what was said was no answer to it"
        assert rings(harness.heard()) == []
        await asyncio.sleep(3)
        await harness.post("/api/interrupt")
        await harness.until(lambda: "dismissed" in phases(harness))
    assert rings(harness.heard())


async def test_the_button_stops_it_also_where_it_cannot_be_used(tmp_path: Path) -> None:
    async with Harness(tmp_path, [(0, bytes(48))]) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")
        assert (await harness.post("/api/listen/start"))[0] == 409
        await timer(harness, 1)
        await asyncio.sleep(2)
        assert (await harness.post("/api/listen/start"))[0] == 200
        await harness.until(lambda: "dismissed" in phases(harness))
        assert (await harness.post("/api/listen/start"))[0] == 409
    assert phases(harness) == ["set", "ringing", "dismissed"]


async def test_with_a_wake_word_any_speech_stops_it_though_nothing_is_sent(tmp_path: Path) -> None:
    # Somebody was overheard just before, which is reported once a minute at most otherwise.
    said = [(1000, speech("hello")), (5500, speech("hello")), (9000, b"")]
    wake = config.Wake(word="alexa", follow_up_s=4)
    change = with_audio(listen="wake_word", wake=wake)
    async with Harness(tmp_path, said, reply=answer, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        await timer(harness, 5)
        await harness.until(lambda: "dismissed" in phases(harness))
        await asyncio.sleep(5)
        assert (await harness.status())["uplink"]["bytes"] == 0
    assert harness.statuses == ["idle"]
    assert 1 <= len(rings(harness.heard())) <= 2


async def test_the_wake_word_stops_it(tmp_path: Path) -> None:
    said = [(6300, spoken(tmp_path, "alexa")), (9000, b"")]
    change = with_audio(listen="wake_word", wake=config.Wake(word="alexa", follow_up_s=4))
    async with Harness(tmp_path, said, reply=answer, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        await timer(harness, 5)
        await harness.until(lambda: "dismissed" in phases(harness))
        await asyncio.sleep(5)
    assert len(rings(harness.heard())) == 1


def snoozing(turn: Turn) -> Reply:
    if turn.function_output:
        return Reply("Ten minutes more.", speech("stop"))
    return Reply(calls=(Call("timer_snooze", '{"seconds": 600}'),))


async def test_snooze_as_a_word_stops_it_and_lets_it_ring_again(tmp_path: Path) -> None:
    said = [(6500, speech("stop")), (9000, b"")]
    async with Harness(tmp_path, said, reply=snoozing) as harness:
        await harness.until(lambda: harness.named("connection"))
        await timer(harness, 5)
        await harness.turns(1)
        assert phases(harness) == ["set", "ringing", "dismissed", "changed"]
        await harness.post("/api/mute")  # many frames are much to hear
        (again,) = (await harness.status())["timers"]
        assert 560 < again["left_s"] < 600
        (result,) = harness.received("conversation.item.create")
        assert "timer pasta: 10 minutes left" in result["item"]["output"]
        await asyncio.sleep(600)
        assert phases(harness)[-1] == "ringing"


async def test_a_loudspeaker_that_is_back_in_time_rings_and_else_it_is_missed(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await harness.post("/api/mute")  # an hour of frames is much to hear
        assistant = harness.app.assistant
        loudspeaker, assistant.speaker = assistant.speaker, None
        await timer(harness, 1)
        await asyncio.sleep(60)
        assistant.speaker = loudspeaker
        await asyncio.sleep(6)
        await harness.post("/api/timers/dismiss")
        assistant.speaker = None
        await timer(harness, 1, name="soup")
        await asyncio.sleep(902)
        assistant.speaker = loudspeaker
    assert phases(harness) == ["set", "ringing", "dismissed", "set", "ringing", "missed"]
    found = rings(harness.heard()[: 70 * 24_000])
    assert len(found) >= 2
    assert found[0] > 60


async def test_what_was_missed_is_said_after_the_next_answer(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(turn: Turn) -> Reply:
        asked.append(turn.text)
        return answer(turn)

    clocks, schedule = Clocks(time.time() - 9000), Schedule()
    schedule.set(Kind.REMINDER, Wish(seconds=5, text="Take out the bins"), clocks.now)
    state = tmp_path / "timers.json"
    state.write_text(json.dumps(schedule.record("another boot")))
    said = [(3000, speech("hello")), (15_000, b"")]
    async with Harness(tmp_path, said, reply=reply, state=tmp_path) as harness:
        async with harness.http.get("/api/timers") as got:
            (missed,) = (await got.json())["missed"]
        assert (missed["kind"], missed["text"]) == ("reminder", "Take out the bins")
        await harness.turns(2)
        async with harness.http.get("/api/timers") as got:
            assert (await got.json())["missed"] == []
    question, note = asked
    assert question == ""
    assert "missed: reminder Take out the bins, with the words 'Take out the bins', at" in note
    assert json.loads(state.read_text())["missed"] == []


async def test_a_reminder_without_a_sound_of_its_words_gives_them_to_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # there is no espeak-ng
    asked: list[str] = []

    def reply(turn: Turn) -> Reply:
        asked.append(turn.text)
        return Reply("I would rather not.", ANSWER) if turn.say else answer(turn)

    async with Harness(tmp_path, [(0, bytes(48))], reply=reply) as harness:
        await harness.until(lambda: harness.named("connection"))
        await timer(harness, 2, kind="reminder", text="Take out the bins", name="")
        await asyncio.sleep(4)
        await harness.post("/api/timers/dismiss")
        await harness.turns(1)
    *_, note = asked
    assert "rang just now: reminder Take out the bins" in note


def setting(turn: Turn) -> Reply:
    if turn.function_output:
        return Reply("It is set.", speech("stop"))
    return Reply(calls=(Call("timer_set", '{"kind": "timer", "seconds": 60, "name": "egg"}'),))


@both_dialects
async def test_a_timer_that_is_set_by_voice_rings_in_the_next_life_of_the_daemon(
    tmp_path: Path, dialect: Dialect
) -> None:
    state, lives = tmp_path / "state", [tmp_path / "one", tmp_path / "two"]
    for life in lives:
        life.mkdir()
    said = [(1000, speech("hello")), (9000, b"")]
    async with Harness(lives[0], said, reply=setting, dialect=dialect, state=state) as harness:
        await harness.turns(1)
        (result,) = harness.received("conversation.item.create")
        assert "timer egg: 1 minute left" in result["item"]["output"]
        assert phases(harness) == ["set"]
        rings_at = when(harness, "set") + 60
        shutil.copytree(state, tmp_path / "kept")  # as kill -9 would leave it
    await asyncio.sleep(20)
    async with Harness(lives[1], dialect=dialect, state=tmp_path / "kept") as harness:
        await harness.until(lambda: "ringing" in phases(harness))
        assert when(harness, "ringing") == pytest.approx(rings_at, abs=0.1)
        await asyncio.sleep(2)
    assert rings(harness.heard())
