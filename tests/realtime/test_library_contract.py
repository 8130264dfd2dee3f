"""What the library does, as whole traces: what its users see and what the service gets, in order.

The stories are in `client_stories` and `client_session_stories`, the traces in
``library_contract.txt``: one for each dialect unless they are equal. After a change that is meant
to be seen, write them anew and read the difference, line by line: ::

    .venv/bin/python -m pytest tests/realtime/test_library_contract.py --write-traces
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.realtime import client_session_stories as client_session_stories
from tests.realtime.client_stories import STORIES
from tests.realtime.service import Service
from tests.realtime.stage import DIALECTS, Stage
from tests.strict import assert_valid_client_events
from tests.voice_live import assert_valid_voice_live_messages

TRACES = Path(__file__).with_name("library_contract.txt")
_HEAD = re.compile(r"^== (.+) \((.+)\)$", re.M)
Traces = dict[tuple[str, str], str]


def read() -> Traces:
    """The trace of every story in every dialect."""
    found: Traces = {}
    parts = _HEAD.split(TRACES.read_text()) if TRACES.exists() else [""]
    for name, kinds, trace in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        for kind in kinds.split(", "):
            found[name, kind] = trace.strip("\n") + "\n"
    return found


def write(traces: Mapping[tuple[str, str], str]) -> None:
    """All traces as text, equal ones once."""
    TRACES.write_text("\n".join(_sections(traces)))


def _sections(traces: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for name in STORIES:
        kinds = [kind for kind in DIALECTS if (name, kind) in traces]
        while kinds:
            trace = traces[name, kinds[0]]
            alike = [kind for kind in kinds if traces[name, kind] == trace]
            kinds = [kind for kind in kinds if kind not in alike]
            yield f"== {name} ({', '.join(alike)})\n\n{trace}"


async def played(name: str, kind: str) -> str:
    async with Service("ga" if kind == "ga" else "preview") as service:
        stage = Stage(kind, service)
        await STORIES[name](stage)
        trace = stage.finish()
        await stage.client.close()
    if kind == "voice-live" and stage.received:
        assert_valid_voice_live_messages(stage.received)
    elif stage.received:
        assert_valid_client_events("ga" if kind == "ga" else "preview", stage.received)
    return trace


@pytest.mark.parametrize("kind", DIALECTS)
@pytest.mark.parametrize("name", STORIES)
async def test_a_story_leaves_its_trace(
    name: str, kind: str, request: pytest.FixtureRequest
) -> None:
    trace = await played(name, kind)
    if request.config.getoption("--write-traces"):
        write({**read(), (name, kind): trace})
    assert trace == read().get((name, kind))


def test_every_trace_has_its_story() -> None:
    assert set(read()) == {(name, kind) for name in STORIES for kind in DIALECTS}
