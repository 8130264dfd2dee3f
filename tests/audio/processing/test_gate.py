"""Only speech is sent, and no word of it is lost."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio_daemon.audio.processing.echo import Echo, Mode
from rtaudio_daemon.audio.processing.gate import Gate
from rtaudio_daemon.audio.processing.vad import AlwaysEngine
from rtaudio_daemon.config import Gate as Settings

MS = 48


class Script:
    """An engine that reads its verdict from the frame: x sure, o perhaps, everything else not."""

    def probability(self, pcm: bytes) -> float:
        return {ord("x"): 0.9, ord("o"): 0.6, ord("h"): 0.4}.get(pcm[0], 0.0)


@dataclass
class Room:
    """Feeds a gate one 20 ms frame per character and remembers what left."""

    gate: Gate
    sent: str = ""
    events: list[tuple[int, str]] = field(default_factory=list)
    at: int = 0

    def hear(self, frames: str) -> None:
        for mark in frames:
            result = self.gate.feed(mark.encode() * (20 * MS))
            self.sent += result.pcm_to_send[:: 20 * MS].decode()
            self.events += [(self.at, "started")] if result.started else []
            self.events += [(self.at, "stopped")] if result.stopped else []
            self.at += 1


def room(echo: Echo | None = None, **settings: object) -> Room:
    base: dict[str, object] = {"pre_roll_ms": 100, "hangover_ms": 200, "barge_in_ms": 80}
    return Room(Gate(Settings(**{**base, **settings}), Script(), echo))  # type: ignore[arg-type]


def test_silence_stays_in_the_house() -> None:
    home = room()
    home.hear("." * 500)
    assert home.sent == ""
    assert not home.gate.open


def test_a_pause_is_counted_while_a_turn_is_said() -> None:
    home = room()
    home.hear("...")
    assert home.gate.pause_ms == 0, "nobody has begun"
    home.hear("xxxxxx..")
    assert home.gate.pause_ms == 40
    home.hear("x")
    assert home.gate.pause_ms == 0
    home.hear("." * 10)
    assert (home.gate.open, home.gate.pause_ms) == (False, 0)


def test_speech_flows_after_half_a_second_of_a_turn_until_a_pause() -> None:
    home = room()
    home.hear("xxxx" + "x" * 24)
    assert not home.gate.flows, "the beginning"
    home.hear("x")
    assert home.gate.flows
    home.hear(".")
    assert not home.gate.flows
    home.hear("x")
    assert home.gate.flows
    home.hear("." * 10 + "x")
    assert not home.gate.flows, "it is closed"


def test_where_everything_counts_as_speech_none_of_it_flows() -> None:
    home = room(engine="always")
    home.hear("x" * 50)
    assert home.gate.open
    assert not home.gate.flows, "as nobody here would notice the pause"


def test_speech_leaves_with_a_little_before_and_after_it() -> None:
    home = room()
    home.hear("abcdefgxxxx")
    assert home.gate.open
    assert home.events == [(10, "started")]
    assert home.sent == "fgxxxx"  # 100 ms of pre-roll and the frame that opened the gate
    home.hear("y" + "." * 20)
    assert home.sent == "fgxxxxy........."
    assert home.events == [(10, "started"), (20, "stopped")]
    assert not home.gate.open


def test_speech_that_has_begun_goes_on_at_a_lower_threshold() -> None:
    home = room()
    home.hear("h" * 50)
    assert not home.gate.open
    home.hear("xxxx" + "h" * 50)
    assert home.gate.open


def test_the_next_turn_does_not_send_the_end_of_the_last_one_again() -> None:
    home = room()
    home.hear("xxxx" + "a" * 10)
    assert not home.gate.open
    home.hear("bxxxx")
    assert home.sent == "xxxx" + "a" * 10 + "bxxxx"


def test_the_end_named_by_the_service_closes_at_once() -> None:
    home = room()
    home.hear("xxxx.")
    assert home.gate.end_turn()
    assert not home.gate.open
    assert not home.gate.end_turn()
    home.hear(".....")
    assert home.sent == "xxxx."
    assert home.events == [(3, "started")]


def test_the_end_named_by_the_service_waits_while_somebody_speaks() -> None:
    home = room()
    home.hear("xxxx")
    assert not home.gate.end_turn()
    home.hear("xx")
    assert home.sent == "xxxxxx"


def test_a_muted_gate_drops_everything_and_forgets_it() -> None:
    home = room()
    assert not home.gate.mute(True)
    home.hear("xxxxxx")
    assert home.gate.muted
    home.gate.mute(False)
    home.hear("xxx")
    assert home.sent == ""
    home.hear("x")
    assert home.sent == "xxxx"


def test_muting_in_the_middle_of_a_turn_aborts_it() -> None:
    home = room()
    home.hear("xxxx")
    assert home.gate.mute(True)
    assert not home.gate.open
    home.hear("xxxx")
    assert home.events == [(3, "started")]


def test_while_an_answer_is_heard_its_echo_does_not_leave() -> None:
    home = room()
    home.gate.playing = True
    assert home.gate.playing
    home.hear("ooooooooooxxx....ooooooxx.....xx")
    assert home.sent == ""


def test_sure_and_lasting_speech_interrupts_an_answer_without_losing_its_beginning() -> None:
    home = room(pre_roll_ms=320, barge_in_ms=160)
    home.gate.playing = True
    home.hear("oooooooooxxxxxxxx")
    assert home.events == [(16, "started")]
    assert home.sent == "oooooooooxxxxxxxx"
    home.hear("oo" + "." * 12)
    assert home.events == [(16, "started"), (28, "stopped")]


@pytest.mark.parametrize("echo", ["half_duplex", "off"])
def test_nothing_interrupts_an_answer_if_so_configured(echo: Mode) -> None:
    home = room(Echo(echo), barge_in=False)
    home.gate.playing = True
    home.hear("x" * 100)
    assert home.sent == ""
    home.gate.playing = False
    home.hear("." * 15)
    home.hear("xxxx")
    assert home.gate.open


@pytest.mark.parametrize("echo", ["half_duplex", "cancel", "system", "off"])
@pytest.mark.parametrize("local_turns", [False, True])
def test_nor_does_what_is_being_said_when_the_answer_begins(echo: Mode, local_turns: bool) -> None:
    gate = Gate(Settings(barge_in=False), Script(), Echo(echo), local_turns=local_turns)
    for _ in range(4):
        gate.feed(b"x" * 960)
    assert gate.open
    gate.playing = True
    results = [gate.feed(b"x" * 960) for _ in range(50)]
    assert b"".join(result.pcm_to_send for result in results) == b""
    assert [result.cut and result.stopped for result in results] == [True] + [False] * 49


def test_the_room_still_holds_the_answer_for_a_moment() -> None:
    home = room()
    home.gate.playing = True
    home.hear("oooo")
    home.gate.playing = False
    home.hear("o" * 15)
    assert home.sent == ""
    home.hear("oooo")
    assert home.gate.open


class EndlessEcho(Echo):
    def lasts(self) -> bool:
        return True


def test_an_echo_is_waited_for_as_long_as_it_lasts_but_for_a_second_at_most() -> None:
    home = room(EndlessEcho())
    home.gate.playing = True
    home.hear("oooo")
    home.gate.playing = False
    home.hear("o" * 50)
    assert home.sent == ""
    home.hear("oooo")
    assert home.gate.open


@pytest.mark.parametrize("engine", ["silero", "always"])
def test_while_an_echo_lasts_who_may_not_interrupt_answers_may_speak(engine: str) -> None:
    home = room(EndlessEcho(), barge_in=False, engine=engine)
    home.gate.playing = True
    home.hear("x" * 20)
    home.gate.playing = False
    home.hear("." * 15)
    assert home.sent == ""
    home.hear("xxxx")
    assert home.sent.endswith("xxxx")


def test_what_is_being_said_when_an_answer_begins_must_prove_itself_and_loses_nothing() -> None:
    home = room(pre_roll_ms=320, barge_in_ms=160)
    home.hear("xxxxab")
    home.gate.playing = True
    home.gate.playing = True
    assert not home.gate.open
    home.hear("cxxxxxxxx")
    assert home.sent == "xxxxabcxxxxxxxx"
    assert home.events == [(3, "started"), (6, "stopped"), (14, "started")]


def test_an_open_gate_without_judgement_sends_everything() -> None:
    home = room(engine="always")
    assert home.gate.open
    home.hear("..x..xxxx")
    home.gate.playing = True
    home.hear("abc")
    assert home.sent == "..x..xxxx", "it could be the answer"
    home.hear("de")
    assert home.gate.open
    assert home.sent == "..x..xxxxabcde"
    assert home.events == []
    home.gate.mute(True)
    assert not home.gate.open
    home.hear("xx")
    assert home.sent == "..x..xxxxabcde"


def test_an_open_gate_without_judgement_keeps_the_echo_of_an_answer_in_the_house() -> None:
    gate = Gate(Settings(engine="always"), AlwaysEngine())
    played, echo = loud(8000), loud(2000)
    gate.playing = True
    for _ in range(50):
        gate.played(played)
        assert gate.feed(echo).pcm_to_send == b""
    for _ in range(80):
        gate.played(played)
        assert gate.feed(loud(6000)).pcm_to_send == b"", "the same wave, only louder, is nobody"
    sent, person = b"", array("h", [16_000, 16_000, -16_000, -16_000] * 120).tobytes()
    for _ in range(6):
        gate.played(played)
        sent += gate.feed(person).pcm_to_send
    assert sent.endswith(4 * person), "a person is heard"
    gate.playing = False
    for _ in range(15):
        gate.feed(bytes(960))
    assert gate.feed(echo).pcm_to_send == echo


@pytest.mark.parametrize(("hangover_ms", "after_frames"), [(1000, 25), (200, 10)])
def test_what_nobody_goes_on_from_was_no_interruption(hangover_ms: int, after_frames: int) -> None:
    home = room(hangover_ms=hangover_ms)
    home.gate.playing = True
    home.hear("xxxx")
    assert home.gate.unproven
    results = [home.gate.feed(b"." * 960) for _ in range(after_frames)]
    assert [result.aborted for result in results] == [False] * (after_frames - 1) + [True]
    assert not any(result.stopped for result in results)
    assert not home.gate.open


def test_who_goes_on_speaking_for_a_moment_has_interrupted() -> None:
    home = room(hangover_ms=1000)
    home.gate.playing = True
    home.hear("xxxx..xx")
    assert not home.gate.unproven
    home.hear("." * 49)
    assert home.gate.open
    home.hear(".")
    assert home.events == [(3, "started"), (57, "stopped")]


@pytest.mark.parametrize(("frames", "still_open"), [("xxxx", True), ("xxxx..", False)])
def test_where_echo_is_cancelled_only_who_speaks_keeps_the_gate_open_when_an_answer_begins(
    frames: str, still_open: bool
) -> None:
    gate = Gate(Settings(), Script(), Echo("cancel"))
    for mark in frames:
        gate.feed(mark.encode() * 960)
    gate.playing = True
    assert gate.open == still_open
    assert gate.feed(bytes(960)).cut == (not still_open)


def loud(amplitude: int) -> bytes:
    return array("h", [amplitude, -amplitude] * 240).tobytes()


def test_an_open_gate_without_barge_in_is_half_duplex() -> None:
    home = room(engine="always", barge_in=False)
    home.gate.playing = True
    assert not home.gate.open
    home.hear("ab")
    assert home.sent == ""


@pytest.mark.parametrize("echo", ["half_duplex", "off"])
def test_a_sound_of_our_own_is_silence_to_the_service_except_with_headphones(echo: Mode) -> None:
    home = room(Echo(echo))
    home.gate.ignore(100)
    home.hear("xxxxxxxxxx")
    assert ("x" * 10 in home.sent) is (echo == "off")
    home.gate.ignore(20)
    assert home.gate.bypass(b"x" * 20 * MS) == (b"x" if echo == "off" else b"\0") * 20 * MS


def test_the_result_carries_the_probability() -> None:
    home = room()
    assert home.gate.feed(b"x" * 960).probability == pytest.approx(0.9)


@given(st.text(alphabet="xoh.PQEMU", max_size=300))
def test_whatever_happens_nothing_is_sent_twice_or_out_of_order(story: str) -> None:
    gate = Gate(Settings(hangover_ms=100), Script())
    sent: list[int] = []
    for at, mark in enumerate(story):
        if mark in "PQ":
            gate.playing = mark == "P"
        elif mark == "E":
            gate.end_turn()
        elif mark in "MU":
            gate.mute(mark == "M")
        else:
            was_open = gate.open
            frame = mark.encode() + at.to_bytes(2, "big") + bytes(957)
            pcm = gate.feed(frame).pcm_to_send
            sent += [int.from_bytes(pcm[i + 1 : i + 3], "big") for i in range(0, len(pcm), 960)]
            assert not (was_open and not pcm)
            assert not (pcm and gate.muted)
    assert sent == sorted(set(sent))


def test_a_turn_that_is_too_long_is_cut_and_needs_some_quiet_before_the_next() -> None:
    home = room(max_turn_s=5)
    cut = [home.gate.feed(b"x" * (20 * MS)).cut for _ in range(254)]
    assert cut == [False] * 253 + [True]
    assert not home.gate.open
    home.hear("x" * 100)
    assert home.sent == ""
    home.hear("." * 25 + "xxxx")
    assert home.gate.open


def test_who_was_too_long_and_was_not_heard_for_a_while_may_speak_at_once() -> None:
    home = room(max_turn_s=5)
    home.hear("x" * 254)
    assert not home.gate.open
    home.gate.pause()
    home.hear("xxxx")
    assert home.gate.open


def test_where_the_gate_ends_the_turns_silence_closes_it_sooner_and_playing_does_not() -> None:
    gate = Gate(Settings(turn_end_ms=100), Script(), local_turns=True)
    for _ in range(4):
        gate.feed(b"x" * (20 * MS))
    gate.playing = True
    assert gate.open
    assert [gate.feed(b"." * (20 * MS)).stopped for _ in range(5)] == [False] * 4 + [True]


def test_somebody_who_may_be_speaking_over_an_answer_is_suspicious() -> None:
    home = room(barge_in_ms=160)
    home.gate.playing = True
    home.hear("xxx")
    assert not home.gate.suspicious
    home.hear("x")
    assert home.gate.suspicious
    home.hear("." * 20)
    assert not home.gate.suspicious


def test_another_device_has_another_echo() -> None:
    echo = Echo("half_duplex")
    gate = Gate(Settings(), AlwaysEngine(), echo)
    gate.playing = True
    for _ in range(20):
        gate.played(loud(8000))
        gate.feed(loud(2000))
    assert echo.coupling_db is not None
    gate.forget_echo()
    assert echo.coupling_db is None


def test_with_headphones_an_interruption_takes_as_long_as_is_configured_and_raises_suspicion() -> (
    None
):
    home = room(Echo("off"), barge_in_ms=200)
    home.gate.playing = True
    home.hear("oooooo")
    assert home.gate.suspicious
    assert home.events == []
    home.hear("oooo")
    assert home.events == [(9, "started")]
    home.gate.playing = False
    home.hear("." * 40)
    home.hear("xxxx")
    assert home.events[-1] == (53, "started"), "there is no echo to wait for after it"
