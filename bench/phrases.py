"""How well does the simulator tell the phrases of a scenario from each other and from other speech?

Every phrase and every other sentence is spoken by four voices of espeak-ng.
Run: python -m bench.phrases [SCENARIO]
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import soxr

from rtaudio_daemon.simulator.model.phrase_recognizer import PhraseRecognizer
from rtaudio_daemon.simulator.scenario import load

VOICES = ("en-gb", "en-us", "en-gb-scotland", "en+f3")
OTHERS = (
    "Good morning, how are you?",
    "Set a timer for ten minutes.",
    "What time is it?",
    "Play some music.",
    "Open the window please.",
    "I would like a cup of tea.",
    "The cat is on the table.",
    "Who are you?",
    "Tell me a story.",
    "It is raining again.",
    "Where are my keys?",
    "Call my mother.",
    "I am going home now.",
    "No, thank you.",
    "Could you help me?",
    "Seven plus three is ten.",
    "Read the news.",
    "That is not right.",
    "Is the kitchen warm enough?",
    "My friend comes tomorrow.",
    "Please water the plants.",
    "Be quiet for a moment.",
)


def spoken(text: str, voice: str) -> bytes:
    command = ["espeak-ng", "-v", voice, "--stdout", text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    samples = np.frombuffer(wav[44 : len(wav) // 2 * 2], dtype="<i2")
    sound: bytes = soxr.resample(samples, 22_050, 24_000).astype("<i2").tobytes()
    return sound


def main(scenario: str) -> None:
    phrases = load(scenario).phrases
    recognizer = PhraseRecognizer(phrases)
    right = other = taken = 0
    for voice in VOICES:
        for phrase in phrases:
            heard = recognizer(spoken(phrase, voice))
            right += heard == phrase
            other += heard in phrases and heard != phrase
        for sentence in OTHERS:
            heard = recognizer(spoken(sentence, voice))
            taken += heard in phrases
            if heard in phrases:
                print(f"{voice}: {sentence!r} was taken for {heard!r}")
    said = len(phrases) * len(VOICES)
    print(f"of {said} phrases {right} were recognized, {other} taken for another phrase")
    print(f"of {len(OTHERS) * len(VOICES)} other sentences {taken} were taken for a phrase")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "examples/scenarios/light.yaml")
