"""The outbox: one order, bounded, sound is what gives way."""

from __future__ import annotations

import asyncio

from rtaudio_daemon.realtime.outbox import Outbox


async def taken(outbox: Outbox) -> list[tuple[str, int]]:
    return [await outbox.take() for _ in range(len(outbox))]


async def test_messages_leave_in_the_order_in_which_they_came() -> None:
    outbox = Outbox()
    outbox.put("sound", 2)
    outbox.put("words")
    assert await taken(outbox) == [("sound", 2), ("words", 0)]


async def test_taking_waits_for_the_next_message() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.take())
    await asyncio.sleep(1)
    assert not waiting.done()
    outbox.put("words")
    assert await waiting == ("words", 0)


async def test_too_many_messages_cost_the_oldest_sound() -> None:
    outbox = Outbox(most_messages=3)
    outbox.put("words")
    for name in ("one", "two", "three"):
        assert outbox.put(name, 2)
    assert outbox.dropped == 1
    assert [name for name, _ in await taken(outbox)] == ["words", "two", "three"]


async def test_too_many_bytes_cost_as_much_sound_as_they_need() -> None:
    outbox = Outbox(most_bytes=10)
    outbox.put("a" * 4, 2)
    outbox.put("b" * 4, 2)
    assert outbox.put("c" * 9)
    assert outbox.dropped == 2
    assert await taken(outbox) == [("c" * 9, 0)]


async def test_what_is_no_sound_is_refused_rather_than_dropped() -> None:
    outbox = Outbox(most_messages=2)
    assert outbox.put("one")
    assert outbox.put("two")
    assert not outbox.put("three")
    assert outbox.dropped == 0
    assert [name for name, _ in await taken(outbox)] == ["one", "two"]


async def test_sound_that_finds_only_words_is_dropped_itself() -> None:
    outbox = Outbox(most_messages=1)
    outbox.put("words")
    outbox.put("sound", 2)
    assert outbox.dropped == 1
    assert await taken(outbox) == [("words", 0)]


async def test_clearing_frees_the_room() -> None:
    outbox = Outbox(most_bytes=10)
    outbox.put("12345", 2)
    outbox.put("12345")
    assert outbox.words == 1
    outbox.clear()
    assert (len(outbox), outbox.words, outbox.dropped) == (0, 0, 0)
    assert outbox.put("1234567890")
