"""What was spent, over a restart."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from rtaudio_daemon.realtime.uplink_day import UplinkDay
from rtaudio_daemon.realtime.usage import Prices, UsageMeter
from rtaudio_daemon.realtime.usage_file import UsageFile
from rtaudio_daemon.user_folders import state_folder
from tests.waiting import until

TODAY = 739_942
ANSWER = {"output_tokens": 5, "output_token_details": {"audio_tokens": 5}}
PRICES = Prices(audio_output=1e6)


def ledger() -> UsageMeter:
    return UsageMeter(PRICES, daily_limit=4)


async def spend(path: Path, counted: UsageMeter) -> None:
    keeper = asyncio.create_task(UsageFile(path, counted).run(), name="usage")
    await asyncio.sleep(0)
    counted.add_response(ANSWER, TODAY)
    await until(path.exists)
    counted.add_transcription({"type": "duration", "seconds": 1.5}, TODAY)
    keeper.cancel()
    await asyncio.wait([keeper])
    assert keeper.cancelled()


async def test_what_was_spent_is_there_again_and_the_day_goes_on(tmp_path: Path) -> None:
    path, before = tmp_path / "not" / "there yet" / "usage.json", ledger()
    await spend(path, before)
    after = ledger()
    await UsageFile(path, after).load()
    assert after.summary(TODAY) == before.summary(TODAY)
    assert after.on(TODAY).transcription_s == 1.5, "also what came in last"
    assert after.exhausted(TODAY)
    assert not after.exhausted(TODAY + 1)
    assert after.total.audio_output == 5
    assert list(path.parent.iterdir()) == [path], "nothing else is left lying there"
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_sound_of_the_day_is_there_again_and_the_next_day_begins_empty(
    tmp_path: Path,
) -> None:
    path, sent = tmp_path / "usage.json", UplinkDay()
    keeper = asyncio.create_task(UsageFile(path, ledger(), sent).run(), name="usage")
    await asyncio.sleep(0)
    sent.note(100, TODAY, 8)
    await until(path.exists)
    sent.note(300, TODAY, 9)
    keeper.cancel()
    await asyncio.wait([keeper])
    again = UplinkDay()
    await UsageFile(path, ledger(), again).load()
    again.note(50, TODAY, 9)  # its counter is that of another process
    assert (again.hours[8], again.hours[9]) == (100, 250)
    again.note(60, TODAY + 1, 0)
    assert sum(again.hours) == 10


BROKEN = {
    "no hours": json.dumps({**UsageMeter().state(), "uplink": {"day": TODAY, "hours": []}}),
    "endless day": json.dumps({**UsageMeter().state(), "day": float("inf"), "today": {}}),
    "empty": "",
    "cut off": '{"day": 7399',
    "a list": "[]",
    "null": "null",
    "without a day": '{"responses": 1, "today": {}, "total": {}}',
    "no days": json.dumps({**UsageMeter().state(), "days": [1]}),
    "a day in words": json.dumps({**UsageMeter().state(), "days": {"monday": {}}}),
    "less than nothing": json.dumps({**UsageMeter().state(), "responses": -1}),
    "not a number": json.dumps({**UsageMeter().state(), "responses": True}),
    "no tokens": json.dumps({**UsageMeter().state(), "days": {str(TODAY): 7}}),
    "other tokens": json.dumps({**UsageMeter().state(), "total": {"gold": 1}}),
}


@pytest.mark.parametrize("words", BROKEN.values(), ids=BROKEN)
async def test_a_file_that_makes_no_sense_is_told_and_counting_begins_anew(
    tmp_path: Path, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, counted = tmp_path / "usage.json", ledger()
    path.write_text(words)
    await UsageFile(path, counted).load()
    assert counted.summary(TODAY) == ledger().summary(TODAY)
    (entry,) = caplog.records
    assert (entry.levelno, str(path) in entry.message) == (logging.WARNING, True)
    await spend(path, counted)
    await UsageFile(path, after := ledger()).load()
    assert after.responses == 1


async def test_the_file_of_an_earlier_version_counts(tmp_path: Path) -> None:
    counted = ledger()
    counted.add_response(ANSWER, TODAY)
    state = counted.state()
    today, path = state.pop("days")[str(TODAY)], tmp_path / "usage.json"
    path.write_text(json.dumps({**state, "day": TODAY, "today": today}))
    await UsageFile(path, after := ledger()).load()
    assert after.summary(TODAY) == counted.summary(TODAY)
    path.write_text(json.dumps({**UsageMeter().state(), "day": None, "today": today}))
    await UsageFile(path, after).load()
    assert not after.exhausted(TODAY)


async def test_no_file_is_no_matter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await UsageFile(tmp_path / "usage.json", ledger()).load()
    assert caplog.records == []


async def test_a_place_that_cannot_be_written_is_told_once_and_counting_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    caplog.set_level(logging.INFO)
    counted = ledger()
    keeper = asyncio.create_task(
        UsageFile(tmp_path / "file" / "usage.json", counted).run(), name="usage"
    )
    for _ in range(3):
        counted.add_response(ANSWER, TODAY)
        await asyncio.sleep(6)
    keeper.cancel()
    await asyncio.wait([keeper])
    (warning,) = (entry for entry in caplog.records if entry.levelno >= logging.INFO)
    assert "cannot be kept" in warning.message
    assert counted.responses == 3


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"STATE_DIRECTORY": "/var/lib/rtaudio-daemon:/var/lib/other"}, "/var/lib/rtaudio-daemon"),
        ({"XDG_STATE_HOME": "/home/me/state"}, "/home/me/state/rtaudio-daemon"),
        ({"XDG_STATE_HOME": "relative"}, f"{Path.home()}/.local/state/rtaudio-daemon"),
        ({}, f"{Path.home()}/.local/state/rtaudio-daemon"),
    ],
)
def test_the_place_is_that_of_the_service_or_of_the_user(
    environment: dict[str, str], place: str
) -> None:
    assert str(state_folder(environment)) == place
