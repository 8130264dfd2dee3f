"""JSON Schemas of the HTTP API: request bodies, the status, and the data of every event.

`check` validates a body with the few keywords of JSON Schema that are used here, so that the
documents always agree with the code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from ..notifications import DeviceCode, QuestionOutcome, SaidOutcome, ToolPhase

Schema = dict[str, Any]
TEXT_MAX = 4000  # characters of one text


def _object(properties: Schema, *optional: str, more: bool = False) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": more}
    required = [name for name in properties if name not in optional]
    return {**schema, "required": required} if required else schema


def _words(*names: str) -> Schema:
    return {"type": "string", "enum": list(names)}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_LEVEL: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_STATUS = _words("idle", "listening", "thinking", "speaking")
_STATE = _words("connecting", "open", "renewing", "closing", "closed")
_SOURCE = _words("local", "service")

NOTHING: Schema = _object({})
_QUEUED: Schema = {
    "priority": {**_words("normal", "high"), "default": "normal"},
    "id": {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": r"^[A-Za-z0-9._:-]+$",
        "description": "an id of letters, digits and . _ : -; within ten minutes the same id is "
        "said or played once",
    },
    "wait": {**_FLAG, "default": False, "description": "answer when it was said or played"},
}
SAY: Schema = _object(
    {
        "text": {"type": "string", "minLength": 1, "maxLength": TEXT_MAX, "pattern": r"\S"},
        "mode": {**_words("verbatim", "prompt"), "default": "prompt"},
        "remember": {**_FLAG, "default": False},
        **_QUEUED,
        "chime": {**_FLAG, "default": False, "description": "with a short sound before it"},
    },
    "mode",
    "remember",
    "chime",
    *_QUEUED,
)
_PLACE_OF_SOUND: Schema = {"type": "string", "minLength": 1, "maxLength": 2000}
PLAY: Schema = {
    **_object(
        {
            "url": {
                **_PLACE_OF_SOUND,
                "pattern": r"^https?://\S+$",
                "description": "an address that begins with http:// or https://, of a host in "
                "audio.play.hosts",
            },
            "file": {**_PLACE_OF_SOUND, "description": "a file below audio.play.folder"},
            **_QUEUED,
        },
        "url",
        "file",
        *_QUEUED,
    ),
    "oneOf": [{"required": ["url"]}, {"required": ["file"]}],
}
SAID: Schema = _object(
    {
        "id": _TEXT,
        "outcome": _words(*get_args(SaidOutcome)),
        "heard_ms": _COUNT,
        "audible": _words("yes", "no", "unknown"),
    }
)
_ANSWER_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
_SENTENCE: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
ASK: Schema = _object(
    {
        "question": {"type": "string", "minLength": 1, "maxLength": TEXT_MAX, "pattern": r"\S"},
        "answers": {
            "type": "array",
            "maxItems": 32,
            "items": _object(
                {
                    "id": _ANSWER_ID,
                    "sentences": {"type": "array", "maxItems": 32, "items": _SENTENCE},
                },
                "sentences",
            ),
            "description": "the answers that are offered, and sentences that mean them",
        },
        "timeout_s": {
            "type": "number",
            "minimum": 1,
            "maximum": 120,
            "default": 20,
            "description": "for how long nobody may speak after the question",
        },
        "chime": {**_FLAG, "default": True, "description": "with a short sound before it"},
    },
    "answers",
    "timeout_s",
    "chime",
)
ASKED: Schema = _object(
    {
        "outcome": _words(*get_args(QuestionOutcome)),
        "text": {**_TEXT, "description": "what was said"},
        "id": {**_or_null("string"), "description": "the offered answer that it means, if any"},
        "reason": {**_TEXT, "description": "why there is no answer, in words"},
    }
)
START_CONVERSATION: Schema = _object(
    {
        "text": SAY["properties"]["text"],
        "instructions": {
            "type": "string",
            "maxLength": TEXT_MAX,
            "default": "",
            "description": "what the model should know of it, or do next",
        },
        **{name: SAY["properties"][name] for name in ("priority", "id", "wait", "chime")},
    },
    "instructions",
    "priority",
    "id",
    "wait",
    "chime",
)
VOLUME: Schema = _object({"level": _LEVEL})
MUTE: Schema = _object(
    {"muted": {**_FLAG, "default": True, "description": "false opens the microphone again"}},
    "muted",
)

_SECONDS: Schema = {"type": "number", "minimum": 1, "maximum": 604_800}
_TIMER_END: Schema = {
    "seconds": {**_SECONDS, "description": "from now; else give at"},
    "at": {
        "type": "string",
        "maxLength": 40,
        "pattern": r"^(\d{4}-\d\d-\d\d[T ])?\d?\d:\d\d(:\d\d)?$",
        "description": "local time: HH:MM, or with its date as in 2026-12-24T18:30",
    },
    "days": {
        "type": "array",
        "items": _words("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        "maxItems": 7,
        "description": "weekdays on which it repeats",
    },
    "name": {"type": "string", "maxLength": 60},
    "text": {"type": "string", "maxLength": 500, "description": "what a reminder says"},
}
_TIMER_KIND = _words("timer", "alarm", "reminder")
TIMER_SET: Schema = {
    **_object({"kind": _TIMER_KIND, **_TIMER_END}, *_TIMER_END),
    "oneOf": [{"required": ["seconds"]}, {"required": ["at"]}],
}
TIMER_CHANGE: Schema = _object(
    {
        **_TIMER_END,
        "more_s": {
            "type": "number",
            "minimum": -604_800,
            "maximum": 604_800,
            "description": "seconds to add",
        },
        "paused": _FLAG,
    },
    *_TIMER_END,
    "more_s",
    "paused",
)
SNOOZE: Schema = _object({"seconds": {**_SECONDS, "default": 600}}, "seconds")

ERROR: Schema = _object({"error": _object({"code": _TEXT, "message": _TEXT})})
HEALTH: Schema = _object({"ok": _FLAG})
READY: Schema = _object({"ready": _FLAG, "reasons": {"type": "array", "items": _TEXT}})
DEVICES: Schema = {
    "type": "array",
    "items": _object(
        {
            "name": _TEXT,
            "kind": _words("microphone", "speaker"),
            "direction": {
                **_words("input", "output"),
                "deprecated": True,
                "description": "input for a microphone, output for a speaker; use kind",
            },
            "default": _FLAG,
            "place": _or_null("string"),
            "channels": _COUNT,
            "rates": {"type": ["array", "null"], "items": _COUNT},
        },
        "place",
        "channels",
        "rates",
        more=True,
    ),
}
REPORT: Schema = _object(
    {
        "changed": {
            "type": "array",
            "items": _object(
                {
                    "option": _TEXT,
                    "part": _TEXT,
                    "state": _words("applied", "pending", "failed", "restart"),
                    "reason": _TEXT,
                },
                "reason",
                more=True,
            ),
        },
        "warnings": {"type": "array", "items": _TEXT},
    },
    more=True,
)
_SOUND: Schema = {
    "echo": _words("half_duplex", "cancel", "system", "off"),
    "engine": _words("silero", "webrtc", "level", "always", "never"),
    "listen": _words("open", "wake_word", "push_to_talk"),
    "notes": {
        "type": "array",
        "items": _TEXT,
        "description": "configured features that are not in effect, each with the remedy",
    },
}
_TIMER: Schema = _object(
    {
        "id": _TEXT,
        "kind": _TIMER_KIND,
        "name": _TEXT,
        "text": _TEXT,
        "state": _words("running", "paused", "ringing"),
        "ends_at": {**_or_null("string"), "description": "null while it is paused"},
        "left_s": {"type": "number", "minimum": 0},
        "length_s": {"type": "number", "minimum": 0, "description": "0 for a time of day"},
        "at": {**_or_null("string"), "description": "the next time of day, local"},
        "days": {"type": "array", "items": _TEXT},
        "created": _TIME,
    },
    more=True,
)
_TIMERS: Schema = {"type": "array", "items": _TIMER}
TIMERS: Schema = _object({"timers": _TIMERS, "missed": _TIMERS}, more=True)
_CALL_OUTCOME: Schema = {
    "call": _TEXT,
    "tool": _TEXT,
    "source": _TEXT,
    "phase": _words(*get_args(ToolPhase)),
    "took_ms": _COUNT,
    "as_asked": _words("yes", "no", "unknown"),
}
_SAID: Schema = {"arguments": _TEXT, "result": _TEXT}
_TOOLS: Schema = {
    "sources": {
        "type": "array",
        "items": _object(
            {
                "name": _TEXT,
                "state": _words("ok", "starting", "unreachable", "refused"),
                "tools": _COUNT,
                "note": _TEXT,
            }
        ),
    },
    "tools": _COUNT,
    "tokens": {**_COUNT, "description": "about what the tools cost with each answer"},
    "notes": {"type": "array", "items": _TEXT},
}
_MQTT: Schema = {
    "state": {
        **_words("off", "starting", "ok", "unreachable", "refused", "conflict"),
        "description": "conflict: another client of the broker has the same name",
    },
    "broker": {**_TEXT, "description": "host and port"},
    "topic": {**_TEXT, "description": "where all topics of this daemon begin"},
    "notes": {"type": "array", "items": _TEXT, "description": "what to do"},
}
_TOOL: Schema = _object(
    {
        "name": _TEXT,
        "description": _TEXT,
        "parameters": {"type": "object"},
        "source": _TEXT,
        "read_only": _FLAG,
        "confirm": {**_FLAG, "description": "whether a call may need a spoken yes"},
    },
    more=True,
)
TOOLS: Schema = _object({**_TOOLS, "list": {"type": "array", "items": _TOOL}}, *_TOOLS, more=True)
TOOL_CALL: Schema = _object(
    {
        "arguments": {"type": "object", "description": "as the parameters of the tool say"},
        "confirm": {**_FLAG, "default": False, "description": "a person has said yes to it"},
    },
    "arguments",
    "confirm",
)
TOOL_OUTPUT: Schema = _object(
    {
        "result": {"description": "any JSON value; of a long one its beginning"},
        "left_out": {**_COUNT, "description": "characters of the result that are left out"},
        "error": {**_TEXT, "description": "why there is no result"},
    },
    "result",
    "left_out",
    "error",
    more=True,
)
NOTES: Schema = _object(
    {
        "notes": {
            "type": "array",
            "items": _object({"id": _TEXT, "text": _TEXT, "noted": _TEXT}, more=True),
        }
    }
)
ACTIONS: Schema = _object(
    {
        "actions": {
            "type": "array",
            "items": _object(
                {"id": _TEXT, "time": _TIME, "asked": _TEXT, **_CALL_OUTCOME, **_SAID},
                "asked",
                *_SAID,
                more=True,
            ),
            "description": "the newest first; `asked`: what was said before; that, `arguments` and "
            "`result` only with http.publish_transcripts",
        }
    },
    more=True,
)
STATUS: Schema = _object(
    {
        "status": _STATUS,
        "previous": _STATUS,
        "since": _TIME,
        "connection": _object(
            {
                "state": _STATE,
                "profile": _TEXT,
                "session_id": _or_null("string"),
                "expires_at": _or_null("string"),
                "reconnects": _COUNT,
                "renewals": _COUNT,
                "last_error": _or_null("string"),
                "asleep": _FLAG,
            },
            "renewals",
            "asleep",
            more=True,
        ),
        "microphone": _object(
            {
                "state": _words("ok", "lost", "deaf", "none"),
                "device": _TEXT,
                "reason": _or_null("string"),
                "level_dbfs": {"type": "number"},
            },
            "reason",
            more=True,
        ),
        "speaker": _object(
            {
                "state": _words("ok", "lost", "none"),
                "device": _TEXT,
                "reason": _or_null("string"),
            },
            "reason",
            more=True,
        ),
        "sound": _object(_SOUND, more=True),
        "muted": _FLAG,
        "talking": _FLAG,
        "volume": _LEVEL,
        "uplink": _object({"open": _FLAG, "bytes": _COUNT}),
        "tools": _object(_TOOLS, *_TOOLS, more=True),
        "timers": _TIMERS,
        "ducking": _object(
            {"way": _words("off", "none", "module", "roles", "volumes"), "active": _FLAG}
        ),
        "usage": {"type": "object"},
        "ha_state": {
            **_words("idle", "listening", "processing", "responding"),
            "description": "the status in the words of Home Assistant",
        },
        "daemon": _object({"id": _TEXT, "name": _TEXT}, "id", "name", more=True),
        "mqtt": _object(_MQTT, *_MQTT, more=True),
        "version": _TEXT,
        "uptime_s": {"type": "number", "minimum": 0},
    },
    more=True,
)

TIMER_ANSWER: Schema = {
    **STATUS,
    "properties": {**STATUS["properties"], "timer": _TIMER},
    "required": [*STATUS["required"], "timer"],
}

SAY_ANSWER: Schema = {
    **STATUS,
    "properties": {
        **STATUS["properties"],
        "said": {
            **SAID,
            "required": ["id"],
            "description": "the id, and with `wait`, or when it is known, what became of it",
        },
    },
}

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
                "transcripts": {**_FLAG, "description": "whether transcripts are published"},
            },
        },
    ),
    "status": (
        "the status changed; `speaking` lasts from the first sample played to the last; "
        "without any loudspeaker for as long, in silence",
        _object({"status": _STATUS, "previous": _STATUS}),
    ),
    "speech": (
        "somebody started or stopped speaking",
        _object({"phase": _words("started", "stopped"), "source": _SOURCE}),
    ),
    "transcript": (
        "what was said, by the assistant as far as it was heard (`cut`: playing stopped there); "
        "only with http.publish_transcripts",
        _object(
            {
                "role": _words("user", "assistant"),
                "text": _TEXT,
                "final": _FLAG,
                "item_id": _TEXT,
                "cut": _FLAG,
            }
        ),
    ),
    "interruption": (
        "an answer was cut off after audio_end_ms; it was silent latency_ms after the decision",
        _object({"item_id": _or_null("string"), "audio_end_ms": _COUNT, "latency_ms": _COUNT}),
    ),
    "turn": (
        "an answer finished; latencies from the end of the user's speech or from the request",
        _object(
            {
                "response_id": _TEXT,
                "status": _TEXT,
                **{
                    name: {**_LATENCY, "description": what} for name, what in TURN_LATENCIES.items()
                },
            },
            *TURN_LATENCIES,
        ),
    ),
    "connection": (
        "the connection to the service changed",
        _object(
            {
                "state": _STATE,
                "profile": _TEXT,
                "session_id": _or_null("string"),
                "expires_at": _or_null("string"),
                "reconnects": _COUNT,
                "reason": _or_null("string"),
                "retry_in_s": _or_null("number"),
                "renewals": _COUNT,
                "gap_ms": _or_null("number"),
                "asleep": _FLAG,
            },
            "asleep",
            "renewals",
            "gap_ms",
            more=True,
        ),
    ),
    "device": (
        "a microphone or loudspeaker was found, lost or found deaf, or its reason changed",
        _object(
            {
                "direction": _words("microphone", "speaker"),
                "state": _words("ok", "lost", "deaf", "none"),
                "device": _TEXT,
                "reason": _or_null("string"),
                "code": {"type": ["string", "null"], "enum": [*map(str, DeviceCode), None]},
            },
            "code",
            more=True,
        ),
    ),
    "sound": (
        "the effective echo mode, speech detector or listening mode changed, or their notes",
        _object(_SOUND, more=True),
    ),
    "wake": ("a wake word was detected", _object({"word": _TEXT})),
    "mute": ("the microphone was muted or unmuted", _object({"muted": _FLAG})),
    "volume": ("the volume changed", _object({"level": _LEVEL})),
    "uplink": (
        "sending of sound to the service started or stopped; bytes since the start",
        _object({"open": _FLAG, "bytes": _COUNT}),
    ),
    "usage": (
        "tokens of one answer, as the service reports them",
        _object({"response_id": _TEXT, "usage": {"type": "object"}}, more=True),
    ),
    "error": (
        "an error that concerns the user",
        _object({"source": _TEXT, "code": _TEXT, "message": _TEXT}),
    ),
    "tool": (
        "a call of a tool began, went on or ended; `late`: its result came after 120 s and was "
        "dropped; `arguments` and `result` only with http.publish_transcripts",
        _object({**_CALL_OUTCOME, **_SAID}, *_SAID),
    ),
    "said": (
        "what became of a text of /api/say or a sound of /api/play; `heard_ms`: how much of it was "
        "played",
        SAID,
    ),
    "timer": (
        "something happened to a timer, an alarm or a reminder",
        _object(
            {
                "id": _TEXT,
                "name": _TEXT,
                "phase": _words("set", "changed", "cancelled", "ringing", "dismissed", "missed"),
            }
        ),
    ),
    "ignored": ("what was said was not meant for us", NOTHING),
    "level": (
        "level of the microphone, ten times a second; only with ?types=level",
        _object({"level_dbfs": {"type": "number"}}),
    ),
    "shutdown": ("the daemon stops; reconnect later", NOTHING),
}
"""Every event with its meaning and the schema of its data without `time`."""


def event_schema(name: str) -> Schema:
    """The schema of the data of the event `name`, with `time`."""
    schema = EVENTS[name][1]
    return {
        **schema,
        "properties": {"time": _TIME, **schema["properties"]},
        "required": ["time", *schema.get("required", ())],
    }


def check(schema: Schema, value: object, name: str = "the body") -> str | None:
    """Explain what is wrong with `value`; None if it is valid."""
    if schema.get("type") == "object":
        return _check_object(schema, value, name)
    if "enum" in schema and value not in schema["enum"]:
        return f"{name}: expected {' or '.join(schema['enum'])}"
    if schema["type"] == "boolean" and not isinstance(value, bool):
        return f"{name}: expected true or false"
    if schema["type"] == "number":
        low, high = schema["minimum"], schema["maximum"]
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            return f"{name}: expected a number from {low} to {high}"
    if schema["type"] == "string" and "maxLength" in schema:
        least, most = schema.get("minLength", 0), schema["maxLength"]
        if not isinstance(value, str) or len(value.strip()) < least or len(value) > most:
            return f"{name}: expected words, {least} to {most} characters"
        if not re.search(schema.get("pattern", ""), value):
            return f"{name}: expected {schema['description']}"
    if schema["type"] == "array":
        return _check_array(schema, value, name)
    return None


def _check_array(schema: Schema, value: object, name: str) -> str | None:
    most = schema["maxItems"]
    if not isinstance(value, list) or len(value) > most:
        return f"{name}: expected a list of at most {most}"
    wrong = (check(schema["items"], each, name) for each in value)
    return next(filter(None, wrong), None)


def _check_object(schema: Schema, value: object, name: str) -> str | None:
    if not isinstance(value, dict):
        return f"{name} must be a JSON object"
    if "properties" not in schema:
        return None
    properties = schema["properties"]
    for unknown in [key for key in value if key not in properties]:
        return (
            f"{unknown[:40]}: there is no such field; known are {', '.join(properties) or 'none'}"
        )
    for required in schema.get("required", ()):
        if required not in value:
            return f"{required}: is needed"
    one_of = [each["required"][0] for each in schema.get("oneOf", ())]
    if one_of and sum(each in value for each in one_of) != 1:
        return f"give either {' or '.join(one_of)}"
    return next(
        (wrong for key, each in value.items() if (wrong := check(properties[key], each, key))), None
    )
