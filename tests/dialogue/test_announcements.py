"""What is asked of the service for a text of a program."""

from __future__ import annotations

from rtaudio_daemon.dialogue.announcements import SAY_METADATA, recital

from .talk import say


def test_a_recital_is_spoken_as_an_announcement_is_and_is_set_apart_by_its_number() -> None:
    settings = say("Take the pills.").settings
    assert settings is not None
    wanted = {**settings, "metadata": {**SAY_METADATA, "recital": "7"}}
    assert recital("Take the pills.", 7) == wanted
