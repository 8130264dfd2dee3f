"""How many utterances a service cuts in two that ends a turn after so much silence.

    python -m bench.pauses [--every N]

Recordings of people with pauses in them: sentences and prompts of 1.5 to 15 s in Debian's
pocketsphinx-testdata (LibriVox) and asterisk-core-sounds-en-wav, -es, -fr, -it, -ru, by the
simulator's turn detector (Silero, threshold 0.5). Cut: the turn is over before the last loud
sample, so that what follows is another turn. Who reads aloud pauses less than who thinks what to
say.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from rtaudio_daemon.audio.devices.wav_devices import read_wav
from rtaudio_daemon.simulator.model.turn_detector import FRAME_MS, TurnDetector
from rtaudio_daemon.simulator.model.voice_detector import SileroVoiceDetector
from tests.harness import samples

RATE = 24_000
SHARE = Path("/usr/share")
SILENCES_MS = (600, 500, 400, 300, 200)
_LEAD_S = 1.0
_LOUD_DB = 30.0  # below the loudest 20 ms: a breath, or the room


def recordings() -> dict[str, list[Path]]:
    """Where the sound is, by what it is."""
    found = {
        "pocketsphinx-testdata, LibriVox": sorted(
            (SHARE / "pocketsphinx/test/data/librivox").glob("*.wav")
        )
    }
    for voice in sorted((SHARE / "asterisk/sounds").glob("*_[fm]_*")):
        found[f"asterisk-core-sounds, {voice.name}"] = sorted(voice.glob("*.wav"))
    if len(found) < 5 or not all(found.values()):
        raise SystemExit(
            "needs Debian's pocketsphinx-testdata and asterisk-core-sounds-{en,fr,it,ru}-wav"
        )
    return found


def probabilities(sound: bytes) -> list[float]:
    """How likely speech is, per 32 ms; two seconds of silence follow."""
    rng = np.random.default_rng(1)
    lead, tail = (rng.normal(0, 3, int(seconds * RATE)) for seconds in (_LEAD_S, 2.0))
    whole = np.concatenate([lead, samples(sound), tail]).astype("<i2")
    return list(SileroVoiceDetector().probabilities(whole.tobytes()))


def last_loud_s(sound: bytes) -> float:
    """When the last loud 20 ms end."""
    voice = samples(sound)
    frames = voice[: len(voice) // 480 * 480].reshape(-1, 480)
    levels = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-9)
    return (int(np.flatnonzero(levels > levels.max() - _LOUD_DB)[-1]) + 1) * 0.02


def ended_at_s(found: list[float], silence_ms: int) -> float:
    """When the first turn is over; infinity if there is none."""
    detector = TurnDetector(threshold=0.5, silence_ms=silence_ms)
    for probability in found:
        edge = detector.frame(probability)
        if edge is not None and edge.kind == "stopped":
            return edge.at_ms / 1000 - _LEAD_S
    return float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description="Who is cut off by how much silence.")
    parser.add_argument("--every", type=int, default=1)
    every = parser.parse_args().every
    print(f"| recordings | utterances | {' | '.join(f'{each} ms' for each in SILENCES_MS)} |")
    print(f"| {'--- | ' * (2 + len(SILENCES_MS))}".rstrip())
    total, cut_in_all = 0, dict.fromkeys(SILENCES_MS, 0)
    for name, paths in recordings().items():
        utterances, cut = 0, dict.fromkeys(SILENCES_MS, 0)
        for path in paths[::every]:
            sound = read_wav(path)
            if not 1.5 <= len(sound) / 2 / RATE <= 15:
                continue
            found, last_s = probabilities(sound), last_loud_s(sound)
            if max(found) < 0.5:
                continue  # a tone
            utterances += 1
            for silence_ms in SILENCES_MS:
                cut[silence_ms] += ended_at_s(found, silence_ms) < last_s - FRAME_MS / 1000
        total += utterances
        cut_in_all = {each: cut_in_all[each] + cut[each] for each in SILENCES_MS}
        print(row(name, utterances, cut), flush=True)
    print(row("all", total, cut_in_all))


def row(name: str, utterances: int, cut: dict[int, int]) -> str:
    shares = " | ".join(
        f"{100 * each / max(1, utterances):.1f} % ({each})" for each in cut.values()
    )
    return f"| {name} | {utterances} | {shares} |"


if __name__ == "__main__":
    main()
