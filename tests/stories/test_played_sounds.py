"""Other programs let a sound file be played, in the queue of what is said."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtaudio_daemon.audio.processing.clips import at_volume
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.daemon.test_reload import with_
from tests.harness import Harness, find, samples, speech

ANSWER = speech("weather")
ANSWER_MS = len(ANSWER) // 48


def weather(_turn: Turn) -> Reply:
    return Reply("Rain, then sun.", ANSWER)


def noise(seconds: float, seed: int) -> bytes:
    """A sound that can be found again in a recording."""
    shape = np.random.default_rng(seed).normal(0, 3000, int(24_000 * seconds))
    return shape.clip(-20_000, 20_000).astype("<i2").tobytes()


BELL, SONG = noise(1.0, 1), noise(8.0, 2)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name, pcm in (("bell", BELL), ("song", SONG)):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(24_000)
            file.writeframes(pcm)
    (folder / "page.wav").write_text("<html>")
    return folder


def house(folder: Path, *said: tuple[int, bytes], **options: Any) -> Harness:
    edit = with_(audio__play__folder=str(folder), **options)
    return Harness(folder.parent, said, reply=weather, change=edit)


def file(name: str, **more: Any) -> dict[str, Any]:
    return {"file": f"{name}.wav", **more}


def words(**more: Any) -> dict[str, Any]:
    return {"text": "Dinner is ready.", "mode": "verbatim", **more}


def places(heard: Any, *pieces: bytes) -> list[float]:
    """When each was heard (s)."""
    found = [find(samples(piece), heard) for piece in pieces]
    assert min(alike for _, alike in found) > 0.99
    return [at / 24_000 for at, _ in found]


async def test_a_sound_is_played_and_the_service_learns_nothing(sounds: Path) -> None:
    async with house(sounds) as harness:
        status, answer = await harness.post("/api/play", file("bell", id="bell-1", wait=True))
        assert status == 200
        receipt = {"id": "bell-1", "outcome": "said", "heard_ms": 1000}
        assert {key: answer["said"][key] for key in receipt} == receipt
        assert answer["status"] == "idle"
        assert harness.statuses == ["idle", "thinking", "speaking", "idle"]
        assert [each["id"] for each in harness.named("said")] == ["bell-1"]
        assert not [harness.named(name) for name in ("turn", "transcript") if harness.named(name)]
        kinds = {
            each["type"] for session in harness.simulator.sessions for each in session.received
        }
        assert kinds <= {"session.update"}
    places(harness.heard(), BELL)


async def test_sounds_and_words_keep_their_order(sounds: Path) -> None:
    async with house(sounds) as harness:
        for path, body in (
            ("/api/play", file("bell", id="1")),
            ("/api/say", words(id="2")),
            ("/api/play", file("song", id="3")),
        ):
            assert (await harness.post(path, body))[0] == 200
        await harness.until(lambda: len(harness.named("said")) == 3)
        assert [each["id"] for each in harness.named("said")] == ["1", "2", "3"]
        assert {each["outcome"] for each in harness.named("said")} == {"said"}
    bell, answer, song = places(harness.heard(), BELL, ANSWER, SONG)
    assert bell + 1 <= answer
    assert answer + ANSWER_MS / 1000 <= song < answer + ANSWER_MS / 1000 + 0.3


async def test_an_id_that_a_text_took_while_the_sound_was_read_has_one_receipt(
    sounds: Path,
) -> None:
    async with house(sounds) as harness:
        await harness.until(lambda: harness.named("connection"))
        playing = asyncio.create_task(
            harness.app.controls.play({"file": "bell.wav"}, urgent=False, said="door")
        )
        await asyncio.sleep(0)  # it is being read
        harness.app.controls.say("Dinner is ready.", "verbatim", said="door")
        assert await playing == "door"
        await asyncio.sleep(15)
        assert [each["id"] for each in harness.named("said")] == ["door"]
    assert find(samples(BELL), harness.heard())[1] < 0.5


async def test_an_urgent_sound_interrupts(sounds: Path) -> None:
    async with house(sounds) as harness:
        waiting = asyncio.create_task(harness.post("/api/say", words(wait=True)))
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await asyncio.sleep(1.0)
        _, alarm = await harness.post("/api/play", file("bell", priority="high", wait=True))
        assert alarm["said"]["outcome"] == "said"
        assert (await waiting)[1]["said"]["outcome"] == "interrupted"


@pytest.mark.parametrize("end", ["/api/interrupt", "/api/listen/start"])
async def test_what_is_interrupted_says_how_much_was_heard(sounds: Path, end: str) -> None:
    async with house(sounds) as harness:
        waiting = asyncio.create_task(harness.post("/api/play", file("song", wait=True)))
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        await asyncio.sleep(3.0)
        await harness.post(end)
        _, answer = await waiting
        assert answer["said"]["outcome"] == "interrupted"
        assert 2900 <= answer["said"]["heard_ms"] <= 3300
        (interruption,) = harness.named("interruption")
        assert interruption["item_id"] is None


async def test_who_speaks_interrupts_a_sound_and_is_answered(sounds: Path) -> None:
    async with house(sounds, (4000, speech("hello")), audio__echo="off") as harness:
        _, answer = await harness.post("/api/play", file("song", wait=True))
        assert answer["said"]["outcome"] == "interrupted"
        await harness.turns(1)
        assert len(harness.named("turn")) == 1


async def test_without_a_service_and_while_muted_a_sound_is_played(sounds: Path) -> None:
    async with house(sounds, audio__earcons__muted=False) as harness:
        await harness.simulator.stop()
        await harness.until(lambda: harness.named("connection")[-1]["state"] != "open")
        await harness.post("/api/mute")
        _, answer = await harness.post("/api/play", file("bell", wait=True))
        assert answer["said"]["outcome"] == "said"
    places(harness.heard(), BELL)


async def test_without_a_loudspeaker_nothing_is_played(sounds: Path) -> None:
    async with house(sounds, audio__output__device="none") as harness:
        _, answer = await harness.post("/api/play", file("bell", wait=True))
        assert (answer["said"]["outcome"], answer["said"]["heard_ms"]) == ("not_played", 0)


async def test_the_same_id_is_played_once_also_while_it_is_read(sounds: Path) -> None:
    async with house(sounds) as harness:
        body = file("bell", id="bell-1", wait=True)
        first, second = await asyncio.gather(*(harness.post("/api/play", body) for _ in range(2)))
        _, third = await harness.post("/api/play", {"file": "none.wav", "id": "bell-1"})
        assert first[1]["said"] == second[1]["said"] == third["said"]
        assert len(harness.named("said")) == 1


async def test_what_cannot_be_played_does_not_use_up_its_id(sounds: Path) -> None:
    async with house(sounds) as harness:
        status, answer = await harness.post("/api/play", file("page", id="bell-1"))
        assert (status, answer["error"]["code"]) == (409, "wrong_value")
        assert answer["error"]["message"] == "'page.wav' is no WAV, FLAC, MP3 or OGG file"
        status, answer = await harness.post("/api/play", file("none"))
        assert (status, answer["error"]["code"]) == (404, "not_found")
        _, answer = await harness.post("/api/play", file("bell", id="bell-1", wait=True))
        assert answer["said"]["outcome"] == "said"


@pytest.mark.parametrize("soon", [True, False])
async def test_a_client_that_hangs_up_changes_nothing(sounds: Path, soon: bool) -> None:
    async with house(sounds) as harness:
        waiting = asyncio.create_task(harness.post("/api/play", file("bell", wait=True)))
        if soon:
            while not harness.app.controls.sound_player._loading:
                await asyncio.sleep(0)
        else:
            await harness.until(lambda: harness.statuses[-1] == "speaking")
        waiting.cancel()
        await harness.until(lambda: harness.named("said"))
        assert harness.named("said")[0]["outcome"] == "said"


async def test_a_reload_neither_cuts_a_sound_nor_allows_the_former_folder(sounds: Path) -> None:
    async with house(sounds) as harness:
        waiting = asyncio.create_task(harness.post("/api/play", file("song", wait=True)))
        await harness.until(lambda: harness.statuses[-1] == "speaking")
        harness.edit = with_(audio__play__folder="", audio__gate__threshold=0.45)
        _, report = await harness.post("/api/reload")
        states = {each["option"]: each["state"] for each in report["changed"]}
        assert states == {"audio.play.folder": "applied", "audio.gate.threshold": "pending"}
        assert (await harness.post("/api/play", file("bell")))[0] == 409
        assert (await waiting)[1]["said"]["outcome"] == "said"


async def test_ten_minutes_may_wait_and_no_more(sounds: Path) -> None:
    with wave.open(str(sounds / "long.wav"), "wb") as long:
        long.setnchannels(1)
        long.setsampwidth(1)
        long.setframerate(1000)
        long.writeframes(bytes(280_000))
    async with house(sounds) as harness:
        assert [(await harness.post("/api/play", file("long")))[0] for _ in "123"] == [
            200,
            200,
            409,
        ]
        await harness.post("/api/interrupt")
        await harness.until(lambda: len(harness.named("said")) == 2)
        assert (await harness.post("/api/play", file("bell")))[0] == 200


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "give either url or file"),
        ({"file": "a", "url": "http://nas/a"}, "give either url or file"),
        ({"url": "ftp://nas/a"}, "url: expected an address that begins with http:// or https://"),
        ({"file": 5}, "file: expected words"),
        ({"file": "a", "priority": "low"}, "priority: expected normal or high"),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused(
    sounds: Path, body: dict[str, Any], why: str
) -> None:
    async with house(sounds) as harness:
        status, answer = await harness.post("/api/play", body)
        assert (status, answer["error"]["message"][: len(why)]) == (400, why)


async def test_a_chime_of_ones_own_comes_before_the_words(sounds: Path) -> None:
    edit = {"audio__earcons__chime": str(sounds / "bell.wav"), "audio__earcons__volume": 0.5}
    async with house(sounds, **edit) as harness:
        _, answer = await harness.post("/api/say", words(chime=True, wait=True))
        assert answer["said"]["heard_ms"] == ANSWER_MS
    bell, answer_at = places(harness.heard(), at_volume(BELL, 0.5), ANSWER)
    assert answer_at == bell + 1.0


async def test_a_chime_that_cannot_be_played_is_reported_and_two_notes_are_played(
    sounds: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(sounds, audio__earcons__chime=str(sounds / "page.wav")) as harness:
        assert "page.wav is no WAV, FLAC, MP3 or OGG file; two notes are played" in caplog.text
        assert (await harness.post("/api/say", words(chime=True, wait=True)))[0] == 200
        harness.edit = with_(audio__earcons__chime=str(sounds / "none.wav"))
        _, report = await harness.post("/api/reload")
        (change,) = [each for each in report["changed"] if each["option"] == "audio.earcons.chime"]
        assert change["state"] == "failed"
        assert "No such file" in change["reason"]
