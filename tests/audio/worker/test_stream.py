"""How the audio process opens devices that are choosy, without any sound."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from array import array
from itertools import accumulate, pairwise
from typing import Any

import pytest

from rtaudio_daemon.audio.worker.device_lookup import DeviceInfo, Direction
from rtaudio_daemon.audio.worker.frame_bundle import LONG_MS
from rtaudio_daemon.audio.worker.input_stream import InputStream
from rtaudio_daemon.audio.worker.messages import (
    Kind,
    StreamFacts,
    Unpacker,
    failure_of,
    number_body,
    part_body,
    progress_of,
    spare_body,
    split_part,
)
from rtaudio_daemon.audio.worker.output_stream import OutputStream
from rtaudio_daemon.audio.worker.writer import Writer
from rtaudio_daemon.errors import DeviceError

OVERFLOWED = OSError(-9981, "Input overflowed")
UNPLUGGED = OSError(-9999, "Unanticipated host error")


class FakeStream:
    """Who reads it waits for `say`, or, on a card that `talks`, for the time that a frame takes."""

    def __init__(self, card: ChoosyCard) -> None:
        self.card = card
        self.sounds: queue.Queue[bytes | OSError] = queue.Queue()
        self.taken = threading.Semaphore(0)
        self.reads = 0
        self.being_read = False
        card.streams += 1

    def start_stream(self) -> None:
        if self.card.starts_not:
            raise OSError(-9999, "Unanticipated host error")

    def read(self, frames: int) -> bytes:
        if self.reads:
            self.taken.release()
        self.reads += 1
        if self.card.talks:
            time.sleep(frames / 24_000)
            return bytes(2 * frames)
        self.being_read = True
        sound = self.sounds.get()
        self.being_read = False
        if isinstance(sound, OSError):
            raise sound
        return sound

    def close(self) -> None:
        assert not self.being_read, "PortAudio would crash"
        self.card.streams -= 1

    def abandon(self) -> None:
        """Nobody waits for any more sound."""
        self.card.talks = False
        self.sounds.put(UNPLUGGED)

    def get_input_latency(self) -> float:
        return 0.04


class ChoosyCard:
    """PyAudio with one card that opens only at some rates and channel counts."""

    def __init__(self, rates: set[int], channels: set[int], busy: bool = False) -> None:
        self.rates, self.channels, self.busy = rates, channels, busy
        self.tried: list[tuple[int, int]] = []
        self.writer: ByHand | None = None
        self.opened: list[FakeStream] = []
        self.frame_ms: list[int] = []
        self.streams = 0
        self.starts_not = False
        self.talks = False

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        return {"index": index}

    def open(self, *, rate: int, channels: int, **rest: Any) -> FakeStream:
        self.tried.append((rate, channels))
        self.frame_ms.append(rest["frames_per_buffer"] * 1000 // rate)
        if self.busy:
            raise OSError(-9985, "Device unavailable")
        if channels not in self.channels:
            raise OSError(-9998, "Invalid number of channels")
        if rate not in self.rates:
            raise OSError(-9997, "Invalid sample rate")
        self.opened.append(FakeStream(self))
        return self.opened[-1]

    def say(self, sound: bytes | OSError) -> None:
        """The newest stream hears this; returns when its reader wants more."""
        self.opened[-1].sounds.put(sound)
        assert self.opened[-1].taken.acquire(timeout=60)


class ByHand(Writer):
    """Writes a block when the test says so."""

    def start(self) -> None:
        self._stream.start_stream()
        self._stream.card.writer = self

    def end(self) -> None:
        self._stream.close()


def block(card: ChoosyCard, *, late: bool = False) -> bytes:
    """The next block for the device; `late`: it comes too late."""
    assert card.writer is not None
    return card.writer._next_block(late)[0]


def info(direction: Direction) -> DeviceInfo:
    return DeviceInfo("USB", direction, False, 2, 3)


def messages(pair: tuple[socket.socket, socket.socket]) -> list[tuple[Kind, bytes]]:
    pair[0].setblocking(False)
    data = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            data += pair[0].recv(1 << 16)
    return Unpacker().feed(data)


@pytest.mark.parametrize(
    ("rates", "channels", "opened"),
    [
        ({24_000, 48_000}, {1, 2}, (24_000, 1)),
        ({44_100, 48_000}, {1}, (48_000, 1)),
        ({44_100}, {1}, (44_100, 1)),
        ({16_000}, {1}, (16_000, 1)),
        ({48_000}, {2}, (48_000, 2)),
    ],
)
def test_a_card_is_opened_at_the_first_rate_and_channels_it_takes(
    pumps: Any, rates: set[int], channels: set[int], opened: tuple[int, int]
) -> None:
    card = ChoosyCard(rates, channels)
    facts = pumps(InputStream).open(card, info("input"), 20)
    assert facts == StreamFacts("USB", *opened, int(0.04 * opened[0]))
    assert card.tried[-1] == opened
    assert card.frame_ms[-1] == 20


def test_the_right_channel_is_asked_for_in_stereo_as_mono_may_be_the_left_one(pumps: Any) -> None:
    card = ChoosyCard({48_000}, {1, 2})
    assert pumps(InputStream, "right").open(card, info("input"), 20).channels == 2
    assert pumps(InputStream, "mix").open(card, info("input"), 20).channels == 2
    mono = ChoosyCard({48_000}, {1})
    assert pumps(InputStream, "right").open(mono, info("input"), 20).channels == 1


def test_a_busy_card_is_not_asked_again_and_again(pumps: Any) -> None:
    card = ChoosyCard({24_000}, {1}, busy=True)
    with pytest.raises(DeviceError, match=r"'USB' does not open.*unavailable"):
        pumps(OutputStream, ByHand).open(card, info("output"), 20)
    assert len(card.tried) == 1


def test_a_card_that_takes_nothing_is_a_device_error(pumps: Any) -> None:
    message = "neither with one channel nor with two at 24000, .* use the sound server's default"
    for card in (ChoosyCard({96_000}, {1}), ChoosyCard({48_000}, {8})):
        with pytest.raises(DeviceError, match=message):
            pumps(InputStream).open(card, info("input"), 20)


@pytest.mark.parametrize(
    ("channel", "heard"), [("left", [1, 2]), ("right", [-1, -4]), ("mix", [0, -1])]
)
def test_of_two_channels_the_chosen_one_is_heard(
    pumps: Any, pair: Any, channel: str, heard: list[int]
) -> None:
    card = ChoosyCard({48_000}, {2})
    stream = pumps(InputStream, channel)
    stream.open(card, info("input"), 20)
    card.say(array("h", [1, -1, 2, -4]).tobytes())
    assert messages(pair) == [(Kind.SOUND, part_body(0, array("h", heard).tobytes()))]


def test_a_daemon_that_does_not_read_gets_what_the_socket_holds_and_then_the_newest_second(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream.open(card, info("input"), 20)
    for number in range(1000):
        card.say(array("h", [number] * 480).tobytes())
    received, unpacker = [], Unpacker()
    pair[0].settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while data := pair[0].recv(1 << 20):
            received += unpacker.feed(data)
            stream._link.serve()
    numbers = [array("h", split_part(body)[1])[0] for _, body in received]
    assert numbers[-50:] == list(range(950, 1000))
    assert numbers == sorted(numbers)
    assert 51 < len(numbers) < 1000
    assert numbers[: len(numbers) - 50] == list(range(len(numbers) - 50))


def test_what_is_heard_before_the_daemon_knows_of_the_stream_follows_the_news_of_it(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream._link.ready = False
    stream.open(card, info("input"), 20)
    card.say(bytes(960))
    stream._link.serve()
    assert messages(pair) == []
    stream._link.send_ready(b"{}")
    card.say(bytes(480))
    stream._link.serve()
    assert [(kind, len(body)) for kind, body in messages(pair)] == [
        (Kind.READY, 2), (Kind.SOUND, 964), (Kind.SOUND, 484)
    ]  # fmt: skip


def test_playing_is_the_same_on_both_channels_and_reports_how_far_it_came(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({48_000}, {2})
    stream = pumps(OutputStream, ByHand)
    stream.open(card, info("output"), 20)
    sound = array("h", range(1, 961)).tobytes()
    stream.receive(Kind.PUSH, part_body(5, sound))
    stream.receive(Kind.END, part_body(5))
    for _ in range(4):
        assert block(card) == bytes(960 * 4), "until the device's buffer is full"
    played = block(card)
    assert array("h", played)[:6].tolist() == [1, 1, 2, 2, 3, 3]
    for _ in range(2):
        block(card)
    stream.report()
    kinds = [(kind, body) for kind, body in messages(pair)]
    assert [kind for kind, _ in kinds] == [Kind.PROGRESS, Kind.STARTED]
    assert progress_of(kinds[0][1]).last_id == 5
    stream.receive(Kind.STOP, b"")
    assert [kind for kind, _ in messages(pair)] == [Kind.STOPPED]


def test_what_is_played_is_said_in_pieces_of_40_ms_and_none_of_it_is_missing(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    stream.open(card, info("output"), 20)
    stream.receive(Kind.TAP, b"")
    stream.receive(Kind.PUSH, part_body(1, array("h", range(1, 2881)).tobytes()))
    stream.receive(Kind.END, part_body(1))
    heard = b"".join(block(card) for _ in range(100))
    said = [split_part(body) for kind, body in messages(pair) if kind is Kind.PLAYED]
    assert {len(sound) for _, sound in said} <= {2 * 960, 3 * 960}
    begin = said[0][0]
    assert [position - begin for position, _ in said] == [
        0, *accumulate(len(sound) // 2 for _, sound in said[:-1])
    ]  # fmt: skip
    assert heard.strip(b"\0") in b"".join(sound for _, sound in said), "and a second of silence"
    assert len(said) == 27


def playing(stream: Any, card: ChoosyCard, seconds: int = 1) -> None:
    """Open and play a long sound until its beginning is heard."""
    stream.open(card, info("output"), 20)
    stream.receive(Kind.PUSH, part_body(1, b"\1\1" * 24_000 * seconds))
    for _ in range(7):
        block(card)
    stream.report()


def test_how_far_playing_came_is_said_right_after_what_is_played(
    pumps: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    stream.receive(Kind.TAP, b"")
    playing(stream, card)
    messages(pair)
    for _ in range(10):
        now[0] += 0.04
        block(card)
    kinds = [kind for kind, _ in messages(pair)]
    assert (kinds.count(Kind.PLAYED), kinds.count(Kind.PROGRESS)) == (10, 3)
    after = [before for before, kind in pairwise(kinds) if kind is Kind.PROGRESS]
    assert set(after) == {Kind.PLAYED}, "the daemon is woken once for both"


def test_nothing_is_said_of_progress_between_a_stop_and_its_answer(pumps: Any, pair: Any) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    playing(stream, card)
    messages(pair)
    send = stream._link.send

    def slowly(kind: Kind, body: bytes) -> None:
        stream._reported_at = 0.0
        block(card)
        send(kind, body)

    stream._link.send = slowly
    stream.receive(Kind.STOP, b"")
    block(card)
    kinds = [kind for kind, _ in messages(pair)]
    assert kinds == [Kind.STOPPED, Kind.PROGRESS]


def test_a_block_that_came_too_late_counts_as_an_underrun_while_something_plays(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    stream.open(card, info("output"), 20)
    block(card, late=True)
    playing(stream, card)
    block(card, late=True)
    stream.receive(Kind.STOP, b"")
    (kind, body) = messages(pair)[-1]
    assert kind is Kind.STOPPED
    assert progress_of(body).underruns == 1


def test_a_loudspeaker_that_stutters_gets_a_fuller_buffer_after_the_next_rest(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    playing(stream, card)
    for _ in range(3):
        block(card, late=True)
    assert not stream._reopen(card, info("output"), LONG_MS), "never while it plays"
    stream.receive(Kind.STOP, b"")
    assert stream._reopen(card, info("output"), LONG_MS)
    assert stream._reopen(card, info("output"), stream._brief_ms)
    assert card.frame_ms == [40, 200, 40]
    assert card.writer is not None
    assert card.writer._waiting == 80 * 24
    assert card.streams == 1


def test_a_loudspeaker_that_stutters_no_more_gets_its_usual_buffer_back(
    pumps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    playing(stream, card, 60)
    for _ in range(3):
        block(card, late=True)
    assert stream._needed_ms == 80
    now[0] += 599
    assert stream._needed_ms == 80
    block(card, late=True)
    now[0] += 599
    assert stream._needed_ms == 80, "one more late block is reason enough to keep it"
    now[0] += 1
    assert stream._needed_ms == 40
    block(card, late=True)
    assert stream._needed_ms == 40, "one alone is not"


def test_late_blocks_right_after_a_stream_was_opened_again_do_not_fill_its_buffer(
    pumps: Any,
) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    stream.open(card, info("output"), 20)
    for frame_ms in (LONG_MS, 40):
        assert stream._reopen(card, info("output"), frame_ms)
    stream.receive(Kind.PUSH, part_body(1, b"\1\1" * 48_000))
    for _ in range(25):
        block(card, late=True)
    assert stream._progress([]).underruns == 21, "each of them is counted all the same"
    assert stream._needed_ms == 40
    for _ in range(3):
        block(card, late=True)
    assert stream._needed_ms == 80


def test_a_microphone_that_does_not_become_quick_at_once_is_tried_again(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({24_000}, {1})
    card.talks = True
    stream = pumps(InputStream)
    stream.open(card, info("input"), 20)
    assert stream._reopen(card, info("input"), LONG_MS)
    card.starts_not = True
    assert not stream._reopen(card, info("input"), 20)
    assert card.streams == 1, "the one that did not start is closed"
    assert stream._pace_changed.is_set()
    card.starts_not = False
    messages(pair)
    assert stream._reopen(card, info("input"), 20)
    assert card.streams == 1


def test_a_stream_that_stopped_delivering_is_left_alone_while_the_next_one_goes_on(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream.open(card, info("input"), 20)
    card.say(bytes(960))
    card.talks = True
    assert stream._reopen(card, info("input"), LONG_MS)
    assert (card.opened[0].being_read, card.streams) == (True, 2), "closing it would be a crash"
    kinds = [(kind, split_part(body)[0]) for kind, body in messages(pair)]
    assert kinds[:2] == [(Kind.SOUND, 0), (Kind.SOUND, 1)]
    assert (Kind.SWITCHED, 1) in kinds
    assert stream._reopen(card, info("input"), 20)
    assert card.streams == 2


def test_a_microphone_that_goes_away_says_so_at_once(pumps: Any, pair: Any) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream.open(card, info("input"), 20)
    card.say(bytes(960))
    card.opened[-1].sounds.put(UNPLUGGED)
    pair[0].settimeout(10)
    received: list[tuple[Kind, bytes]] = []
    unpacker = Unpacker()
    while len(received) < 2:
        received += unpacker.feed(pair[0].recv(1 << 16))
    assert [kind for kind, _ in received] == [Kind.SOUND, Kind.FAILED]
    failure = failure_of(received[-1][1])
    assert failure.code == "lost"
    assert str(failure).startswith("the device delivers no sound any more: ")


def test_a_microphone_that_opens_only_once_keeps_its_stream(pumps: Any) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream.open(card, info("input"), 20)
    card.busy = True
    assert not stream._reopen(card, info("input"), LONG_MS)
    card.busy = False
    assert not stream._reopen(card, info("input"), LONG_MS)
    assert card.streams == 1


def test_blocks_are_long_only_while_an_answer_plays_on_that_nobody_speaks_over(
    pumps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    stream.open(card, info("output"), 20)
    assert len(block(card)) == 960, "it may have to begin"
    playing(stream, card, 5)
    assert len(block(card)) == 2 * 960
    stream.receive(Kind.VOLUME, number_body(0.3))  # somebody may be speaking
    assert [len(block(card)) for _ in range(20)] == 20 * [960]
    now[0] += 0.5
    assert len(block(card)) == 2 * 960, "nobody was"
    for _ in range(200):
        last = block(card)
    assert len(last) == 960, "it may have to begin again"


def test_a_loudspeaker_that_takes_no_more_sound_says_why(pumps: Any, pair: Any) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    stream.open(card, info("output"), 20)
    assert card.writer is not None
    card.writer._failed(UNPLUGGED)
    ((kind, body),) = messages(pair)
    assert kind is Kind.FAILED
    assert failure_of(body).code == "lost"
    assert str(failure_of(body)).startswith("the device takes no sound any more: ")


def test_in_the_quiet_the_daemon_is_woken_only_for_every_tenth_frame(pumps: Any, pair: Any) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream.open(card, info("input"), 20)
    stream.attend(False)
    quiet, loud = array("h", [100, -100]).tobytes(), array("h", [100, -300]).tobytes()

    def told(data: bytes) -> list[int]:
        """The lengths of the messages, in samples."""
        card.say(data)
        return [len(split_part(body)[1]) // 2 for _, body in messages(pair)]

    assert [told(quiet) for _ in range(20)] == [[], [], [], [], [], [], [], [], [], [20]] * 2
    assert [told(each) for each in (loud, quiet, loud)] == [[2], [], [4]]
    told(quiet)
    stream.attend(True)
    assert [told(quiet) for _ in range(3)] == [[4], [2], [2]]


def test_long_frames_go_in_pairs_while_it_is_quiet_and_at_once_when_somebody_speaks(
    pumps: Any, pair: Any
) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream.open(card, info("input"), stream.long_ms)
    assert card.frame_ms == [100]
    stream.attend(False)
    for pcm in (bytes(4800), bytes(4800), b"\0\x10" * 2400):
        card.say(pcm)
    assert [len(split_part(body)[1]) for _, body in messages(pair)] == [9600, 4800]


def test_soft_frames_that_the_daemon_spares_come_together(pumps: Any, pair: Any) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream.open(card, info("input"), 20)
    soft, loud = array("h", [9, -9] * 240).tobytes(), array("h", [11, -11] * 240).tobytes()
    for below in (10.0, 0.0):
        stream.receive(Kind.SPARE, spare_body(below, False))
        for frame in (soft, soft, loud, soft):
            card.say(frame)
    sounds = [split_part(body)[1] for _, body in messages(pair)]
    assert sounds == [soft + soft + loud, soft + soft, soft, loud, soft]


def test_a_late_block_of_a_new_stream_costs_nothing_and_does_not_count(pumps: Any) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(OutputStream, ByHand)
    stream.open(card, info("output"), 20)
    stream.receive(Kind.PUSH, part_body(1, b"\1\1" * 24_000))
    for _ in range(4):
        assert block(card, late=True) == bytes(960)
    assert stream._needed_ms == 40
    assert block(card, late=True) == b"\1\1" * 480
    assert stream._progress([]).underruns == 1


def test_a_microphone_that_was_not_heard_in_time_says_so_and_goes_on(pumps: Any, pair: Any) -> None:
    card = ChoosyCard({24_000}, {1})
    stream = pumps(InputStream)
    stream.open(card, info("input"), 20)
    card.say(OVERFLOWED)
    card.say(bytes(960))
    assert [kind for kind, _ in messages(pair)] == [Kind.OVERFLOWED, Kind.SOUND]
