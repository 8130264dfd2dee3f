"""A report of a daemon, played as the service; and what is no report is refused with its place."""

from __future__ import annotations

import asyncio
import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.protocol.recorded_events import EVENTS_FILE
from rtaudio_daemon.simulator.server import report
from rtaudio_daemon.simulator.server.recording import Entry, Said
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import PATHS
from tests.strict import Dialect, assert_valid_server_events

dialects = pytest.mark.parametrize("dialect", ["ga", "preview"])


def archive(path: Path, content: str | bytes, name: str = EVENTS_FILE) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return path


def events(*given: dict[str, Any]) -> str:
    found = [{"t": 0.0, "session": 1, **each} for each in given]
    return json.dumps({"format": 1, "events": found})


def loaded(path: Path, *given: dict[str, Any]) -> list[list[Entry]]:
    return report.load(archive(path / "report.zip", events(*given)))


def received(kind: str, **values: Any) -> dict[str, Any]:
    return {"kind": "received", "type": kind, **values}


def sent(kind: str, **values: Any) -> dict[str, Any]:
    return {"kind": "sent", "type": kind, **values}


def played(entries: list[Entry], said: Said) -> list[dict[str, Any]]:
    return [json.loads(each.made(said)) for each in entries if each.made is not None]


OPENED = {"kind": "session", "phase": "opened"}
AT = {"response": 1, "item": 2, "part": 0}
EVERYTHING = [
    received("session.created", expires_in_s=1800),
    sent("session.update"),
    received("session.updated"),
    received("input_audio_buffer.speech_started", item=1),
    received("input_audio_buffer.speech_stopped", item=1),
    received("input_audio_buffer.committed", item=1),
    received("input_audio_buffer.cleared"),
    received("conversation.item.created", item=1, role="user", characters=0),
    received("conversation.item.input_audio_transcription.failed", item=1),
    received("conversation.item.deleted", item=1),
    received("conversation.item.truncated", item=2, part=0, end_ms=700),
    received("response.created", response=1),
    received("response.output_item.added", response=1, item=2, role="assistant"),
    received("conversation.item.created", item=3, role="system", characters=4),
    received("conversation.item.created", item=4, role="result", call=1),
    received("response.output_item.done", response=1, item=5, role="call", call=1),
    received("response.function_call_arguments.done", response=1, item=5, call=1),
    received("response.audio.delta", **AT, bytes=4800),
    received("response.audio.done", **AT),
    received("response.audio_transcript.done", **AT, characters=7),
    received("response.text.done", **AT, characters=7),
    received("response.done", response=1, status="failed", code="server_error"),
    received("error", code="rate_limit_exceeded"),
]


@dialects
def test_every_message_has_the_form_that_the_service_gives_it(
    tmp_path: Path, dialect: Dialect
) -> None:
    (entries,) = loaded(tmp_path, OPENED, *EVERYTHING)
    assert [each.what for each in entries].count("out") == len(EVERYTHING) - 1
    assert_valid_server_events(dialect, played(entries, Said(dialect)))


def test_what_the_client_says_today_is_repeated(tmp_path: Path) -> None:
    (entries,) = loaded(
        tmp_path,
        OPENED,
        sent("session.update"),
        received("session.updated"),
        sent("conversation.item.create", item=1, role="user"),
        received("conversation.item.created", item=1, role="user", characters=2),
        sent("response.create", ours=True),
        received("response.created", response=1, ours=True, outside=True),
        sent("response.cancel", response=1),
        received("error", code="response_cancel_not_active", about="response.cancel"),
    )
    said = Said("ga")
    for each in (
        {"type": "session.update", "session": {"instructions": "Be brief."}},
        {"type": "conversation.item.create", "item": {"id": "mine"}},
        {"type": "response.create", "response": {"metadata": {"a": "b"}}},
        {"type": "response.cancel", "event_id": "event_of_mine"},
    ):
        said.add(json.dumps(each))
    updated, created, answer, error = played(entries, said)
    assert updated["session"]["instructions"] == "Be brief."
    assert created["item"]["id"] == "mine"
    assert answer["response"]["metadata"] == {"a": "b"}
    assert answer["response"]["conversation_id"] is None
    assert error["error"]["event_id"] == "event_of_mine"


@pytest.mark.parametrize("words", ["{", "[]", '{"type": 5}', '{"type": "session.update"}'])
def test_an_odd_client_is_answered_all_the_same(tmp_path: Path, words: str) -> None:
    (entries,) = loaded(tmp_path, OPENED, sent("session.update"), received("session.updated"))
    said = Said("ga")
    said.add(words)
    assert played(entries, said)[0]["session"]["id"] == "sess_replayed"


def test_sound_comes_in_as_many_pieces_over_the_same_time(tmp_path: Path) -> None:
    sound = received("response.audio.delta", **AT, bytes=10_001, pieces=3, over_s=1.0)
    (entries,) = loaded(tmp_path, OPENED, sound)
    pieces = [each["delta"] for each in played(entries, Said("ga"))]
    sizes = [len(base64.b64decode(each)) for each in pieces]
    assert (len(sizes), sum(sizes), {size % 2 for size in sizes}) == (3, 10_000, {0})
    assert [each.t for each in entries if each.what == "out"] == [0.0, 0.5, 1.0]


def test_a_report_whose_beginning_is_lost_begins_with_a_greeting(tmp_path: Path) -> None:
    first, second = loaded(
        tmp_path,
        received("response.created", response=7),
        {"kind": "session", "phase": "ended", "by": "service", "code": 1006},
        {**OPENED, "session": 2},
        {"kind": "session", "session": 2, "phase": "ended", "by": "service", "code": 1001},
        {**OPENED, "session": 3},
        {"kind": "session", "session": 3, "phase": "ended", "by": "us"},
    )[:2]
    assert [each.what for each in first] == ["open", "out", "in", "out", "out", "close"]
    assert [each["type"] for each in played(first, Said("ga"))] == [
        *("session.created", "session.updated"),
        "response.created",
    ]
    assert first[-1].code is None, "the line broke"
    assert [(each.what, each.code) for each in second] == [("open", None), ("close", 1001)]


BOMB = b"[" * (1 << 23)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "is nested too deeply"),
        (b"\xff\xfe\x00", "decode"),
        (BOMB, "too large when unpacked"),
        ("1" * 5000, "digits"),
        ('{"format": 9}', "no list of events in format 1"),
        (events({"kind": "nonsense"}), r"events\[0\].kind: there is no such kind"),
        (events({"kind": "received", "type": 5}), r"events\[0\].type: is missing"),
        (events({"kind": "mute", "muted": True}), "holds no session with a service"),
        (
            events(OPENED, *[received("response.audio.delta", bytes=1 << 25)] * 3),
            r"events\[3\]: more sound than can be played",
        ),
        (
            events(*[received("response.audio.delta", bytes=2, pieces=9000)] * 3),
            r"events\[2\]: more sound than can be played",
        ),
    ],
)
def test_what_is_no_report_is_refused_with_its_place(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    path = archive(tmp_path / "planted.zip", content)
    with pytest.raises(ConfigError, match=words) as refusal:
        Simulator(replay=path)
    assert str(refusal.value).startswith(f"{path}: {EVENTS_FILE}: ")


def test_a_report_without_events_says_why(tmp_path: Path) -> None:
    path = archive(tmp_path / "report.zip", "words", name="report.txt")
    with pytest.raises(ConfigError, match="was made while no daemon ran"):
        report.load(path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "report.zip", events(OPENED) * 20)
    whole = path.read_bytes()
    for damaged in (whole[:40], whole[:50] + bytes(20) + whole[70:], whole[:6] + b"\1" + whole[7:]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match=r"report\.zip(: events.json: | is no report)"):
            report.load(path)


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_may_unpack_without_bounds_is_not_unpacked(tmp_path: Path, packing: int) -> None:
    with zipfile.ZipFile(tmp_path / "report.zip", "w", packing) as file:
        file.writestr(EVENTS_FILE, events(OPENED))
    with pytest.raises(ConfigError, match=r"events\.json: is packed in a way that reports are not"):
        report.load(tmp_path / "report.zip")


def test_a_recording_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "evening.jsonl").write_text('{"t": 0}')
    assert not report.is_report(tmp_path / "evening.jsonl")
    assert not report.is_report(tmp_path / "missing.zip")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        report.load(tmp_path / "missing.zip")


async def test_what_a_client_decided_by_its_own_microphone_holds_nothing_up(
    tmp_path: Path, dialect: Dialect
) -> None:
    archive(
        tmp_path / "report.zip",
        events(
            OPENED,
            received("session.created"),
            sent("session.update"),
            received("session.updated"),
            {**sent("response.cancel", response=1), "t": 1.0},
            {**sent("conversation.item.truncate", item=2, part=0, end_ms=700), "t": 1.0},
            {**received("input_audio_buffer.speech_started", item=3), "t": 1.2},
            {"kind": "session", "phase": "ended", "by": "service", "code": 1001, "t": 2.0},
        ),
    )
    loop = asyncio.get_running_loop()
    async with (
        Simulator(replay=tmp_path / "report.zip") as simulator,
        aiohttp.ClientSession() as http,
        http.ws_connect(simulator.url + PATHS[dialect]) as socket,
    ):
        began = loop.time()
        await socket.send_json({"type": "session.update", "session": {}})
        came = {json.loads(each.data)["type"]: loop.time() - began async for each in socket}
        assert socket.close_code == 1001
    assert list(came) == ["session.created", "session.updated", "input_audio_buffer.speech_started"]
    assert came["input_audio_buffer.speech_started"] == pytest.approx(1.8, abs=0.1)
