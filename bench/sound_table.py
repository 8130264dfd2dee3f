"""Interruptions, nearer to reality: each mode and scenario on a sound card of software.

    python -m bench.sound table [--quick] [--mode MODE] [--only SCENARIO] [--answers N]
                                [--at-once N]

`words`: thirty words over answers, by people and voices that no threshold was chosen with
(Debian's alsa-utils and asterisk-core-sounds-en-wav, -fr, -it, -ru): how many are noticed, and how
long after their first sample the loudspeaker is silent; one mode after the other, as it is the
time that counts. In all other scenarios nobody speaks, and four run at once:

    quiet               the echo is 0.3
    up 8, up 14         it is 0.1; in every third answer of four it is turned up by so many dB after
                        three seconds, for that answer and the next
    tail                a tail of 0.5 s, 1.5 times as loud as the direct sound
    television          other speech, 10 dB softer than words are, over each answer
    television, duck    the same with `audio.gate.duck`

Answers are a book read aloud (Debian's pocketsphinx-testdata), eight seconds each, and each time
another piece of it. `interrupted`: answers that stopped, for good or for half a second.

It takes about 45 minutes; with --quick (12 words, 8 answers) about 10.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.computed_rooms import SHARE, Material, Room, held_out
from bench.interruptions import sound_of_television
from bench.sound_rig import RATE, Rig, pauses, strangers, without_pauses
from rtaudio_daemon import config
from tests.harness import Harness, write_wav
from tests.sound_server import running_sound_server
from tests.waiting import until

MODES = ("half_duplex", "cancel", "system", "off")
SCENARIOS = ("words", "quiet", "up 8", "up 14", "tail", "television", "television, duck")
LOOP = Room("loop", 80, 0.3)
SOFT = Room("soft", 80, 0.1)
HALL = Room("hall", 170, 0.3, 1.5, 22)
_LEARNING = 2  # answers before the first word
_UP_AFTER_S = 3
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario with one mode; so many answers, or words."""

    mode: str
    scenario: str
    count: int


@dataclass(slots=True)
class Result:
    """What came of it; times in ms."""

    latencies: dict[str, float] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    positions: list[float] = field(default_factory=list)
    reported: list[float] = field(default_factory=list)
    answers: int = 0
    interrupted: int = 0
    underruns: int = 0

    def row(self, job: Job) -> str:
        """A row of the table."""
        noticed = "– | – | – | –"
        if job.scenario == "words":
            times = (list(self.latencies.values()), np.abs(self.positions), np.abs(self.reported))
            noticed = f"{len(self.latencies)} of {job.count} | " + " | ".join(
                "{:.0f} / {:.0f} ms".format(*np.percentile(each, (50, 95))) if len(each) else "–"
                for each in times
            )
        own = f"{self.interrupted} of {self.answers}" if self.answers else "–"
        return f"| `{job.mode}` | {job.scenario} | {noticed} | {own} |"


@contextmanager
def echo_room(room: Room) -> Iterator[subprocess.Popen[str]]:
    """The microphone hears the loudspeaker; a line with a factor turns it up or down."""
    arguments = [str(each) for each in (room.delay_ms, room.gain, room.tail, room.seed)]
    command = [sys.executable, "-m", "bench.echo_room", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@asynccontextmanager
async def rig_for(job: Job) -> AsyncIterator[tuple[Rig, subprocess.Popen[str]]]:
    """A daemon in the room of the scenario."""
    room = HALL if job.scenario == "tail" else SOFT if job.scenario.startswith("up") else LOOP
    if job.mode == "off":
        room = Room("none", 80, 0.0)

    def change(audio: config.Audio) -> config.Audio:
        gate = replace(audio.gate, duck=job.scenario.endswith("duck"))
        return replace(audio, echo=job.mode, gate=gate)

    with (
        running_sound_server() as server,
        echo_room(room) as turn,
        tempfile.TemporaryDirectory() as name,
    ):
        if job.mode == "system":
            server.cancel_echo()
        rig = Rig(server, Path(name))
        async with rig.running(change):
            yield rig, turn


async def measure(job: Job) -> Result:
    material = held_out(SHARE / "asterisk/sounds")
    result = Result()
    async with rig_for(job) as (rig, turn):
        if job.scenario == "words":
            await words(rig, material, job.count, result)
        elif "television" in job.scenario:
            await television(rig, material, job.count, result)
        else:
            by_db = float(job.scenario.split()[1]) if job.scenario.startswith("up") else 0.0
            await nobody(rig, material, job.count, result, turn, by_db)
        result.underruns = int(rig.home.app.controls.counts()["speaker_underruns"])
    return result


async def words(rig: Rig, material: Material, count: int, result: Result) -> None:
    """Words over answers, after some from which the echo is learned."""
    rig.answer = np.resize(without_pauses(np.concatenate(material.answers[:4])), 8 * RATE)
    for _ in range(_LEARNING):
        await rig.ask()
        await until(lambda: rig.home.statuses[-1] == "idle")
    said = strangers(rig.folder)
    for number, word in enumerate(said[:: max(1, len(said) // count)][:count]):
        found = await rig.interrupt(str(number), word)
        if found is None:
            result.missed.append(word.stem)
            continue
        latency, position, reported = found
        result.latencies[word.stem] = latency
        result.positions.append(position)
        result.reported.append(reported)


async def nobody(
    rig: Rig,
    material: Material,
    count: int,
    result: Result,
    turn: subprocess.Popen[str],
    by_db: float,
) -> None:
    """Answers while nobody speaks, and perhaps somebody turns the loudspeaker up."""
    for number in range(count):
        rig.answer = material.answers[number % len(material.answers)]
        if number % 4 == 0:
            turn_to(turn, 1.0)
        before = len(list(pauses(rig.home)))
        await rig.ask()
        if by_db and number % 4 == 2:
            await asyncio.sleep(_UP_AFTER_S)
            turn_to(turn, 10 ** (by_db / 20))
        await until(lambda: rig.home.statuses[-1] == "idle")
        count_answer(rig.home, before, result)


async def television(rig: Rig, material: Material, count: int, result: Result) -> None:
    """A television talks from shortly after the beginning of each answer to its end."""
    sound, home = sound_of_television(material), rig.home
    for number in range(count):
        rig.answer = material.answers[number % len(material.answers)]
        begin = number * 8 * RATE % (len(sound) - 8 * RATE)
        programme = write_wav(rig.folder / "television.wav", sound[begin : begin + 7 * RATE])
        await rig.ask()
        before = len(list(pauses(home)))
        on = rig.server.say(programme)
        await asyncio.to_thread(on.wait)
        await until(lambda: home.statuses[-1] == "idle")
        count_answer(home, before, result)


def count_answer(home: Harness, before: int, result: Result) -> None:
    result.answers += 1
    result.interrupted += len(list(pauses(home))) > before


def turn_to(turn: subprocess.Popen[str], factor: float) -> None:
    assert turn.stdin is not None
    turn.stdin.write(f"{factor}\n")
    turn.stdin.flush()


def run(job: Job) -> Result:
    return asyncio.run(measure(job))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="12 words, 8 answers")
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--only", action="append", choices=SCENARIOS)
    parser.add_argument("--answers", type=int, help="in which nobody speaks; 40, 12 (television)")
    parser.add_argument("--at-once", type=int, default=_AT_ONCE, help="scenarios without words")


def jobs(arguments: argparse.Namespace) -> Iterator[Job]:
    for scenario in arguments.only or SCENARIOS:
        for mode in arguments.mode or MODES:
            usual = 12 if "television" in scenario else 40
            count = arguments.answers or (8 if arguments.quick else usual)
            if scenario == "words":
                count = 12 if arguments.quick else 30
            elif mode == "off":
                continue  # nobody hears an echo there
            yield Job(mode, scenario, count)


def table(arguments: argparse.Namespace) -> None:
    """Measure, and print a row for each mode and scenario."""
    todo = list(jobs(arguments))
    print(
        "| `audio.echo` | scenario | noticed | first sample to silence | `audio_end_ms` off by "
        "| `latency_ms` off by | answers interrupted |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    measure_all([job for job in todo if job.scenario == "words"], 1)
    measure_all([job for job in todo if job.scenario != "words"], arguments.at_once)


def measure_all(todo: Sequence[Job], at_once: int) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, mp_context=context, max_tasks_per_child=1) as pool:
        for job, result in zip(todo, pool.map(run, todo), strict=True):
            print(result.row(job), flush=True)
            slowest = sorted(result.latencies.items(), key=lambda each: -each[1])[:6]
            if result.latencies or result.missed:
                named = ", ".join(f"{name} {ms:.0f}" for name, ms in slowest)
                print(f"    missed: {result.missed or 'none'}; slowest: {named}", flush=True)
            if result.underruns:
                print(f"    {result.underruns} underruns of the loudspeaker", flush=True)
