"""Metrics that agree with the status, and alerts that fire for trouble only."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rtaudio_daemon.notifications import (
    AsAsked,
    ConnectionState,
    DeviceState,
    ModelStatus,
    ToolPhase,
    ToolReported,
)
from tests.api.test_server import HttpApi

ALERTS = Path(__file__).parent.parent.parent / "docs" / "alerts.yml"
CASES = Path(__file__).parent / "alerts.test.yml"


def test_each_alert_fires_for_its_trouble_and_not_for_a_sleeping_or_muted_daemon() -> None:
    found = subprocess.run(
        ["promtool", "test", "rules", str(CASES)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    names = {rule["alert"] for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]}
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for test in yaml.safe_load(CASES.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {name for name, fires in cases if fires} == names
    assert {name for name, fires in cases if not fires} == names


@pytest.mark.parametrize("microphone", list(DeviceState))
@pytest.mark.parametrize("asleep", [False, True])
async def test_metrics_are_the_status_at_the_moment_of_the_scrape(
    microphone: DeviceState, asleep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    http_api = HttpApi()
    now = http_api.person.snapshot()
    state = ConnectionState.CLOSED if asleep else ConnectionState.OPEN
    now = replace(
        now,
        status=ModelStatus.THINKING,
        connection=replace(now.connection, state=state, asleep=asleep),
        microphone=replace(now.microphone, state=microphone),
    )
    monkeypatch.setattr(http_api.person, "snapshot", lambda: now)
    true = {
        (sample.name, *sample.labels.values())
        for family in text_string_to_metric_families(http_api.server.metrics.text().decode())
        for sample in family.samples
        if sample.value == 1
    }
    states = ("rtaudio_status", "rtaudio_connection", "rtaudio_device_state", "rtaudio_asleep")
    assert {each for each in true if each[0] in states} == {
        ("rtaudio_status", "thinking"),
        ("rtaudio_connection", str(state)),
        ("rtaudio_device_state", "microphone", str(microphone)),
        ("rtaudio_device_state", "speaker", "ok"),
        *([("rtaudio_asleep",)] if asleep else []),
    }


def called(tool: str, phase: ToolPhase, took_ms: int = 0, source: str = "own") -> ToolReported:
    return ToolReported("call_1", tool, source, phase, took_ms)


async def test_calls_are_counted_by_tool_and_outcome_with_a_bounded_number_of_names() -> None:
    metrics = HttpApi().server.metrics
    metrics.notice(called("open_gate", "started"))
    metrics.notice(called("open_gate", "done", 240))
    metrics.notice(called("open_gate", "timed_out", 30_000))
    for number in range(200):
        metrics.notice(called(f"made_up_{number}", "refused", source=""))
        metrics.notice(called(f"tool_{number}", "done"))
    text = metrics.text().decode()
    assert 'rtaudio_tool_seconds_sum{outcome="done",tool="open_gate"} 0.24' in text
    assert 'rtaudio_tool_seconds_bucket{le="30.0",outcome="timed_out",tool="open_gate"} 1.0' in text
    assert 'rtaudio_tool_seconds_count{outcome="refused",tool="unknown"} 200.0' in text
    assert 'rtaudio_tool_seconds_count{outcome="done",tool="other"} 73.0' in text
    assert "started" not in text.partition("rtaudio_tool_seconds")[2]
    assert "made_up" not in text


async def test_whether_what_tools_did_is_as_asked_is_counted() -> None:
    metrics = HttpApi().server.metrics
    metrics.notice(ToolReported("call_1", "lamp", "own", "started"))
    seen: tuple[AsAsked, ...] = ("yes", "yes", "no")
    for as_asked in seen:
        metrics.notice(ToolReported("call_1", "lamp", "own", "done", 20, as_asked))
    text = metrics.text().decode()
    assert 'rtaudio_tools_done_total{as_asked="yes",tool="lamp"} 2.0' in text
    assert 'rtaudio_tools_done_total{as_asked="no",tool="lamp"} 1.0' in text
    assert 'rtaudio_tools_done_total{as_asked="unknown",tool="lamp"}' not in text


async def test_wake_words_are_counted_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    http_api = HttpApi()
    words = [{"word": "hey marvin", "heard": 3, "near_misses": 2}]
    now = replace(http_api.person.snapshot(), wake_words=words)
    monkeypatch.setattr(http_api.person, "snapshot", lambda: now)
    text = http_api.server.metrics.text().decode()
    assert 'rtaudio_wake_words_total{word="hey marvin"} 3.0' in text
    assert 'rtaudio_wake_near_misses_total{word="hey marvin"} 2.0' in text
