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

        def spared() -> tuple[float | None, bool]:
            return microphone_input.soft_dbfs, microphone_input.spares_pairs

        assert spared() == (None, False)
        await harness.post("/api/say", {"text": "speak", "mode": "prompt"})
        await until(lambda: spared() == (-72, True))
        microphone_input.tap = asyncio.Queue()
        assert spared() == (None, False)
        microphone_input.tap = None
        assert spared() == (-72, True)
        await harness.post("/api/listen/start")
        assert spared() == (None, False)
        await harness.post("/api/listen/stop")
