"""The settings of a session."""

from __future__ import annotations

from rtaudio_daemon.simulator.protocol.services import (
    AZURE,
)
from rtaudio_daemon.simulator.protocol.session_config import SessionConfig


def test_semantic_turn_detection_waits_by_its_eagerness() -> None:
    settings = SessionConfig(AZURE, model="m", session_id="s", expires_at=0)
    found = {}
    for eagerness in ("low", "auto", "high"):
        turn_detection = {"type": "semantic_vad", "eagerness": eagerness}
        patch = {"audio": {"input": {"turn_detection": turn_detection}}}
        settings.update(patch, voice_locked=False)
        assert settings.turn_detection is not None
        found[eagerness] = settings.turn_detection.silence_duration_ms
    assert found["low"] > found["auto"] > found["high"]
