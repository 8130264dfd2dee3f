"""JSON Schemas of the HTTP API's responses, including the status."""

from __future__ import annotations

from typing import get_args

from ..notifications import QuestionOutcome, SaidOutcome, ToolPhase
from .schema_parts import (
    CONNECTION_STATE,
    COUNT,
    FLAG,
    LEVEL,
    STATUS_WORD,
    TEXT,
    TIME,
    TIMER_KIND,
    Schema,
    object_of,
    one_of,
    or_null,
)

SAID: Schema = object_of(
    {
        "id": TEXT,
        "outcome": one_of(*get_args(SaidOutcome)),
        "heard_ms": COUNT,
        "audible": one_of("yes", "no", "unknown"),
    }
)
_DB: Schema = {"type": "number"}
ECHO: Schema = object_of(
    {
        "noise_dbfs": {**_DB, "description": "the room when it is quiet"},
        "delay_ms": {**or_null("number"), "description": "null: the chirp was not heard"},
        "echo_db": {**or_null("number"), "description": "the microphone against what is played"},
        "advice": {"type": "array", "items": TEXT},
        "curve": {
            "type": "array",
            "items": _DB,
            "description": "dB below the strongest point, every 5 ms, from 20 ms before it on",
        },
    },
    more=True,
)
ASKED: Schema = object_of(
    {
        "outcome": one_of(*get_args(QuestionOutcome)),
        "text": {**TEXT, "description": "what was said"},
        "id": {**or_null("string"), "description": "the offered answer that it means, if any"},
        "reason": {**TEXT, "description": "why there is no answer, in words"},
    }
)
TAUGHT: Schema = object_of(
    {
        "name": TEXT,
        "accepted": {**FLAG, "description": "the recording can be used; or the word was heard"},
        "reason": {**TEXT, "description": "why not, or what comes next; to be shown"},
        "recorded": COUNT,
        "needed": {**COUNT, "description": "recordings, the last one as a test"},
        "how": {**TEXT, "description": "how to say the next one"},
        "done": {**FLAG, "description": "it is learned, and kept"},
        "score": {"type": ["number", "null"], "description": "of a test, from 0 to 1"},
        "warnings": {"type": "array", "items": TEXT},
    }
)
WAKE: Schema = object_of(
    {
        "words": {"type": "array", "items": object_of({"name": TEXT}, more=True)},
        "missing": {**TEXT, "description": "what must be installed before a word can be taught"},
    }
)
ERROR: Schema = object_of({"error": object_of({"code": TEXT, "message": TEXT})})
HEALTH: Schema = object_of({"ok": FLAG})
READY: Schema = object_of({"ready": FLAG, "reasons": {"type": "array", "items": TEXT}})
DEVICES: Schema = {
    "type": "array",
    "items": object_of(
        {
            "name": TEXT,
            "kind": one_of("microphone", "speaker"),
            "direction": {
                **one_of("input", "output"),
                "deprecated": True,
                "description": "input for a microphone, output for a speaker; use kind",
            },
            "default": FLAG,
            "place": or_null("string"),
            "channels": COUNT,
            "rates": {"type": ["array", "null"], "items": COUNT},
        },
        "place",
        "channels",
        "rates",
        more=True,
    ),
}
REPORT: Schema = object_of(
    {
        "changed": {
            "type": "array",
            "items": object_of(
                {
                    "option": TEXT,
                    "part": TEXT,
                    "state": one_of("applied", "pending", "failed", "restart"),
                    "reason": TEXT,
                },
                "reason",
                more=True,
            ),
        },
        "warnings": {"type": "array", "items": TEXT},
    },
    more=True,
)
SOUND: Schema = {
    "echo": one_of("half_duplex", "cancel", "system", "off"),
    "engine": one_of("silero", "webrtc", "level", "always", "never"),
    "listen": one_of("open", "wake_word", "push_to_talk"),
    "notes": {
        "type": "array",
        "items": TEXT,
        "description": "configured features that are not in effect, each with the remedy",
    },
}
_TIMER: Schema = object_of(
    {
        "id": TEXT,
        "kind": TIMER_KIND,
        "name": TEXT,
        "text": TEXT,
        "state": one_of("running", "paused", "ringing"),
        "ends_at": {**or_null("string"), "description": "null while it is paused"},
        "left_s": {"type": "number", "minimum": 0},
        "length_s": {"type": "number", "minimum": 0, "description": "0 for a time of day"},
        "at": {**or_null("string"), "description": "the next time of day, local"},
        "days": {"type": "array", "items": TEXT},
        "created": TIME,
    },
    more=True,
)
RECORDED: Schema = object_of(
    {
        "format": {"const": 1},
        "seconds": {"type": "number", "description": "now, since the start of the daemon"},
        "dropped": {**COUNT, "description": "how many older ones are gone"},
        "events": {
            "type": "array",
            "items": object_of({"t": {"type": "number"}, "kind": TEXT}, more=True),
            "description": "numbers, flags and words of fixed lists; ids count from 1",
        },
    }
)
_TIMERS: Schema = {"type": "array", "items": _TIMER}
TIMERS: Schema = object_of({"timers": _TIMERS, "missed": _TIMERS}, more=True)
CALL_OUTCOME: Schema = {
    "call": TEXT,
    "tool": TEXT,
    "source": TEXT,
    "phase": one_of(*get_args(ToolPhase)),
    "took_ms": COUNT,
    "as_asked": one_of("yes", "no", "unknown"),
}
CALL_WORDS: Schema = {"arguments": TEXT, "result": TEXT}
_TOOLS: Schema = {
    "sources": {
        "type": "array",
        "items": object_of(
            {
                "name": TEXT,
                "state": one_of("ok", "starting", "unreachable", "refused"),
                "tools": COUNT,
                "note": TEXT,
            }
        ),
    },
    "tools": COUNT,
    "tokens": {**COUNT, "description": "about what the tools cost with each answer"},
    "notes": {"type": "array", "items": TEXT},
}
_MQTT: Schema = {
    "state": {
        **one_of("off", "starting", "ok", "unreachable", "refused", "conflict"),
        "description": "conflict: another client of the broker has the same name",
    },
    "broker": {**TEXT, "description": "host and port"},
    "topic": {**TEXT, "description": "where all topics of this daemon begin"},
    "notes": {"type": "array", "items": TEXT, "description": "what to do"},
}
_PARAMETERS: Schema = {
    "properties": {"type": "object"},
    "required": {"type": "array", "items": TEXT},
}
_TOOL: Schema = object_of(
    {
        "name": TEXT,
        "description": TEXT,
        "parameters": object_of(_PARAMETERS, *_PARAMETERS, more=True),
        "source": TEXT,
        "read_only": FLAG,
        "confirm": {**FLAG, "description": "whether a call may need a spoken yes"},
    },
    more=True,
)
TOOLS: Schema = object_of({**_TOOLS, "list": {"type": "array", "items": _TOOL}}, *_TOOLS, more=True)
TOOL_OUTPUT: Schema = object_of(
    {
        "result": {"description": "any JSON value; of a long one its beginning"},
        "left_out": {**COUNT, "description": "characters of the result that are left out"},
        "error": {**TEXT, "description": "why there is no result"},
    },
    "result",
    "left_out",
    "error",
    more=True,
)
NOTES: Schema = object_of(
    {
        "notes": {
            "type": "array",
            "items": object_of({"id": TEXT, "text": TEXT, "noted": TEXT}, more=True),
        }
    }
)
ACTIONS: Schema = object_of(
    {
        "actions": {
            "type": "array",
            "items": object_of(
                {"id": TEXT, "time": TIME, "asked": TEXT, **CALL_OUTCOME, **CALL_WORDS},
                "asked",
                *CALL_WORDS,
                more=True,
            ),
            "description": "the newest first; `asked`: what was said before; that, `arguments` and "
            "`result` only with http.publish_transcripts",
        }
    },
    more=True,
)
_CHOSEN: Schema = {"description": "a string, or a number for the volume"}
SETTINGS: Schema = object_of(
    {
        "settings": {
            "type": "array",
            "items": object_of(
                {
                    "name": TEXT,
                    "option": {**TEXT, "description": "of the configuration"},
                    "value": _CHOSEN,
                    "configured": _CHOSEN,
                    "changed": {**FLAG, "description": "whether it is not as configured"},
                    "choices": {"type": ["array", "null"], "items": TEXT},
                },
                more=True,
            ),
        }
    },
    more=True,
)
_USAGE: Schema = {
    "responses": COUNT,
    "cost_today": {"type": "number", "minimum": 0},
    "daily_limit": or_null("number"),
}
STATUS: Schema = object_of(
    {
        "status": STATUS_WORD,
        "previous": STATUS_WORD,
        "since": TIME,
        "connection": object_of(
            {
                "state": CONNECTION_STATE,
                "profile": TEXT,
                "session_id": or_null("string"),
                "expires_at": or_null("string"),
                "reconnects": COUNT,
                "renewals": COUNT,
                "last_error": or_null("string"),
                "asleep": FLAG,
            },
            "renewals",
            "asleep",
            more=True,
        ),
        "microphone": object_of(
            {
                "state": one_of("ok", "lost", "deaf", "none"),
                "device": TEXT,
                "reason": or_null("string"),
                "level_dbfs": {"type": "number"},
            },
            "reason",
            more=True,
        ),
        "speaker": object_of(
            {
                "state": one_of("ok", "lost", "none"),
                "device": TEXT,
                "reason": or_null("string"),
            },
            "reason",
            more=True,
        ),
        "sound": object_of(SOUND, more=True),
        "muted": FLAG,
        "talking": FLAG,
        "volume": LEVEL,
        "uplink": object_of(
            {
                "open": FLAG,
                "bytes": COUNT,
                "today": {**COUNT, "description": "since midnight, or the start if later"},
                "hours": {
                    "type": "array",
                    "items": COUNT,
                    "description": "in each hour of today, 24 of them, local time",
                },
            },
            "today",
            "hours",
            more=True,
        ),
        "tools": object_of(_TOOLS, *_TOOLS, more=True),
        "timers": _TIMERS,
        "ducking": object_of(
            {"way": one_of("off", "none", "module", "roles", "volumes"), "active": FLAG}
        ),
        "persona": object_of(
            {"name": TEXT, "wanted": TEXT, "names": {"type": "array", "items": TEXT}}
        ),
        "wake_words": {
            "type": "array",
            "items": object_of({"word": TEXT, "heard": COUNT, "near_misses": COUNT}, more=True),
        },
        "chosen": {"type": "object", "description": "settings laid over the configuration"},
        "usage": object_of(
            {
                **_USAGE,
                "cost_total": {"type": "number", "minimum": 0},
                "today": {"type": "object"},
                "total": {"type": "object"},
            },
            *_USAGE,
            more=True,
        ),
        "ha_state": {
            **one_of("idle", "listening", "processing", "responding"),
            "description": "the status in the words of Home Assistant",
        },
        "daemon": object_of({"id": TEXT, "name": TEXT}, "id", "name", more=True),
        "mqtt": object_of(_MQTT, *_MQTT, more=True),
        "version": TEXT,
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
BROADCAST_ANSWER: Schema = {
    **STATUS,
    "properties": {
        **STATUS["properties"],
        "said": {
            **object_of({"id": TEXT}, more=True),
            "description": "the id under which it is said here; left out if it is not",
        },
        "sent": {**FLAG, "description": "whether the MQTT broker has it, for the others"},
        "reason": {**TEXT, "description": "why it is not said here or not sent, in words"},
    },
    "required": [*STATUS["required"], "sent", "reason"],
}
