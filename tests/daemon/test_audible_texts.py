"""Which receipts say that a text was heard, and when they come."""

from __future__ import annotations

import asyncio

import numpy as np

from rtaudio_daemon.audio.processing.audibility import Recording
from rtaudio_daemon.daemon.audible_texts import AudibleTexts
from rtaudio_daemon.notifications import Notification, TextSaid
from tests.harness import samples, speech

TEXT = speech("hello")


class Host:
    """Notes what is published."""

    volume = 1.0
    expects_echo = True

    def __init__(self) -> None:
        self.published: list[Notification] = []
        self.unheard: list[bool] = []

    def publish(self, notification: Notification) -> None:
        self.published.append(notification)

    def loudspeaker_unheard(self, why: str | None) -> None:
        self.unheard.append(why is not None)


class Room:
    """A daemon's microphone and loudspeaker, with noise between the two."""

    def __init__(self) -> None:
        self.host = Host()
        self.recording = Recording()
        self.texts = AudibleTexts(self.recording, self.host)
        self._noise = np.random.default_rng(1)

    def play(self, *, echo: bool, noise: float = 20) -> None:
        heard = 0.2 * samples(TEXT) * echo + self._noise.normal(0, noise, len(TEXT) // 2)
        self.recording.begin()
        self.recording.played(TEXT, 0)
        self.recording.heard(heard.astype("<i2").tobytes())

    async def say(self, *, echo: bool, noise: float = 20) -> str:
        """Play a text; whether it was audible, by its receipt."""
        self.play(echo=echo, noise=noise)
        self.texts.add(TextSaid("a", "said", 2500))
        count = len(self.host.published)
        while len(self.host.published) == count:
            await asyncio.sleep(0.01)
        receipt = self.host.published[-1]
        assert isinstance(receipt, TextSaid)
        return receipt.audible


async def test_what_was_not_played_is_published_at_once() -> None:
    room = Room()
    receipt = TextSaid("a", "dropped")
    room.texts.add(receipt)
    assert room.host.published == [receipt]


async def test_no_is_said_after_two_times_yes_in_a_row() -> None:
    room = Room()
    task = asyncio.create_task(room.texts.run())
    echoes = [False, True, False, True, True, False, False]
    found = [await room.say(echo=echo) for echo in echoes]
    assert found == ["unknown", "yes", "unknown", "yes", "yes", "no", "no"]
    assert room.host.unheard == []
    task.cancel()


async def test_what_a_loud_room_hides_counts_neither_way() -> None:
    room = Room()
    task = asyncio.create_task(room.texts.run())
    found = []
    for echo, noise in [(True, 20), (True, 20), (False, 20), (False, 9000), (False, 20)]:
        found.append(await room.say(echo=echo, noise=noise))
    assert found == ["yes", "yes", "no", "unknown", "no"]
    assert room.host.unheard == []
    assert await room.say(echo=False) == "no"
    assert await room.say(echo=False) == "no"
    assert room.host.unheard == [True]
    assert await room.say(echo=True) == "yes"
    assert room.host.unheard == [True, False]
    task.cancel()


async def test_a_device_that_is_exchanged_while_it_is_judged_makes_it_unknown() -> None:
    room = Room()
    task = asyncio.create_task(room.texts.run())
    room.play(echo=True)
    room.texts.add(TextSaid("a", "said", 2500))
    await asyncio.sleep(0)  # it is being judged from now on
    room.texts.forget()
    while not room.host.published:
        await asyncio.sleep(0.01)
    assert room.host.published == [TextSaid("a", "said", 2500, "unknown")]
    task.cancel()


async def test_a_daemon_that_ends_publishes_what_waits() -> None:
    room = Room()
    task = asyncio.create_task(room.texts.run())
    await asyncio.sleep(0)
    room.texts.add(TextSaid("a", "said", 2500))
    room.texts.add(TextSaid("b", "interrupted", 300))
    task.cancel()
    await asyncio.wait([task])
    assert room.host.published == [
        TextSaid("a", "said", 2500, "unknown"),
        TextSaid("b", "interrupted", 300, "unknown"),
    ]
