"""Which frames of the microphone may come late."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.daemon.test_reload import with_
from tests.harness import Harness
from tests.waiting import until

SILERO = with_(audio__gate__engine="silero", audio__echo="half_duplex")


async def test_frames_may_come_late_only_while_an_answer_is_heard_and_nobody_needs_them(
    tmp_path: Path,
) -> None:
    async with Harness(tmp_path, change=SILERO) as harness:
        await harness.until_it_can_talk()
        microphone_input = harness.app.assistant.microphone_input
        assert microphone_input.soft_dbfs is None
        await harness.post("/api/say", {"text": "speak", "mode": "prompt"})
        await until(lambda: microphone_input.soft_dbfs == -72)
        microphone_input.tap = asyncio.Queue()
        assert microphone_input.soft_dbfs is None
        microphone_input.tap = None
        assert microphone_input.soft_dbfs == -72
        await harness.post("/api/listen/start")
        assert microphone_input.soft_dbfs is None
        await harness.post("/api/listen/stop")
