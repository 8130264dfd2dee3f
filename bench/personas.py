"""What it costs in time to be answered by another persona: `python -m bench.personas`.

A word of a persona and a question in one breath, from a file, to a whole daemon and the simulator,
whose sessions open after some time. Each round is heard twice: by a session in which the persona
has spoken already, and by one in which somebody else has. The difference of the times from the
word to the first sound is what the persona costs. Needs espeak-ng.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from rtaudio_daemon import config
from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.audio.processing.format import BYTES_PER_MS
from rtaudio_daemon.simulator.model.reply import Reply, Turn
from tests.harness import Harness, speech

_OPENING_S = (0.0, 0.5, 1.0, 2.0, 4.0)
_QUESTIONS = {"1 s": "what time is it", "3 s": "what is the weather like in town this afternoon"}
_GAP_MS = 300  # between the word and the question
_REST_MS = 9_000
_ANSWER = speech("stop")[: 400 * BYTES_PER_MS]


def spoken(words: str) -> bytes:
    """The words as pcm."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["espeak-ng", "-v", "en-gb", "-s", "150", "-w", file.name, words]
        subprocess.run(command, check=True)
        return read_wav(Path(file.name))


def personal(settings: config.Config) -> config.Config:
    """A word that calls somebody with another voice."""
    words = (config.WakeWord(word="hey_mycroft", persona="mycroft"),)
    wake = config.Wake(words=words, follow_up_s=1)
    audio = replace(settings.audio, listen="wake_word", wake=wake, echo="off")
    return replace(settings, audio=audio, personas={"mycroft": config.Persona(voice="echo")})


async def after_word_s(harness: Harness, rounds: int) -> float:
    """How long it took from this round's word to the first sound of its answer."""

    def answered() -> float | None:
        woken = [at for at, (name, _) in events() if name == "wake"][rounds]
        return next((at for at, each in events() if at > woken and speaks(*each)), None)

    def events() -> list[tuple[float, tuple[str, dict[str, object]]]]:
        return list(zip(harness.times, harness.events, strict=True))

    def speaks(name: str, data: dict[str, object]) -> bool:
        return name == "status" and data["status"] == "speaking"

    await harness.until(lambda: len(harness.named("wake")) > rounds and answered())
    began = answered()
    assert began is not None
    return began - [at for at, (name, _) in events() if name == "wake"][rounds]


async def measured(question: bytes, opening_s: float, rounds: int) -> tuple[float, float]:
    """The median times with the same and with another persona, in ms."""
    said = [(_REST_MS, spoken("hey mycroft")), (_GAP_MS, question)] * (2 * rounds + 1)
    times: dict[bool, list[float]] = {False: [], True: []}

    def reply(_turn: Turn) -> Reply:
        return Reply("Noon.", _ANSWER)

    with tempfile.TemporaryDirectory() as folder:
        async with Harness(Path(folder), said, reply=reply, change=personal) as harness:
            await after_word_s(harness, 0)  # the first is answered by a session that never spoke
            for number in range(1, 2 * rounds + 1):
                another = number % 2 == 0
                await harness.until(lambda: harness.statuses[-1] == "idle")
                if another:
                    await _speak_as_nobody(harness)
                    details = {"delay_s": opening_s, "for_s": opening_s / 2}
                    harness.simulator.fault("slow", on="session.created", **details)
                times[another].append(await after_word_s(harness, number))
            assert not harness.named("error")
    same, other = (statistics.median(times[another]) * 1000 for another in (False, True))
    return same, other


async def _speak_as_nobody(harness: Harness) -> None:
    """Let a session with the usual voice speak, so that it can take no other."""
    await harness.post("/api/persona", {"name": ""})
    await harness.until(lambda: harness.named("persona")[-1]["name"] == "")
    before = harness.statuses.count("speaking")
    await harness.post("/api/say", {"text": "x", "mode": "verbatim"})
    await harness.until(lambda: harness.statuses.count("speaking") > before)
    await harness.until(lambda: harness.statuses[-1] == "idle")


async def main() -> None:
    """Print a row for each time that sessions take to open."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each kind")
    rounds = parser.parse_args().rounds
    print("| question | a session opens after | same persona | another | added |")
    print("| --- | --- | --- | --- | --- |")
    for name, words in _QUESTIONS.items():
        question = spoken(words)
        found = await asyncio.gather(*(measured(question, each, rounds) for each in _OPENING_S))
        for opening_s, (same, other) in zip(_OPENING_S, found, strict=True):
            row = f"| {name} | {opening_s * 1000:.0f} ms | {same:.0f} ms | {other:.0f} ms"
            print(f"{row} | {other - same:.0f} ms |", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
