"""How news travels."""

from __future__ import annotations

import asyncio
import logging

import pytest

from rtaudio_daemon.emitter import Emitter


def test_listeners_are_called_in_order_and_only_for_their_event() -> None:
    emitter, heard = Emitter(), list[str]()
    emitter.on("a", lambda word: heard.append("1" + word))
    emitter.on("a", lambda word: heard.append("2" + word))
    emitter.on("b", lambda word: heard.append("3" + word))
    emitter.emit("a", "x")
    assert heard == ["1x", "2x"]


def test_once_is_called_once_even_when_it_emits_again() -> None:
    emitter, heard = Emitter(), list[int]()

    def again(number: int) -> None:
        heard.append(number)
        emitter.emit("a", number + 1)

    emitter.once("a", again)
    emitter.emit("a", 1)
    emitter.emit("a", 9)
    assert heard == [1]


def test_off_takes_away_one_listener_or_all_of_an_event() -> None:
    emitter, heard = Emitter(), list[str]()

    def first() -> None:
        heard.append("first")

    emitter.on("a", first)
    remove = emitter.on("a", lambda: heard.append("second"))
    emitter.off("a", first)
    emitter.emit("a")
    remove()
    remove()
    emitter.emit("a")
    assert heard == ["second"]
    emitter.on("a", first)
    emitter.off("a")
    emitter.emit("a")
    assert heard == ["second"]
    emitter.on("a", first)
    emitter.off_all()
    emitter.emit("a")
    assert heard == ["second"]


def test_a_listener_removed_or_added_meanwhile_counts_from_the_next_event() -> None:
    emitter, heard = Emitter(), list[str]()

    def late() -> None:
        heard.append("late")

    def first() -> None:
        emitter.off("a", second)
        emitter.on("a", late)

    def second() -> None:
        heard.append("second")

    emitter.on("a", first)
    emitter.on("a", second)
    emitter.emit("a")
    assert heard == ["second"]
    emitter.off("a", first)
    emitter.emit("a")
    assert heard == ["second", "late"]


def test_a_listener_that_raises_is_logged_and_hurts_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    emitter, heard = Emitter(), list[int]()
    emitter.on("a", lambda: 1 / 0)
    emitter.on("a", lambda: heard.append(1))
    emitter.emit("a")
    assert heard == [1]
    assert "a listener of 'a' raised" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_coroutine_listener_runs_as_a_task_and_its_error_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    emitter, heard = Emitter(), asyncio.Event()

    async def good() -> None:
        heard.set()

    async def bad() -> None:
        raise ValueError("oh")

    emitter.on("a", bad)
    emitter.on("a", good)
    with caplog.at_level(logging.ERROR):
        emitter.emit("a")
        await asyncio.wait_for(heard.wait(), 5)
        await asyncio.sleep(0)
    assert "ValueError: oh" in caplog.text
