"""Which streams are ours, and which are lowered."""

from __future__ import annotations

import pytest

from rtaudio_daemon.audio.processing.stream_roles import (
    MARKER_ROLE,
    OUR_ROLE,
    is_lowered,
    role_environment,
)


@pytest.mark.parametrize("role", ["", "music", "video", "Music", "Movie", "Multimedia", "game"])
def test_what_plays_is_lowered(role: str) -> None:
    assert is_lowered(role)


@pytest.mark.parametrize("role", [OUR_ROLE, MARKER_ROLE, "phone", "a11y", "filter", "abstract"])
def test_ours_and_calls_and_filters_are_not(role: str) -> None:
    assert not is_lowered(role)


def test_our_processes_tell_both_sound_servers_their_role() -> None:
    assert role_environment() == {
        "PULSE_PROP": "media.role=voice-assistant",
        "PIPEWIRE_PROPS": "{ media.role = voice-assistant }",
    }
    assert role_environment("a=b")["PULSE_PROP"] == "a=b media.role=voice-assistant"
