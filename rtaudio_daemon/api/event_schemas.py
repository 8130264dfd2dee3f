"""JSON Schemas of the data of every event."""

from __future__ import annotations

from collections.abc import Mapping

from ..notifications import DeviceCode
from .answer_schemas import CALL_OUTCOME, CALL_WORDS, SAID, SOUND, STATUS
from .schema_parts import (
    CONNECTION_STATE,
    COUNT,
    FLAG,
    LEVEL,
    NOTHING,
    SPEECH_SOURCE,
    STATUS_WORD,
    TEXT,
    TIME,
    Schema,
    object_of,
    one_of,
    or_null,
)

_LATENCY: Schema = {"type": "integer"}

TURN_LATENCIES: Mapping[str, str] = {
    "speech_ms": "duration of the user's speech",
    "endpoint_ms": "end of speech until the service reported the end of the turn",
    "response_ms": "end of speech until the service began an answer",
    "first_audio_ms": "end of speech until the first sound of the answer arrived",
    "first_sound_ms": "end of speech until the first sample was played",
    "generated_ms": "end of speech until the whole answer was generated",
    "last_sound_ms": "end of speech until the last sample was played",
}

EVENTS: Mapping[str, tuple[str, Schema]] = {
    "snapshot": (
        "the whole status; first, and (with `gap`) when missed events are no longer kept",
        {
            **STATUS,
            "properties": {
                **STATUS["properties"],
                "gap": {"const": True},
                "transcripts": {**FLAG, "description": "whether transcripts are published"},
            },
        },
    ),
    "status": (
        "the status changed; `speaking` lasts from the first sample played to the last; "
        "without any loudspeaker for as long, in silence",
        object_of({"status": STATUS_WORD, "previous": STATUS_WORD}),
    ),
    "speech": (
        "somebody started or stopped speaking",
        object_of({"phase": one_of("started", "stopped"), "source": SPEECH_SOURCE}),
    ),
    "transcript": (
        "what was said, by the assistant as far as it was heard (`cut`: playing stopped there; "
        "once more, whole, when that was nobody's doing and the rest was played); "
        "only with http.publish_transcripts",
        object_of(
            {
                "role": one_of("user", "assistant"),
                "text": TEXT,
                "final": FLAG,
                "item_id": TEXT,
                "cut": FLAG,
            }
        ),
    ),
    "interruption": (
        "an answer was cut off after audio_end_ms; it was silent latency_ms after the decision",
        object_of({"item_id": or_null("string"), "audio_end_ms": COUNT, "latency_ms": COUNT}),
    ),
    "turn": (
        "an answer finished; latencies from the end of the user's speech or from the request",
        object_of(
            {
                "response_id": TEXT,
                "status": TEXT,
                **{
                    name: {**_LATENCY, "description": what} for name, what in TURN_LATENCIES.items()
                },
            },
            *TURN_LATENCIES,
        ),
    ),
    "connection": (
        "the connection to the service changed",
        object_of(
            {
                "state": CONNECTION_STATE,
                "profile": TEXT,
                "session_id": or_null("string"),
                "expires_at": or_null("string"),
                "reconnects": COUNT,
                "reason": or_null("string"),
                "retry_in_s": or_null("number"),
                "renewals": COUNT,
                "gap_ms": or_null("number"),
                "asleep": FLAG,
            },
            "asleep",
            "renewals",
            "gap_ms",
            more=True,
        ),
    ),
    "device": (
        "a microphone or loudspeaker was found, lost or found deaf, or its reason changed",
        object_of(
            {
                "direction": one_of("microphone", "speaker"),
                "state": one_of("ok", "lost", "deaf", "none"),
                "device": TEXT,
                "reason": or_null("string"),
                "code": {"type": ["string", "null"], "enum": [*map(str, DeviceCode), None]},
            },
            "code",
            more=True,
        ),
    ),
    "sound": (
        "the effective echo mode, speech detector or listening mode changed, or their notes",
        object_of(SOUND, more=True),
    ),
    "wake": (
        "a wake word was detected; `score`: how certain that is, comparable for one word only",
        object_of({"word": TEXT, "score": LEVEL}, "score"),
    ),
    "persona": (
        "somebody else answers from now on, or does not, for a `reason`; empty: nobody special",
        object_of({"name": TEXT, "wanted": TEXT, "reason": or_null("string")}),
    ),
    "mute": ("the microphone was muted or unmuted", object_of({"muted": FLAG})),
    "volume": ("the volume changed", object_of({"level": LEVEL})),
    "uplink": (
        "sending of sound to the service started or stopped; bytes since the start",
        object_of({"open": FLAG, "bytes": COUNT}),
    ),
    "usage": (
        "tokens of one answer, as the service reports them",
        object_of({"response_id": TEXT, "usage": {"type": "object"}}, more=True),
    ),
    "error": (
        "an error that concerns the user",
        object_of({"source": TEXT, "code": TEXT, "message": TEXT}),
    ),
    "tool": (
        "a call of a tool began, went on or ended; `late`: its result came after 120 s and was "
        "dropped; `arguments` and `result` only with http.publish_transcripts",
        object_of({**CALL_OUTCOME, **CALL_WORDS}, *CALL_WORDS),
    ),
    "said": (
        "what became of a text of /api/say or a sound of /api/play; `heard_ms`: how much of it was "
        "played; once more for a text that was interrupted and then played to its end",
        SAID,
    ),
    "timer": (
        "something happened to a timer, an alarm or a reminder",
        object_of(
            {
                "id": TEXT,
                "name": TEXT,
                "phase": one_of("set", "changed", "cancelled", "ringing", "dismissed", "missed"),
            }
        ),
    ),
    "ignored": ("what was said was not meant for us", NOTHING),
    "yielded": (
        "the wake word that was just heard is answered by another daemon, whose id is `to`",
        object_of({"word": TEXT, "to": TEXT}),
    ),
    "level": (
        "level of the microphone, ten times a second; only with ?types=level",
        object_of({"level_dbfs": {"type": "number"}}),
    ),
    "shutdown": ("the daemon stops; reconnect later", NOTHING),
}
"""Every event with its meaning and the schema of its data without `time`."""


def event_schema(name: str) -> Schema:
    """Return the schema of the data of the event `name`, with `time`."""
    schema = EVENTS[name][1]
    return {
        **schema,
        "properties": {"time": TIME, **schema["properties"]},
        "required": ["time", *schema.get("required", ())],
    }
