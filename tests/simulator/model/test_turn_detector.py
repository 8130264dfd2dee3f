"""Where the simulated service sees a turn begin and end."""

from __future__ import annotations

import pytest

from rtaudio_daemon.simulator.model.turn_detector import FRAME_MS, Edge, TurnDetector


def edges(detector: TurnDetector, frames: str) -> list[Edge]:
    """Frames as a drawing: # is speech."""
    found = (detector.frame(1.0 if frame == "#" else 0.0) for frame in frames)
    return [edge for edge in found if edge is not None]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("....##", [Edge("started", 4 * FRAME_MS)]),
        ("....#..#", [Edge("started", 4 * FRAME_MS)]),
        ("....#...#", []),
        ("#......", []),
        ("##..", [Edge("started", 0), Edge("stopped", 4 * FRAME_MS)]),
        ("##.#.#..", [Edge("started", 0), Edge("stopped", 8 * FRAME_MS)]),
        (
            "##..##..",
            [
                Edge("started", 0),
                Edge("stopped", 4 * FRAME_MS),
                Edge("started", 4 * FRAME_MS),
                Edge("stopped", 8 * FRAME_MS),
            ],
        ),
    ],
)
def test_a_turn_starts_with_two_of_four_frames_and_stops_with_silence(
    frames: str, expected: list[Edge]
) -> None:
    assert edges(TurnDetector(threshold=0.5, silence_ms=2 * FRAME_MS), frames) == expected


def test_speech_ends_only_well_below_the_threshold() -> None:
    detector = TurnDetector(threshold=0.5, silence_ms=FRAME_MS)
    assert [detector.frame(level) for level in (0.5, 0.5, 0.4, 0.3)] == [
        None,
        Edge("started", 0),
        None,
        Edge("stopped", 4 * FRAME_MS),
    ]
