"""What other programs see of the daemon, and may do with it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import jsonschema
import pytest

from rtaudio_daemon.api import answer_schemas, event_schemas
from rtaudio_daemon.config import Config
from rtaudio_daemon.controls import (
    ConnectionStatus,
    DeviceStatus,
    MicrophoneStatus,
    Snapshot,
    UplinkStatus,
    UsageStatus,
)
from rtaudio_daemon.daemon.controls import DaemonControls
from rtaudio_daemon.errors import NotNowError
from rtaudio_daemon.notifications import (
    ConnectionState,
    DeviceCode,
    DeviceState,
    ModelStatus,
    SoundChanged,
)
from tests.harness import Harness

_KINDS = ("text_input", "text_cached", "text_output", "audio_input", "audio_cached")
TOKENS = {**dict.fromkeys((*_KINDS, "audio_output", "image_input"), 0), "transcription_s": 0.0}
SNAPSHOT = Snapshot(
    usage=UsageStatus(0, 0.0, 0.0, None, TOKENS, TOKENS),
    status=ModelStatus.IDLE,
    previous=ModelStatus.SPEAKING,
    since=1.5,
    connection=ConnectionStatus(
        ConnectionState.OPEN, "azure", "sess_1", 3600.0, 1, 2, "it was lost", False
    ),
    microphone=MicrophoneStatus(DeviceState.OK, "wav:microphone.wav", None, -96.0),
    speaker=DeviceStatus(DeviceState.LOST, "Jabra", "it was unplugged"),
    sound=SoundChanged("cancel", "silero", "open", ("a note",)),
    muted=False,
    talking=False,
    volume=1.0,
    uplink=UplinkStatus(False, 0),
    version="0.1.0",
    uptime_s=0.5,
)
_SPENT = (
    '{"text_input": 0, "text_cached": 0, "text_output": 0, "audio_input": 0, "audio_cached": 0, '
    '"audio_output": 0, "image_input": 0, "transcription_s": 0.0}'
)
# This is what programs have been reading since the first version.
DOCUMENT = (
    '{"usage": {"responses": 0, "cost_today": 0.0, "cost_total": 0.0, "daily_limit": null, '
    f'"today": {_SPENT}, "total": {_SPENT}}}, '
    '"status": "idle", "previous": "speaking", "since": "1970-01-01T00:00:01.500Z", '
    '"connection": {"state": "open", "profile": "azure", "session_id": "sess_1", '
    '"expires_at": "1970-01-01T01:00:00.000Z", "reconnects": 1, "renewals": 2, '
    '"last_error": "it was lost", "asleep": false}, '
    '"microphone": {"state": "ok", "device": "wav:microphone.wav", "reason": null, '
    '"level_dbfs": -96.0}, '
    '"speaker": {"state": "lost", "device": "Jabra", "reason": "it was unplugged"}, '
    '"sound": {"echo": "cancel", "engine": "silero", "listen": "open", "notes": ["a note"]}, '
    '"muted": false, "talking": false, "volume": 1.0, "uplink": {"open": false, "bytes": 0, '
    '"today": 0, "hours": []}, '
    '"version": "0.1.0", "uptime_s": 0.5, "tools": {}, "timers": [], "daemon": {}, "mqtt": {}, '
    '"ducking": {"way": "off", "active": false}, "chosen": {}, '
    '"persona": {"name": "", "wanted": "", "names": []}, "wake_words": [], '
    '"ha_state": "idle"}'
)


def test_the_document_of_a_snapshot_is_the_one_that_programs_read() -> None:
    assert json.dumps(SNAPSHOT.document()) == DOCUMENT
    jsonschema.validate(json.loads(DOCUMENT), answer_schemas.STATUS)


def test_a_session_that_tells_no_end_has_none() -> None:
    connection = replace(SNAPSHOT.connection, expires_at=None)
    document = replace(SNAPSHOT, connection=connection).document()
    assert document["connection"]["expires_at"] is None


def test_a_snapshot_stays_as_it_was() -> None:
    with pytest.raises(FrozenInstanceError):
        SNAPSHOT.muted = True  # type: ignore[misc]


async def test_the_daemon_answers_with_its_snapshot_in_that_very_form(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        async with harness.http.get("/api/status") as answer:
            body = await answer.text()
        assert json.loads(body).keys() == json.loads(DOCUMENT).keys()
        assert list(json.loads(body)) == list(json.loads(DOCUMENT)), "in this order"
        for name in ("usage", "connection", "microphone", "speaker", "sound", "uplink"):
            assert list(json.loads(body)[name]) == list(json.loads(DOCUMENT)[name])
        now = harness.app.controls.snapshot()
        assert json.loads(body)["connection"] == now.document()["connection"]


async def test_no_snapshot_is_taken_while_nobody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Snapshot] = []
    snapshot = DaemonControls.snapshot

    def counted(controls: DaemonControls) -> Snapshot:
        taken.append(snapshot(controls))
        return taken[-1]

    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(DaemonControls, "snapshot", counted)
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(1)
        assert len(taken) == 1, "the first block of the subscriber's stream"
        harness.app.controls.mute(True)
        harness.app.controls.set_volume(0.5)
        await harness.until(lambda: harness.named("volume"))
        assert len(taken) == 1, "what changed is an event of its own"
        await harness.post("/api/unmute")
        assert len(taken) == 2, "the answer to whoever asked"


@pytest.mark.parametrize(("listen", "attends"), [("open", True), ("push_to_talk", False)])
async def test_speech_alone_begins_a_turn_but_for_push_to_talk(
    tmp_path: Path, listen: str, attends: bool
) -> None:
    def change(settings: Config) -> Config:
        return replace(settings, audio=replace(settings.audio, listen=listen))

    async with Harness(tmp_path, change=change) as harness:
        await harness.until(lambda: harness.named("connection"))
        controls = harness.app.controls
        assert controls.attend() is attends
        controls.mute(True)
        with pytest.raises(NotNowError, match="the microphone is muted"):
            controls.attend()


async def test_a_daemon_is_up_for_longer_than_its_window(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        await asyncio.sleep(100)
        harness.edit = lambda settings: replace(
            settings, http=replace(settings.http, host="localhost")
        )
        await harness.app.reload()
        assert harness.app.controls.snapshot().uptime_s >= 100


async def test_the_event_of_a_device_carries_the_code_of_its_reason(tmp_path: Path) -> None:
    async with Harness(tmp_path) as harness:
        await harness.until(lambda: harness.named("connection"))
        harness.lose_microphone(DeviceState.DEAF, "it delivers digital silence", DeviceCode.SILENT)
        harness.find_microphone()
        await harness.until(
            lambda: [each["state"] for each in harness.named("device")][-2:] == ["deaf", "ok"]
        )
        deaf, works = harness.named("device")[-2:]
    for event in (deaf, works):
        jsonschema.validate(event, event_schemas.event_schema("device"))
    assert (deaf["direction"], deaf["state"], deaf["code"]) == ("microphone", "deaf", "silent")
    assert (works["reason"], works["code"]) == (None, None)
