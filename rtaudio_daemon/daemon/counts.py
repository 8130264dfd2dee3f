"""Counters since the start, and gauges."""

from __future__ import annotations

import asyncio

from ..tools.timers.keeper import TimerKeeper
from .assistant import Assistant


def counts_of(assistant: Assistant, timers: TimerKeeper) -> dict[str, float]:
    """Return what the assistant and the timers count, by the names in `api.metrics.COUNTS`."""
    microphone_input, speaker, wire = (
        assistant.microphone_input,
        assistant.speaker,
        assistant.driver.counters,
    )
    microphone = microphone_input.microphone
    found: dict[str, float] = {
        "uplink_bytes": assistant.driver.uplink_bytes,
        "microphone_frames": microphone_input.frames,
        "gate_openings": microphone_input.openings,
        "microphone_frames_dropped": microphone.dropped if microphone else 0,
        "speaker_underruns": speaker.underruns if speaker else 0,
        "speaker_dropped_seconds": speaker.dropped_ms / 1000 if speaker else 0,
        "wire_frames_up": wire.frames_up,
        "wire_frames_dropped": wire.dropped,
        "wire_malformed": wire.malformed,
        "wire_unknown": wire.unknown,
        "reconnects": wire.reconnects,
        "renewals": wire.renewals,
        "wire_late": wire.late,
        "wire_errors_repeated": wire.repeated_errors,
        "muted": microphone_input.gate.muted,
        "volume": assistant.volume,
        "timers": len(timers.timers()),
        "timers_ringing": len(timers.ringing),
        "timers_missed": len(timers.missed),
    }
    if microphone_input.last_frame_at is not None:
        found["microphone_frame_age_seconds"] = (
            asyncio.get_running_loop().time() - microphone_input.last_frame_at
        )
    return found
