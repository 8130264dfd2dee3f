"""How many answers the simulator was asked for and gave, story by story.

To see whether a change of the program alters that, count before it and after, and compare: ::

    .venv/bin/python -m pytest tests --count-answers FILE
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rtaudio_daemon.simulator.model.session_record import SessionRecord

Json = dict[str, Any]
_PROPERTY = "answers"


def count_into(counts: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every simulator count here: ``asked``, ``begun``, and how answers ended."""
    receive, send = SessionRecord.receive, SessionRecord.send

    def received(record: SessionRecord, message: Json) -> None:
        counts["asked"] += message.get("type") == "response.create"
        receive(record, message)

    def sent(record: SessionRecord, event: Json) -> None:
        counts["begun"] += event["type"] == "response.created"
        if event["type"] == "response.done":
            response = event.get("response")
            counts[str(response.get("status") if isinstance(response, dict) else None)] += 1
        send(record, event)

    monkeypatch.setattr(SessionRecord, "receive", received)
    monkeypatch.setattr(SessionRecord, "send", sent)


def keep(item: pytest.Item, counts: Counter[str]) -> None:
    """Report with the test what was counted in it."""
    item.user_properties.append((_PROPERTY, {name: n for name, n in counts.items() if n}))


class AnswerCounts:
    """A plugin that writes the counts of all tests, by their names, to a file of JSON."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test counted (also in another process)."""
        counts = dict(report.user_properties).get(_PROPERTY)
        if report.when == "teardown" and isinstance(counts, dict) and counts:
            # Without its folder: a test that moves is still the same story.
            name = report.nodeid.partition("::")[2]
            self._found.setdefault(name, Counter()).update(counts)

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        found = {name: dict(sorted(counts.items())) for name, counts in self._found.items()}
        self._path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
