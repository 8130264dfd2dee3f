"""Echo, interruptions and cost, measured on a sound card of software (PulseAudio null sinks).

    python -m bench.sound echo MODE [--answers N] [--interruptions N] [--strangers] [--no-loop]
    python -m bench.sound table [--quick] [--mode MODE] [--only SCENARIO] [--answers N]
    python -m bench.sound cost [--seconds S] [--rounds N] [--only NAME] [--python FILE]

`echo`: what the loudspeaker plays comes back to the microphone (80 ms, 0.3). First answers of eight
seconds are heard and nobody speaks: how often does the daemon interrupt itself? Then somebody says
"hello" over answers: how often is that noticed, how long after the first sample of the word is the
loudspeaker silent, and how wrong is `audio_end_ms`, compared to the recording?

`table`: all modes, with words, answers and rooms that no threshold was chosen with:
bench/sound_table.py. `system` uses PulseAudio's module-echo-cancel.

`cost`: CPU and memory, beside bare PyAudio in the same run: bench/sound_cost.py.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench import sound_cost, sound_table
from bench.sound_rig import LONG, Rig, strangers
from tests.sound_server import running_sound_server
from tests.waiting import until

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = ROOT / "rtaudio_daemon" / "recordings"


@dataclass
class Outcome:
    """What came of answers and interruptions; times in ms."""

    own: int
    latencies: list[float]
    errors: list[float]
    reported: list[float]


async def echo(mode: str, answers: int, words: list[Path], loop: bool) -> None:
    with running_sound_server() as server, tempfile.TemporaryDirectory() as name:
        if loop:
            server.echo()
        if mode == "system":
            server.cancel_echo()
        rig = Rig(server, Path(name))
        async with rig.running(lambda audio: replace(audio, echo=mode)) as home:
            for _ in range(answers):
                await rig.ask()
                await until(lambda: home.statuses[-1] == "idle")
            own = len(home.named("interruption"))
            print(f"{mode}: {answers} answers of 8 s, {own} interrupted themselves", flush=True)
            outcome = Outcome(own, [], [], [])
            for number, word in enumerate(words):
                found = await rig.interrupt(str(number), word)
                if found is not None:
                    latency, error, wrong = found
                    print(f"  {word.stem}: {latency:.0f} ms, {error:+.0f} ms, {wrong:+.0f} ms")
                    outcome.latencies.append(latency)
                    outcome.errors.append(error)
                    outcome.reported.append(wrong)
            print(f"{mode}: {report(len(words), outcome)}", flush=True)


def report(tried: int, found: Outcome) -> str:
    if not found.latencies:
        return f"0 of {tried} interruptions noticed"
    p50, p95 = np.percentile(found.latencies, (50, 95))
    off50, off95 = np.percentile(np.abs(found.errors), (50, 95))
    said50, said95 = np.percentile(np.abs(found.reported), (50, 95))
    return (
        f"{len(found.latencies)} of {tried} interruptions noticed; first sample to silence "
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms; "
        f"audio_end_ms off by p50 {off50:.0f}, p95 {off95:.0f} ms; "
        f"latency_ms off by p50 {said50:.0f}, p95 {said95:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("echo")
    sub.add_argument("mode", choices=("auto", "cancel", "half_duplex", "system", "off"))
    sub.add_argument("--answers", type=int, default=10)
    sub.add_argument("--interruptions", type=int, default=10)
    sub.add_argument("--no-loop", action="store_true", help="the room has no echo")
    sub.add_argument("--strangers", action="store_true", help="say the words of `table`")
    sound_table.add_arguments(commands.add_parser("table"))
    sub = commands.add_parser("cost")
    sub.add_argument("--seconds", type=float, default=20)
    sub.add_argument("--rounds", type=int, default=1)
    sub.add_argument("--only", choices=sound_cost.VARIANTS)
    sub.add_argument("--python", default=sys.executable, help="runs the daemon")
    arguments = parser.parse_args()
    if arguments.command == "cost":
        sound_cost.cost(arguments.seconds, arguments.rounds, arguments.only, LONG, arguments.python)
    elif arguments.command == "table":
        sound_table.table(arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            words = [RECORDINGS / "hello.wav"] * arguments.interruptions
            if arguments.strangers:
                words = strangers(Path(folder))
            asyncio.run(echo(arguments.mode, arguments.answers, words, not arguments.no_loop))


if __name__ == "__main__":
    main()
