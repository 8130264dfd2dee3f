"""Interruptions in computed rooms: what is noticed, how soon, and what is taken for a person.

    python -m bench.interruptions [--part tuning|held_out|unseen|fresh] [--mode MODE] [--room ROOM]
                                  [--only SCENARIO] [--answers N] [--words N] [--misses]

The real gate and the real engines hear computed rooms, much faster than real time, and with the
same figures every time (bench/computed_rooms.py). `latency` is from a word's first sample to the
decision; the way in and out of a real device comes on top (`bench/sound.py table` measures all).

Scenarios: `words` over answers; `quiet`: nobody speaks; `up 8`, `up 14`: nobody speaks, and the
loudspeaker is turned up by so many dB in the middle of every fourth answer; `television`: other
speech, 10 dB softer than the words, while an answer is heard; `television, duck`. `after`: nobody
speaks, and what is heard in the two seconds after an answer is counted; `after 300`: a word is said
so many ms after its last sample, and counts where a turn begins with it that is not aborted (`all
of it`: where its first sample is sent, too; the last column: what was heard before the word); with
`, up 8` the loudspeaker is louder by 8 dB.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from bench.computed_rooms import (
    LOOP,
    RATE,
    SHARE,
    Heard,
    Listener,
    Material,
    Room,
    fresh,
    held_out,
    loudness,
    onset,
    tuning,
    unseen,
)
from tests.harness import Samples

MODES = ("half_duplex", "cancel", "system", "off")
AFTER = tuple(
    f"after{after}{up}" for up in ("", ", up 8") for after in ("", " 150", " 300", " 500", " 900")
)
SCENARIOS = ("words", "quiet", "up 8", "up 14", "television", "television, duck", *AFTER)
PARTS = {"tuning": tuning, "held_out": held_out, "unseen": unseen, "fresh": fresh}
TELEVISION_DB = -10.0
_UP_AT_S = 3
_WORD_AT_S = 2
_AFTER_S = 2.0
_SHORT_S = 4  # an answer, as its echo is known
_SOON_S = 0.02  # a decision that is no earlier than that before a word is one on the word


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario in one room with one mode."""

    part: str
    sounds: Path
    mode: str
    room: Room
    scenario: str
    answers: int
    words: int


@dataclass(slots=True)
class Result:
    """What came of it: latencies (ms) of what was noticed, and answers that began to be cut."""

    tried: int = 0
    latencies: dict[str, float] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    answers: int = 0
    interrupted: int = 0
    ducked_s: float = 0.0
    whole: int | None = None
    """So many of what was noticed were sent from their first sample on; None: does not matter."""

    def row(self, job: Job) -> str:
        noticed, latency = "–", "–"
        if self.tried:
            noticed = f"{len(self.latencies)} of {self.tried}"
            noticed += f", all of it {self.whole}" if self.whole is not None else ""
            p50, p95 = np.percentile(list(self.latencies.values()) or [np.nan], (50, 95))
            latency = f"{p50:.0f} / {p95:.0f} ms"
        own = f"{self.interrupted} of {self.answers}"
        return (
            f"| `{job.mode}` | {job.room.name} | {job.scenario} | {noticed} | {latency} | {own} |"
        )


def words(job: Job, material: Material) -> Result:
    """Words over answers, after three answers from which the echo is learned."""
    result, room = Result(), job.room
    listener = Listener(job.mode, Room("none", 80, 0.0) if job.mode == "off" else room)
    answers = cycle(material.answers)
    for answer in islice(answers, 3):
        result.answers += 1
        result.interrupted += bool(listener.hear(answer, np.zeros(0)).started)
    step = max(1, len(material.words) // job.words) if job.words else 1
    for number, (name, word) in enumerate(list(material.words.items())[::step]):
        begin = int((_WORD_AT_S + number % 7 / 10) * RATE)
        answer = next(answers)[: begin + len(word) + RATE]
        said = np.concatenate([np.zeros(begin), word])
        first = (begin + onset(word)) / RATE
        started = listener.hear(answer, said).started
        result.tried += 1
        result.answers += 1
        result.interrupted += any(time < first - _SOON_S for time in started)
        heard = [time for time in started if time >= first - _SOON_S]
        if heard:
            result.latencies[name] = (heard[0] - first) * 1000
        else:
            result.missed.append(name)
    return result


def after(job: Job, material: Material) -> Result:
    """Silence after answers, or a word soon after them; three answers come before."""
    head, _, up = job.scenario.partition(", up ")
    gain = 10 ** (float(up or 0) / 20)
    result, listener = Result(), Listener(job.mode, job.room)
    answers = cycle(material.answers)
    for answer in islice(answers, 3):
        listener.hear(answer, np.zeros(0), gain)
    if head == "after":
        for answer in islice(answers, job.answers):
            started = listener.hear(answer[: _SHORT_S * RATE], np.zeros(RATE), gain).started
            result.answers += 1
            result.interrupted += any(0 <= time - _SHORT_S <= _AFTER_S for time in started)
        return result
    first = _SHORT_S + int(head.removeprefix("after ")) / 1000
    result.whole = 0
    step = max(1, len(material.words) // job.words) if job.words else 1
    for name, word in list(material.words.items())[::step]:
        said = np.concatenate([np.zeros(int(first * RATE) - onset(word)), word])
        heard = listener.hear(next(answers)[: _SHORT_S * RATE], said, gain)
        _count(result, name, heard, first)
    return result


def _count(result: Result, name: str, heard: Heard, first: float) -> None:
    """A word after an answer, and what its turn is like, if it has one of its own."""
    result.tried += 1
    result.answers += 1
    result.interrupted += any(_SHORT_S <= time < first - _SOON_S for time in heard.started)
    begun = [
        (time, sent)
        for time, sent in zip(heard.started, heard.sent_from, strict=True)
        if time >= first - _SOON_S and time not in heard.aborted
    ]
    if not begun:
        result.missed.append(name)
        return
    result.latencies[name] = (begun[0][0] - first) * 1000
    result.whole = (result.whole or 0) + (begun[0][1] < first + 0.001)


def nobody(job: Job, material: Material) -> Result:
    """Answers while nobody speaks, but perhaps a television."""
    result = Result()
    by_db = float(job.scenario.split()[1]) if job.scenario.startswith("up") else 0.0
    room = Room("turned up", job.room.delay_ms, 0.1, job.room.tail, job.room.seed)
    listener = Listener(job.mode, room if by_db else job.room, duck=job.scenario.endswith("duck"))
    television = sound_of_television(material) if "television" in job.scenario else np.zeros(0)
    for number, answer in enumerate(islice(cycle(material.answers), job.answers)):
        gain: Samples | float = 10 ** (by_db / 20) if number % 4 == 3 else 1.0
        if by_db and number % 4 == 2:
            gain = np.ones(len(answer))
            gain[_UP_AT_S * RATE :] = 10 ** (by_db / 20)
        begin = number * 8 * RATE % max(1, len(television) - 8 * RATE)
        on = television[begin : begin + 7 * RATE]
        said = np.concatenate([np.zeros(RATE), on]) if len(on) else on
        heard = listener.hear(answer, said, gain)
        result.answers += 1
        result.interrupted += any(time < len(answer) / RATE for time in heard.started)
        result.ducked_s += heard.ducked_s
    return result


def sound_of_television(material: Material) -> Samples:
    person = np.median([loudness(word) for word in material.words.values()])
    sound = np.resize(material.television, max(len(material.television), 60 * RATE))
    return np.asarray(sound * (person / loudness(sound) * 10 ** (TELEVISION_DB / 20)))


def run(job: Job) -> Result:
    material = PARTS[job.part](job.sounds)
    if job.scenario in AFTER:
        return after(job, material)
    return (words if job.scenario == "words" else nobody)(job, material)


def jobs(arguments: argparse.Namespace) -> Iterator[Job]:
    rooms = PARTS[arguments.part](arguments.sounds).rooms
    for mode in arguments.mode or MODES:
        for room in rooms:
            if arguments.room and room.name not in arguments.room:
                continue
            for scenario in arguments.only or SCENARIOS:
                if mode == "off" and (scenario != "words" or room is not LOOP):
                    continue
                yield Job(
                    *(arguments.part, arguments.sounds, mode, room, scenario),
                    *(arguments.answers, arguments.words),
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS, default="held_out")
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--room", action="append")
    parser.add_argument("--only", action="append", choices=SCENARIOS)
    parser.add_argument("--answers", type=int, default=40)
    parser.add_argument("--words", type=int, default=0, help="so many of them; 0: all")
    parser.add_argument("--misses", action="store_true", help="name what was missed or late")
    parser.add_argument("--sounds", type=Path, default=SHARE / "asterisk/sounds")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    todo = list(jobs(arguments))
    with ProcessPoolExecutor(arguments.processes) as pool:
        for job, result in zip(todo, pool.map(run, todo), strict=True):
            print(result.row(job), flush=True)
            if arguments.misses and result.tried:
                slow = sorted(result.latencies.items(), key=lambda each: -each[1])[:6]
                print(f"    missed: {result.missed}; slowest: {slow}", flush=True)


if __name__ == "__main__":
    main()
