"""The two documents are true: every route, every event, and a storm of requests made of them."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import typing
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import pytest
import yaml

from rtaudio_daemon.api import answer_schemas, body_schemas, event_schemas, openapi, payloads
from rtaudio_daemon.api.metrics import COUNTS
from rtaudio_daemon.api.routes import ROUTES
from rtaudio_daemon.api.schema_check import check
from rtaudio_daemon.controls import DeviceStatus
from rtaudio_daemon.notifications import (
    EVENT_NAMES,
    ConnectionState,
    DeviceState,
    Notification,
    ToolReported,
    Transcript,
)
from tests.api.test_server import HttpApi


def test_the_documents_are_what_they_say_they_are() -> None:
    document = openapi.openapi()
    assert document["openapi"].startswith("3.1.")
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                for content in answer["content"].values():
                    check_schema(content["schema"])
    for name, message in openapi.asyncapi()["components"]["messages"].items():
        assert message["summary"]
        check_schema(message["payload"])
        assert name in event_schemas.EVENTS


def check_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def test_every_kind_of_news_has_a_name_and_a_schema() -> None:
    kinds = set(typing.get_args(Notification))
    assert set(EVENT_NAMES) == kinds
    not_news = {"snapshot", "level", "shutdown"}
    assert set(EVENT_NAMES.values()) | not_news == set(event_schemas.EVENTS)
    for kind in kinds:
        name = EVENT_NAMES[kind]
        known = set(event_schemas.EVENTS[name][1]["properties"])
        fields = set(kind.__dataclass_fields__) - {"latencies"}
        assert fields <= known, f"{name} has fields that its schema does not know"


def test_the_page_about_the_api_has_every_event_and_every_part_of_the_status() -> None:
    document = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text()
    explained = set(re.findall(r"`(\w+)", "".join(re.findall(r"^\| `.*? \|", document, re.M))))
    assert set(event_schemas.EVENTS) - explained == set()
    assert set(answer_schemas.STATUS["properties"]) - explained == set()


async def test_what_the_window_answers_is_what_the_document_promises() -> None:
    http_api = HttpApi()
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address) as http_api.http,
    ):
        for route in ROUTES:
            if route.method != "GET" or route.name == "events":
                continue
            async with http_api.http.get(route.path) as answer:
                assert answer.status == 200
                assert answer.content_type == route.media
                if route.gives:
                    jsonschema.validate(await answer.json(), route.gives)
        http_api.person.connected = False
        async with http_api.http.get("/ready") as answer:
            assert answer.status == 503
            body = await answer.json()
            jsonschema.validate(body, answer_schemas.READY)
            assert body["reasons"] == ["the connection to the service is closed"]


@pytest.mark.parametrize(
    ("state", "asleep", "ready"),
    [
        ("open", False, True),
        ("renewing", False, True),
        ("closed", True, True),
        ("closed", False, False),
        ("connecting", True, False),
    ],
)
async def test_ready_is_who_can_hold_a_conversation_or_wakes_when_spoken_to(
    state: str, asleep: bool, ready: bool
) -> None:
    snapshot = HttpApi().person.snapshot()
    connection = replace(snapshot.connection, state=ConnectionState(state), asleep=asleep)
    snapshot = replace(snapshot, connection=connection)
    assert (payloads.reasons_not_ready(snapshot) == []) is ready


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"text": "a", "prio": "high"}, "prio: there is no such field"),
        ({}, "text: is needed"),
        ({"text": " "}, "text: expected words"),
        ({"text": "a", "priority": "top"}, "priority: expected normal or high"),
        ({"text": "a", "priority": []}, "priority: expected normal or high"),
        ({"text": "a", "remember": 1}, "remember: expected true or false"),
        ([], "the body must be a JSON object"),
    ],
)
def test_a_wrong_body_is_explained_and_wrong_for_the_schema_too(body: Any, wrong: str) -> None:
    assert wrong in str(check(body_schemas.SAY, body))
    assert not jsonschema.Draft202012Validator(body_schemas.SAY).is_valid(body)


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        (["yes", "no"], "answers[0] must be a JSON object, with id, sentences"),
        ([{"id": "yes", "sentences": ["yes"]}, {"id": 5, "sentences": []}], "id: expected words"),
        ([{"id": "yes"}, 5], "answers[1] must be a JSON object"),
        ([{"id": "yes", "sentences": "yes"}], "sentences: expected a list"),
        ({"yes": ["yes"]}, "answers: expected a list"),
    ],
)
def test_wrong_answers_to_a_question_are_explained(answers: Any, wrong: str) -> None:
    body = {"question": "Shall I open?", "answers": answers}
    assert wrong in str(check(body_schemas.ASK, body))


@pytest.mark.parametrize("level", [-0.1, 1.1, True, "1", None, [], {}])
def test_a_volume_is_a_number_from_0_to_1(level: Any) -> None:
    assert "level: expected a number from 0 to 1" in str(
        check(body_schemas.VOLUME, {"level": level})
    )
    for fine in (0, 1, 0.5):
        assert check(body_schemas.VOLUME, {"level": fine}) is None


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"kind": "timer"}, "give either seconds or at"),
        ({"kind": "timer", "seconds": 5, "at": "07:00"}, "give either seconds or at"),
        ({"kind": "egg", "seconds": 5}, "kind: expected timer or alarm or reminder"),
        ({"kind": "timer", "seconds": 0}, "seconds: expected a number from 1 to 604800"),
        ({"kind": "alarm", "at": "7 pm"}, "at: expected local time: HH:MM, or with its date"),
        ({"kind": "alarm", "at": 7}, "at: expected words, 0 to 40 characters"),
        ({"kind": "alarm", "at": "07:00", "days": "mon"}, "days: expected a list of at most 7"),
        ({"kind": "alarm", "at": "07:00", "days": ["mon"] * 8}, "days: expected a list"),
        ({"kind": "alarm", "at": "07:00", "days": ["mon", 2]}, "days: expected mon or tue or"),
        ({"kind": "timer", "seconds": 5, "name": "x" * 61}, "name: expected words, 0 to 60"),
    ],
)
def test_a_wrong_timer_is_explained_and_wrong_for_the_schema_too(body: Any, wrong: str) -> None:
    assert wrong in str(check(body_schemas.TIMER_SET, body))
    assert not jsonschema.Draft202012Validator(body_schemas.TIMER_SET).is_valid(body)


@pytest.mark.parametrize(
    "name", ["", " ", "..", "a/../b", "hey\n", "x" * 49, "\U0001f600", 7, None]
)
def test_what_no_word_can_be_called_is_refused_with_what_it_can(name: Any) -> None:
    wrong = str(check(body_schemas.TEACH, {"name": name, "step": "record"}))
    assert wrong.startswith("name: expected "), wrong


def test_a_right_timer_is_right() -> None:
    for body in (
        {"kind": "timer", "seconds": 0.5e3, "name": ""},
        {"kind": "alarm", "at": "7:00", "days": ["mon", "sun"]},
        {"kind": "reminder", "at": "2026-12-24T18:30", "text": "Presents"},
    ):
        assert check(body_schemas.TIMER_SET, body) is None
        jsonschema.validate(body, body_schemas.TIMER_SET)


async def test_metrics_are_prometheus_text_with_a_meaning_each() -> None:
    http_api = HttpApi()
    async with (
        http_api.server.listening() as address,
        aiohttp.ClientSession(address) as http,
        http.get("/metrics") as answer,
    ):
        text = await answer.text()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {"rtaudio_status", "rtaudio_uplink_bytes_total", "rtaudio_subscribers"} <= names
    assert all(name.startswith("rtaudio_") for name in names)
    assert "rtaudio_uplink_bytes_total 7.0" in text
    assert all(meaning for _, meaning in COUNTS.values())


@pytest.mark.real_time
@pytest.mark.timeout(300)
async def test_a_storm_of_requests_made_of_the_document_finds_no_fault(tmp_path: Path) -> None:
    http_api = HttpApi()
    async with http_api.server.listening() as address:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("st")),
            "run",
            f"{address}/openapi.json",
            "--max-examples=8",
            "--exclude-path=/api/events",
            "--seed=1",
            "--no-color",
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), 270)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, output.decode()
    assert "No issues found" in output.decode()


async def test_the_dashboard_and_the_alerts_ask_for_metrics_that_exist() -> None:
    root = Path(__file__).parent.parent.parent / "docs"
    texts = (root / "grafana.json").read_text() + (root / "alerts.yml").read_text()
    asked = set(re.findall(r"rtaudio_[a-z_]+", texts)) - {"rtaudio_daemon"}
    http_api = HttpApi()
    known: set[str] = set()
    for family in http_api.server.metrics.registry._collector_to_names.values():
        known |= set(family)
    assert len(asked) > 15
    assert asked <= known, asked - known
    for rule in yaml.safe_load((root / "alerts.yml").read_text())["groups"][0]["rules"]:
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize(
    ("microphone", "speaker", "reasons"),
    [
        ("ok", "ok", []),
        ("lost", "ok", ["the microphone is lost"]),
        ("none", "ok", ["the microphone is none"]),
        ("ok", "lost", ["the loudspeaker is lost"]),
        ("ok", "none", ["the loudspeaker is none"]),
        ("ok", "not wanted", []),
    ],
)
async def test_whatever_prevents_a_conversation_is_named(
    microphone: str, speaker: str, reasons: list[str]
) -> None:
    snapshot = HttpApi().person.snapshot()
    snapshot = replace(
        snapshot,
        microphone=replace(snapshot.microphone, state=DeviceState(microphone)),
        speaker=DeviceStatus(DeviceState.NONE, "none", None)
        if speaker == "not wanted"
        else replace(snapshot.speaker, state=DeviceState(speaker)),
    )
    assert payloads.reasons_not_ready(snapshot) == reasons


@pytest.mark.parametrize("said", [True, False])
def test_what_was_said_is_an_event_only_for_who_may_see_it(said: bool) -> None:
    words = Transcript("user", "hello", True, "item_1")
    event = payloads.as_event(words, said=said, asleep=lambda: False)
    assert (event is not None) is said


@pytest.mark.parametrize("said", [True, False])
def test_what_a_tool_was_given_and_returned_is_seen_only_with_what_was_said(said: bool) -> None:
    report = ToolReported("call_1", "light", "home", "done", arguments="{}", result='"on"')
    event = payloads.as_event(report, said=said, asleep=lambda: False)
    assert event is not None
    shown = (event[1].get("arguments"), event[1].get("result"))
    assert shown == (("{}", '"on"') if said else (None, None))
