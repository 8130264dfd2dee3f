"""One announcement everywhere: what the answer says of it, whatever is missing."""

from __future__ import annotations

import pytest

from rtaudio_daemon.controls import SayMode
from rtaudio_daemon.daemon.broadcasts import broadcast
from rtaudio_daemon.errors import NotConnectedError, NotNowError


class Home:
    """`said`, `sent`: under which id, and what; `mute`, `away`: why not."""

    def __init__(self, *, mute: str = "", away: str = "") -> None:
        self.said: list[tuple[str | None, str, SayMode, bool]] = []
        self.sent: list[tuple[str, str]] = []
        self._mute = mute
        self._away = away

    def say(self, text: str, mode: SayMode, *, said: str | None, chime: bool) -> str:
        if self._mute:
            raise NotNowError(self._mute)
        self.said.append((said, text, mode, chime))
        return said or ""

    async def broadcast(self, said: str, text: str) -> None:
        if self._away:
            raise NotConnectedError(self._away)
        self.sent.append((said, text))


async def test_it_is_said_here_and_sent_under_one_id() -> None:
    home = Home()
    found = await broadcast("Dinner is ready.", home, home)
    said = found["id"]
    assert found == {"id": said, "sent": True, "reason": ""}
    assert home.said == [(said, "Dinner is ready.", "verbatim", True)]
    assert home.sent == [(said, "Dinner is ready.")]
    assert (await broadcast("Dinner is ready.", home, home))["id"] != said


async def test_without_a_loudspeaker_it_is_sent() -> None:
    home = Home(mute="there is no loudspeaker")
    found = await broadcast("Dinner is ready.", home, home)
    assert found == {"id": None, "sent": True, "reason": "there is no loudspeaker"}
    assert [text for _, text in home.sent] == ["Dinner is ready."]


async def test_without_a_broker_it_is_said_here() -> None:
    home = Home(away="the broker is away")
    found = await broadcast("Dinner is ready.", home, home)
    assert (found["sent"], found["reason"]) == (False, "the broker is away")
    assert found["id"] == home.said[0][0]


async def test_without_both_it_is_refused() -> None:
    home = Home(mute="there is no loudspeaker", away="the broker is away")
    with pytest.raises(NotNowError, match="there is no loudspeaker"):
        await broadcast("Dinner is ready.", home, home)
